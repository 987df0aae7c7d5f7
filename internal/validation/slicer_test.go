package validation

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"recsvc/internal/dirty"
)

func slicer(t *testing.T, values int, dimensions ...string) *Slicer {
	t.Helper()
	s, err := NewSlicer(SlicerOptions{Dimensions: dimensions, Values: values})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sliceObservations tags observations by a tab, of which there are six, and a scene, which some lack.
func sliceObservations(s *Slicer, seed uint64, count int) (obs []Observation, tabs, scenes []string) {
	obs = observations(seed, count)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range obs {
		tab, scene := fmt.Sprint(r.IntN(6)), ""
		if r.IntN(3) > 0 {
			scene = "home"
		}
		tabs, scenes = append(tabs, tab), append(scenes, scene)
		obs[i].Tag = s.With(s.With(s.Begin(), 0, []byte(tab)), 1, []byte(scene))
	}
	return obs, tabs, scenes
}

func TestSlicesEqualANaiveRecountAndAddUpToTheTotal(t *testing.T) {
	s := slicer(t, 4, "context.tab", "scene")
	v := New("m/h", Options{Slicer: s})
	obs, tabs, scenes := sliceObservations(s, 11, 12_000)
	known := map[string]int{}
	want := map[string]naive{}
	for i, o := range obs {
		v.Observe(o)
		tab, scene := tabs[i], scenes[i]
		if _, ok := known[tab]; !ok {
			known[tab] = len(known)
		}
		if known[tab] >= 4 {
			tab = "(other)"
		}
		if scene == "" {
			scene = "(none)"
		}
		want["context.tab="+tab], want["scene="+scene] = append(want["context.tab="+tab], o), append(want["scene="+scene], o)
	}
	n, loss := map[string]uint64{}, map[string]float64{}
	got := v.Slices()
	for _, g := range got {
		name := g.Dimension + "=" + g.Value
		want[name].checkWithin(t, name, g.Metrics, 0.01)
		n[g.Dimension] += g.N
		loss[g.Dimension] += g.LogLoss * float64(g.N)
	}
	if len(got) != len(want) || got[4].Value != "(other)" || got[6].Value != "(none)" {
		t.Errorf("%d slices, want %d: %+v", len(got), len(want), got)
	}
	for _, d := range s.Dimensions() {
		if total := v.Total(); n[d] != total.N || math.Abs(loss[d]/float64(n[d])-total.LogLoss) > 1e-9 {
			t.Errorf("slices of %s add up to %d, log-loss %v; total %d, %v", d, n[d], loss[d]/float64(n[d]), total.N, total.LogLoss)
		}
	}
}

func TestWhatIsTaggedUnderOtherDimensionsBelongsNowhere(t *testing.T) {
	before, now := slicer(t, 4, "context.tab"), slicer(t, 4, "scene")
	v := New("m/h", Options{Slicer: now})
	v.Observe(Observation{P: 0.5, Tag: before.With(before.Begin(), 0, []byte("1"))})
	v.Observe(Observation{P: 0.5})
	if got := v.Slices(); len(got) != 1 || got[0].Value != "(other)" || got[0].N != 2 {
		t.Errorf("%+v", got)
	}
}

// store is what a checkpoint holds of slicer and head.
func cutSlicer(s *Slicer, into map[string]string) {
	s.set.Cut(func(key, value []byte, _ dirty.Sum) {
		if value == nil {
			delete(into, string(key))
		} else {
			into[string(key)] = string(value)
		}
	})
	s.set.Flush(1 << 30)
}

func loadAll(t *testing.T, s *Slicer, v *Head, stored map[string]string) {
	t.Helper()
	for key, value := range stored { // in any order
		k, x := []byte(key), []byte(value)
		if ok, err := s.Load(k, x, dirty.SumOf(k, x)); err != nil {
			t.Fatal(err)
		} else if ok {
			continue
		}
		if ok, err := v.Load(k, x, dirty.SumOf(k, x)); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
}

func TestSlicesSurviveSavingAtAnyMoment(t *testing.T) {
	fresh := func() (*Slicer, *Head) {
		s := slicer(t, 4, "context.tab", "scene")
		return s, New("m/h", Options{Slicer: s, Users: 50, Wait: labelWindow})
	}
	s, v := fresh()
	stored := map[string]string{}
	obs, tabs, scenes := sliceObservations(s, 12, 9_000)
	for i, o := range finished(obs) {
		o.Tag = s.With(s.With(s.Begin(), 0, []byte(tabs[i])), 1, []byte(scenes[i]))
		v.Observe(o)
		if i%1777 != 1776 {
			continue
		}
		cutSlicer(s, stored)
		cut(v, stored)
		t2, w := fresh()
		loadAll(t, t2, w, stored)
		if !slices.Equal(w.Slices(), v.Slices()) || w.Users() != v.Users() || !slices.Equal(w.Spans(), v.Spans()) {
			t.Fatalf("metrics differ after %d", i)
		}
		if w.set.Digest() != v.set.Digest() || t2.set.Digest() != s.set.Digest() {
			t.Fatal("digests differ")
		}
		s, v = t2, w
	}
}

func TestOtherDimensionsAndSpansBeginAnew(t *testing.T) {
	s := slicer(t, 4, "context.tab", "scene")
	v := New("m/h", Options{Slicer: s})
	obs, _, _ := sliceObservations(s, 13, 500)
	for _, o := range obs {
		v.Observe(o)
	}
	stored := map[string]string{}
	cutSlicer(s, stored)
	cut(v, stored)
	s2 := slicer(t, 5, "context.tab", "scene")
	w := New("m/h", Options{Slicer: s2, Spans: []time.Duration{2 * time.Hour}})
	loadAll(t, s2, w, stored)
	if w.Total() != v.Total() || len(w.Slices()) != 0 {
		t.Errorf("%+v, slices %+v", w.Total(), w.Slices())
	}
	cutSlicer(s2, stored)
	cut(w, stored)
	for key := range stored {
		if rest, ok := strings.CutPrefix(key, "v\x03m/h"); !ok || rest[0] == 's' || rest[0] == 'w' {
			t.Errorf("%q is still there", key)
		}
	}
}

func TestBadSlicesAreRefused(t *testing.T) {
	s := slicer(t, 2, "scene")
	key := string(s.key)
	for _, tc := range []struct {
		name, key, value string
		want             error
	}{
		{"nothing", key + "\x00", "", ErrShort},
		{"unknown version", key + "\x00", "\x07", ErrVersion},
		{"half a value", key + "\x00", "\x01\x05ab", ErrCorrupt},
		{"empty value", key + "\x00", "\x01\x00", ErrCorrupt},
		{"twice", key + "\x00", "\x01\x01a\x01a", ErrCorrupt},
		{"too many", key + "\x00", "\x01\x01a\x01b\x01c", ErrCorrupt},
		{"a dimension too many", key + "\x01", "\x01", ErrCorrupt},
		{"long key", key + "\x00\x00", "\x01", ErrCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ok, err := slicer(t, 2, "scene").Load([]byte(tc.key), []byte(tc.value), dirty.Sum{Hi: 1})
			if !ok || !errors.Is(err, tc.want) {
				t.Errorf("%v, %v, want %v", ok, err, tc.want)
			}
		})
	}
}

func TestNewSlicerNamesWhatIsTooMuch(t *testing.T) {
	if _, err := NewSlicer(SlicerOptions{Dimensions: make([]string, 8)}); err == nil {
		t.Error("8 dimensions are taken")
	}
	if _, err := NewSlicer(SlicerOptions{Values: 251}); err == nil {
		t.Error("251 values are taken")
	}
}
