package model

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/validation"
)

// loaded returns a model loaded from entries.
func loaded(t *testing.T, opts Options, entries map[string]string) *Model {
	t.Helper()
	m := mustNew(t, opts)
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		value := entries[key]
		ok, err := m.Load([]byte(key), []byte(value), dirty.SumOf([]byte(key), []byte(value)))
		if !ok || err != nil {
			t.Fatalf("load %q: %v, %v", key, ok, err)
		}
	}
	return m
}

func observeAll(m *Model, examples []Example) {
	p := make([]float32, len(m.Heads()))
	for i := range examples {
		ex := &examples[i]
		m.Predict(p, ex.Shared, ex.Own)
		for h := range m.Heads() {
			m.Head(h).Validation().Observe(validation.Observation{P: p[h], Theta: ex.Theta, Positive: ex.Y > 0, Time: int64(i) * int64(864*time.Second)})
			m.Learn(h, ex)
		}
	}
}

func TestSaveAndLoadChangeNothing(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		examples := randomExamples(20, 2500)
		whole, first := mustNew(t, opts), mustNew(t, opts)
		observeAll(whole, examples[:1250])
		observeAll(first, examples[:1250])
		second := loaded(t, opts, contents(first))
		if !slices.Equal(cells(first), cells(second)) {
			t.Fatal("weights changed by saving and loading")
		}
		for i, s := range second.Sets() {
			if s.Digest() != first.Sets()[i].Digest() || s.Count() != first.Sets()[i].Count() {
				t.Errorf("set %d: digest or count changed by saving and loading", i)
			}
		}
		observeAll(whole, examples[1250:])
		observeAll(second, examples[1250:])
		if !slices.Equal(cells(whole), cells(second)) {
			t.Error("learning on from the saved weights gave others")
		}
		want, got := contents(whole), contents(second)
		for key, value := range got {
			if want[key] != value {
				t.Errorf("entry %q differs from that of a model never saved", key)
			}
		}
		for i, s := range second.Sets() {
			if s.Digest() != whole.Sets()[i].Digest() {
				t.Errorf("set %d: digest differs from that of a model never saved", i)
			}
		}
	})
}

func TestACutHoldsTheModelAsItStoodWhileLearningGoesOn(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		m := mustNew(t, opts)
		examples := randomExamples(21, 900)
		observeAll(m, examples[:300])
		contents(m)
		observeAll(m, examples[300:600])
		want := cells(m)
		stored := contentsWhile(m, func() { observeAll(m, examples[600:]) })
		if slices.Equal(want, cells(m)) {
			t.Fatal("nothing was learned during the cut")
		}
		twin := mustNew(t, opts)
		observeAll(twin, examples[:300])
		all := contents(twin)
		maps.Copy(all, stored)
		if !slices.Equal(want, cells(loaded(t, opts, all))) {
			t.Error("the cut does not hold the weights of its moment")
		}
	})
}

// contentsWhile cuts, then lets meanwhile happen, then flushes.
func contentsWhile(m *Model, meanwhile func()) map[string]string {
	entries := map[string]string{}
	for _, s := range m.Sets() {
		s.Cut(func(key, value []byte, _ dirty.Sum) { entries[string(key)] = string(value) })
	}
	meanwhile()
	for _, s := range m.Sets() {
		for !s.Flush(1) {
		}
	}
	return entries
}

func TestBlankPagesAreNeverWritten(t *testing.T) {
	m := mustNew(t, Options{Name: "m", Bits: 20, Heads: []HeadOptions{{Name: "a"}, {Name: "b"}}})
	m.Learn(0, &Example{Shared: Vector{Slots: []uint32{0, 5000}}, Weight: 1})
	m.Learn(1, &Example{Shared: Vector{Slots: []uint32{1 << 19}, Values: []float32{0}}, Weight: 1})
	count := 0
	if err := m.Pages(func(_, _ []byte) error { count++; return nil }); err != nil {
		t.Fatal(err)
	}
	if n := len(contents(m)); n != 2 || count != 2 {
		t.Errorf("%d pages in the cut, %d in the snapshot, want 2", n, count)
	}
}

func snapshot(t *testing.T, m *Model) (keys, values [][]byte) {
	t.Helper()
	if err := m.Pages(func(key, value []byte) error {
		keys, values = append(keys, slices.Clone(key)), append(values, slices.Clone(value))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return keys, values
}

func TestRestoringASnapshotBringsItsWeightsBackAndMarksThemDirty(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		m := mustNew(t, opts)
		examples := randomExamples(22, 600)
		learnAll(m, examples[:40])
		want := cells(m)
		keys, values := snapshot(t, m)
		contents(m)

		observeAll(m, examples[40:])
		metrics := m.Head(0).Validation().Total()
		contents(m)
		r := m.Restore()
		for i := range keys {
			if ok, err := r.LoadPage(keys[i], values[i]); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		r.Finish()
		if !slices.Equal(want, cells(m)) {
			t.Error("weights are not those of the snapshot")
		}
		if m.Head(0).Validation().Total() != metrics {
			t.Error("metrics have changed")
		}
		stored := contents(m)
		for i, key := range keys {
			if stored[string(key)] != string(values[i]) {
				t.Errorf("page %q is not in the next checkpoint", key)
			}
		}
		if n := m.Sets()[0].Count(); n != int64(len(keys)) {
			t.Errorf("%d pages live, want %d", n, len(keys))
		}
	})
}

func TestResetForgetsEverythingInTheStoreToo(t *testing.T) {
	m := mustNew(t, smallOptions())
	learnAll(m, randomExamples(23, 100))
	contents(m)
	m.Reset()
	deleted := 0
	m.Sets()[0].Cut(func(_, value []byte, _ dirty.Sum) {
		if value == nil {
			deleted++
		}
	})
	m.Sets()[0].Flush(1 << 20)
	if n := m.Sets()[0].Count(); n != 0 || deleted == 0 || m.Sets()[0].Digest() != (dirty.Sum{}) {
		t.Errorf("%d pages live, %d deleted", n, deleted)
	}
	if !slices.Equal(cells(m), cells(mustNew(t, smallOptions()))) {
		t.Error("weights are left")
	}
}

func TestEntriesOfOthersAreLeftAlone(t *testing.T) {
	small := smallOptions()
	small.Heads = append(small.Heads, HeadOptions{Name: "extra"})
	m := mustNew(t, small)
	learnAll(m, randomExamples(24, 20))
	keys, values := snapshot(t, m)
	other := mustNew(t, smallOptions())
	r := other.Restore()
	for i, key := range keys {
		checked, err := other.CheckPage(key, values[i])
		if mine := i < len(keys)*3/4; checked != mine || err != nil {
			t.Errorf("page %q checked: %v, %v", key, checked, err)
		}
		if i == 0 && !slices.Equal(cells(other), cells(mustNew(t, smallOptions()))) {
			t.Error("to check a page has changed the model")
		}
		ok, err := r.LoadPage(key, values[i])
		if mine := i < len(keys)*3/4; ok != mine || err != nil {
			t.Errorf("page %q: %v, %v", key, ok, err)
		}
	}
	for _, key := range []string{"", "w", "x\x0bsmall/click", "w\x0bsmall/clack\x00\x00\x00\x00", "v\x0csmall/extra2t"} {
		if ok, err := other.Load([]byte(key), nil, dirty.Sum{}); ok || err != nil {
			t.Errorf("key %q: %v, %v", key, ok, err)
		}
	}
}

func TestBadEntriesAreRefused(t *testing.T) {
	m := mustNew(t, smallOptions())
	learnAll(m, randomExamples(25, 20))
	keys, values := snapshot(t, m)
	key, value := keys[0], values[0]
	with := func(i int, b byte) []byte { v := slices.Clone(value); v[i] = b; return v }
	for _, tc := range []struct {
		name       string
		key, value []byte
		want       error
	}{
		{"nothing", key, []byte{}, ErrShort},
		{"unknown version", key, with(0, 9), ErrVersion},
		{"half a header", key, value[:50], ErrShort},
		{"table of another size", key, with(1, 22), ErrBits},
		{"half a cell", key, value[:len(value)-5], ErrShort},
		{"too long", key, append(slices.Clone(value), 0), ErrCorrupt},
		{"another learner's", key, with(2, 9), ErrShape},
		{"no cells", key, append([]byte{2, 12, 1, 1}, make([]byte, bitmapSize)...), ErrCorrupt},
		{"NaN", key, with(len(value)-1, 0xff), ErrCorrupt},
		{"page beyond the table", append(slices.Clone(key[:len(key)-4]), 0, 0, 0, 4), value, ErrBits},
		{"odd key", key[:len(key)-1], value, ErrCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fresh := mustNew(t, smallOptions())
			ok, err := fresh.Load(tc.key, tc.value, dirty.Sum{Hi: 1})
			if !ok || !errors.Is(err, tc.want) {
				t.Errorf("%v, %v, want %v", ok, err, tc.want)
			}
			if len(contents(fresh)) != 0 || !slices.Equal(cells(fresh), cells(mustNew(t, smallOptions()))) {
				t.Error("it left something behind")
			}
			if ok, err := m.CheckPage(tc.key, tc.value); !ok || !errors.Is(err, tc.want) {
				t.Errorf("checked: %v, %v, want %v", ok, err, tc.want)
			}
		})
	}
	r := m.Restore()
	if _, err := r.LoadPage(key, value); err != nil {
		t.Fatal(err)
	}
	if _, err := r.LoadPage(key, value); err == nil {
		t.Error("a page is taken twice")
	}
}

func TestNewNamesTheWrongOption(t *testing.T) {
	head := func(o HeadOptions) []HeadOptions { o.Name = "h"; return []HeadOptions{o} }
	for _, tc := range []struct {
		opts Options
		want string
	}{
		{Options{}, `model: name "" must have 1 to 100 bytes and no '/'`},
		{Options{Name: "a/b"}, `model: name "a/b" must have 1 to 100 bytes and no '/'`},
		{Options{Name: "m", Bits: 9}, "model m: bits 9 is not within 10 and 28"},
		{Options{Name: "m", Bits: 29}, "model m: bits 29 is not within 10 and 28"},
		{Options{Name: "m"}, "model m: no heads"},
		{Options{Name: "m", Bits: 28, Heads: make([]HeadOptions, 9)}, "model m: 9 heads over 2^28 slots are too many"},
		{Options{Name: "m", Bits: 10, Heads: make([]HeadOptions, 1)}, `model m: head "": name "" must have 1 to 100 bytes and no '/'`},
		{Options{Name: "m", Bits: 10, Heads: []HeadOptions{{Name: "h"}, {Name: "h"}}}, `model m: head "h": name is taken`},
		{Options{Name: "m", Bits: 10, Heads: head(HeadOptions{Hyper: Hyper{Alpha: -1}})}, `model m: head "h": alpha -1 must be above 0`},
		{Options{Name: "m", Bits: 10, Heads: head(HeadOptions{Hyper: Hyper{Alpha: 1e-42}})}, `model m: head "h": alpha is too extreme for 32-bit floats`},
		{Options{Name: "m", Bits: 10, Heads: head(HeadOptions{Hyper: Hyper{Beta: 1e300}})}, `model m: head "h": beta 1e+300 is not finite`},
		{Options{Name: "m", Bits: 10, Heads: head(HeadOptions{Hyper: Hyper{L1: -0.5}})}, `model m: head "h": l1 -0.5 must not be negative`},
		{Options{Name: "m", Bits: 10, Heads: head(HeadOptions{Examination: 7})}, `model m: head "h": examination 7 is unknown`},
		{Options{Name: "m", Bits: 10, Heads: head(HeadOptions{MinTheta: 2})}, `model m: head "h": min theta 2 is not within 0 and 1`},
		{Options{Name: "m", Bits: 10, Heads: head(HeadOptions{Validation: validation.Options{MaxDays: -1}})}, `model m: head "h": max days -1 is negative`},
	} {
		if _, err := New(tc.opts); err == nil || err.Error() != tc.want {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
}
