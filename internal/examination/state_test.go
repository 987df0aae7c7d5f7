package examination

import (
	"errors"
	"maps"
	"reflect"
	"testing"
	"time"

	"recsvc/internal/dirty"
)

// cut brings what a checkpoint holds up to date.
func cut(e *Estimator, into map[string][]byte) {
	e.set.Cut(func(key, value []byte, _ dirty.Sum) {
		if value == nil {
			delete(into, string(key))
			return
		}
		into[string(key)] = append([]byte(nil), value...)
	})
	for !e.set.Flush(1000) {
	}
}

func load(t testing.TB, o Options, entries map[string][]byte) *Estimator {
	t.Helper()
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range entries {
		if ok, err := e.Load([]byte(key), value, dirty.SumOf([]byte(key), value)); err != nil || !ok {
			t.Fatalf("entry %q: %v, %v", key, ok, err)
		}
	}
	if err := e.EndLoad(); err != nil {
		t.Fatal(err)
	}
	return e
}

func (w *world) everything(n int) {
	for range n {
		w.swapped()
		w.drawn()
		w.found()
		w.e.Advance(w.now)
	}
}

func TestARestartChangesNothing(t *testing.T) {
	o := Options{Method: Swaps, MinWeight: 50, Step: time.Minute, HalfLife: time.Hour, Positions: len5}
	straight, before := newWorld(t, 2, o), newWorld(t, 2, o)
	straight.everything(900)
	before.everything(400)
	entries := map[string][]byte{}
	cut(before.e, entries)
	before.everything(130)
	cut(before.e, entries) // the second holds only what has changed since
	after := &world{r: before.r, now: before.now, e: load(t, o, entries)}
	if after.e.set.Digest() != before.e.set.Digest() || after.e.Counters() != before.e.Counters() {
		t.Fatal("what is loaded is not what was stored")
	}
	after.everything(370)
	was, is := map[string][]byte{}, maps.Clone(entries)
	cut(straight.e, was)
	cut(after.e, is)
	if !reflect.DeepEqual(was, is) || straight.e.set.Digest() != after.e.set.Digest() {
		t.Error("with a restart on the way the state is another one")
	}
	if !reflect.DeepEqual(straight.e.Reports(), after.e.Reports()) {
		t.Error("with a restart on the way the reports are others")
	}
	for k := range len5 {
		want, _ := straight.e.Theta(0, k+1)
		if got, ok := after.e.Theta(0, k+1); !ok || got != want {
			t.Errorf("θ of position %d is %v, want %v", k+1, got, want)
		}
	}
}

func TestReportsAreThereAfterALoad(t *testing.T) {
	w := newWorld(t, 2, Options{})
	w.everything(400)
	entries := map[string][]byte{}
	cut(w.e, entries)
	got := load(t, Options{Positions: len5, HalfLife: 10 * 365 * 24 * time.Hour}, entries).Reports()
	if len(got) != 1 || got[0].Of(Swaps)[1].Effective < 400 || got[0].Counters != w.e.Counters() {
		t.Errorf("reports after a load: %+v", got)
	}
}

func TestDamagedEntriesAreToldApart(t *testing.T) {
	w := newWorld(t, 2, Options{})
	w.everything(50)
	entries := map[string][]byte{}
	cut(w.e, entries)
	for key, value := range entries {
		for name, tc := range map[string]struct {
			value []byte
			want  error
		}{
			"another version": {append([]byte{9}, value[1:]...), ErrVersion},
			"a byte more":     {append(value[:len(value):len(value)], 0), nil}, // corrupt or short, by its kind
			"cut short":       {value[:len(value)-1], ErrShort},
			"empty":           {nil, ErrShort},
		} {
			e, err := New(Options{Positions: len5})
			if err != nil {
				t.Fatal(err)
			}
			ok, err := e.Load([]byte(key), tc.value, dirty.Sum{})
			if !ok || err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("entry %q, %s: %v, %v, want %v", key, name, ok, err, tc.want)
			}
		}
	}
	e, _ := New(Options{Positions: len5})
	if ok, err := e.Load([]byte("w/other"), []byte{1}, dirty.Sum{}); ok || err != nil {
		t.Errorf("another room's entry: %v, %v", ok, err)
	}
}

func FuzzLoad(f *testing.F) {
	w := newWorld(f, 2, Options{})
	w.everything(50)
	entries := map[string][]byte{}
	cut(w.e, entries)
	for key, value := range entries {
		f.Add([]byte(key), value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		e, err := New(Options{Positions: len5, Method: Harvest})
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := e.Load(key, value, dirty.SumOf(key, value)); !ok || err != nil {
			return
		}
		if e.EndLoad() != nil {
			return
		}
		for _, r := range e.Reports() {
			for m := Swaps; m <= EM; m++ {
				for _, x := range r.Of(m) {
					if x.Theta != x.Theta {
						t.Errorf("entry %q makes a curve that is not a number", key)
					}
				}
			}
		}
		g := e.Group("", "")
		e.Observe(&Outcome{Group: g, Position: 2, P: .5, Item: 4, Time: 1e18})
		e.Advance(2e18)
	})
}
