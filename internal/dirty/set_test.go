package dirty

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// shelf is a table for tests: entries by id, free ids reused, keys that come back under other ids.
type shelf struct {
	set   *Set
	keys  []string // by id; empty: free
	vals  []uint64
	free  []uint32
	byKey map[string]uint32
}

func newShelf() *shelf {
	s := &shelf{byKey: map[string]uint32{}}
	s.set = NewSet(s)
	return s
}

func (s *shelf) AppendKey(dst []byte, id uint32) []byte {
	if s.keys[id] == "" {
		panic(fmt.Sprintf("key of free entry %d", id))
	}
	return append(dst, s.keys[id]...)
}

func (s *shelf) AppendValue(dst []byte, id uint32) []byte {
	if s.vals[id]%5 == 0 {
		return dst // an empty value is a value
	}
	return binary.AppendUvarint(dst, s.vals[id])
}

// put creates or changes the entry of key.
func (s *shelf) put(key string, val uint64) {
	id, ok := s.byKey[key]
	if !ok {
		if n := len(s.free); n > 0 {
			id, s.free = s.free[n-1], s.free[:n-1]
		} else {
			id = uint32(len(s.keys))
			s.keys, s.vals = append(s.keys, ""), append(s.vals, 0)
		}
	}
	s.set.Touch(id)
	s.keys[id], s.vals[id], s.byKey[key] = key, val, id
}

func (s *shelf) remove(key string) {
	id, ok := s.byKey[key]
	if !ok {
		return
	}
	s.set.Remove(id)
	delete(s.byKey, key)
	s.keys[id] = ""
	s.free = append(s.free, id)
}

// content is the table as a naive map of canonical bytes.
func (s *shelf) content() map[string]string {
	m := make(map[string]string, len(s.byKey))
	for key, id := range s.byKey {
		m[key] = string(s.AppendValue(nil, id))
	}
	return m
}

// storeTwin applies what is emitted to a map and compares it with the table as copied whole at the cut.
type storeTwin struct {
	t      testing.TB
	stored map[string]string
	want   map[string]string
	seen   map[string]bool // keys emitted in this cut
}

func (w *storeTwin) cut(s *shelf) {
	w.want, w.seen = s.content(), map[string]bool{}
	s.set.Cut(w.sink)
}

func (w *storeTwin) sink(key, value []byte, sum Sum) {
	k := string(key)
	if w.seen[k] {
		w.t.Fatalf("key %q emitted twice in one cut", k)
	}
	w.seen[k] = true
	if value == nil {
		if _, ok := w.stored[k]; !ok || sum != (Sum{}) {
			w.t.Fatalf("deletion of %q (sum %v), which is stored: %v", k, sum, ok)
		}
		delete(w.stored, k)
		return
	}
	if got := SumOf(key, value); got != sum {
		w.t.Fatalf("sum of %q: %v, want %v", k, sum, got)
	}
	w.stored[k] = string(value)
}

func (w *storeTwin) check(s *shelf) {
	if !maps.Equal(w.stored, w.want) {
		w.t.Fatalf("stored %v, want the table as of the cut %v", w.stored, w.want)
	}
	var digest Sum
	for k, v := range w.stored {
		digest.Add(SumOf([]byte(k), []byte(v)))
	}
	if s.set.Digest() != digest || s.set.Count() != int64(len(w.stored)) {
		w.t.Fatalf("digest %v of %d entries, want %v of %d",
			s.set.Digest(), s.set.Count(), digest, len(w.stored))
	}
}

// drive reads operations from next until it says no, then compares a last, complete cut.
func drive(t testing.TB, next func() (op, arg byte, ok bool)) {
	s := newShelf()
	w := &storeTwin{t: t, stored: map[string]string{}}
	cutting := false
	flush := func(n int) {
		if s.set.Flush(n) && cutting {
			cutting = false
			w.check(s)
		}
	}
	for i := uint64(1); ; i++ {
		op, arg, ok := next()
		if !ok {
			break
		}
		key := fmt.Sprintf("k%d", arg%23)
		switch op % 8 {
		case 0, 1, 2, 3:
			s.put(key, i)
		case 4, 5:
			s.remove(key)
		case 6:
			flush(int(arg % 4))
		case 7:
			flush(1 << 30)
			w.cut(s)
			cutting = true
		}
	}
	for range 2 { // the first may find a cut in progress
		flush(1 << 30)
		w.cut(s)
		cutting = true
	}
	flush(1 << 30)
	if !maps.Equal(w.stored, s.content()) {
		t.Fatalf("stored %v, want %v", w.stored, s.content())
	}
}

func TestWhatACutEmitsIsTheTableAsOfTheCut(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		left := 600
		drive(t, func() (byte, byte, bool) {
			left--
			return byte(rng.Uint32()), byte(rng.Uint32()), left >= 0
		})
	}
}

func FuzzWhatACutEmitsIsTheTableAsOfTheCut(f *testing.F) {
	f.Add([]byte{0, 1, 7, 0, 4, 1, 0, 1, 6, 1, 7, 0})
	f.Add([]byte{0, 1, 7, 0, 6, 3, 4, 1, 0, 1, 7, 0, 0, 1, 6, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		drive(t, func() (byte, byte, bool) {
			if len(ops) < 2 {
				return 0, 0, false
			}
			op, arg := ops[0], ops[1]
			ops = ops[2:]
			return op, arg, true
		})
	})
}

func TestARemovedKeyThatIsTakenAgainIsEmittedOnceWithItsNewValue(t *testing.T) {
	s := newShelf()
	w := &storeTwin{t: t, stored: map[string]string{}}
	s.put("a", 1)
	w.cut(s)
	s.set.Flush(10)
	s.remove("a")
	s.put("b", 2) // takes the id of a
	s.put("a", 3)
	w.cut(s)
	s.put("a", 4) // emits a = 3 before the cut's deletions are reached
	for !s.set.Flush(1) {
	}
	w.check(s)
	if got := w.stored["a"]; got != "\x03" {
		t.Errorf("a is stored as %q", got)
	}
}

func TestAnEntryThatIsBornAndDiesBetweenCutsIsNeverEmitted(t *testing.T) {
	s := newShelf()
	for i := range uint64(1000) {
		s.put("a", i)
		s.remove("a")
	}
	if n := s.set.Dirty(); n > 1 {
		t.Errorf("%d dirty entries after churn on one id", n)
	}
	s.set.Cut(func(key, _ []byte, _ Sum) { t.Errorf("%q emitted", key) })
	if !s.set.Flush(10) {
		t.Error("not complete")
	}
}

func TestFlushStopsAfterNEntriesAndSaysWhenItIsDone(t *testing.T) {
	s := newShelf()
	for i := range uint64(5) {
		s.put(fmt.Sprint(i), i)
	}
	emitted := 0
	s.set.Cut(func(_, _ []byte, _ Sum) { emitted++ })
	for i, want := range []struct {
		emitted, pending int
		done             bool
	}{{2, 3, false}, {4, 1, false}, {5, 0, true}} {
		if done := s.set.Flush(2); done != want.done || emitted != want.emitted || s.set.Pending() != want.pending {
			t.Errorf("flush %d: %d emitted, %d pending, done %v; want %+v", i, emitted, s.set.Pending(), done, want)
		}
	}
	if !s.set.Flush(1) {
		t.Error("flush without a cut is not done")
	}
}

func TestLoadedEntriesAreCleanAndCounted(t *testing.T) {
	s := newShelf()
	s.keys, s.vals = []string{"a", "b"}, []uint64{1, 2}
	s.byKey = map[string]uint32{"a": 0, "b": 1}
	w := &storeTwin{t: t, stored: s.content()}
	for id := range uint32(2) {
		s.set.Loaded(id, SumOf(s.AppendKey(nil, id), s.AppendValue(nil, id)))
	}
	w.want = s.content()
	w.check(s)
	s.put("a", 7)
	s.remove("b")
	w.cut(s)
	s.set.Flush(10)
	w.check(s)
	if len(w.seen) != 2 {
		t.Errorf("emitted %v, want a and b", w.seen)
	}
}

func TestMisuseIsRefused(t *testing.T) {
	for name, misuse := range map[string]func(*shelf){
		"a cut before the last is flushed": func(s *shelf) {
			s.put("a", 1)
			s.set.Cut(func(_, _ []byte, _ Sum) {})
			s.set.Cut(func(_, _ []byte, _ Sum) {})
		},
		"an entry loaded twice":        func(s *shelf) { s.set.Loaded(0, Sum{1, 2}); s.set.Loaded(0, Sum{1, 2}) },
		"an entry loaded when touched": func(s *shelf) { s.put("a", 1); s.set.Loaded(0, Sum{1, 2}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			misuse(newShelf())
		})
	}
}

func TestSumsAddUpInAnyOrderAndCancelOut(t *testing.T) {
	var a, b Sum
	sums := make([]Sum, 100)
	for i := range sums {
		sums[i] = SumOf([]byte{byte(i)}, []byte("v"))
		a.Add(sums[i])
	}
	for i := range sums {
		b.Add(sums[len(sums)-1-i])
	}
	if a != b {
		t.Errorf("%v != %v", a, b)
	}
	if got := DecodeSum(a.AppendTo(nil)); got != a {
		t.Errorf("decoded %v, want %v", got, a)
	}
	for i := range sums {
		a.Sub(sums[i])
	}
	if a != (Sum{}) {
		t.Errorf("rest %v", a)
	}
}

func TestTheHashOfAnEntryIsPinned(t *testing.T) {
	// Stored checksums depend on it: a failure means that every existing data directory would be refused.
	if got, want := SumOf([]byte("key"), []byte("value")).String(), "2821ed6d3cc123312b594d4aa06ef896"; got != want {
		t.Errorf("sum %s, want %s", got, want)
	}
	if SumOf([]byte("ab"), []byte("c")) == SumOf([]byte("a"), []byte("bc")) {
		t.Error("a byte moved from key to value gives the same hash")
	}
	long := make([]byte, 3000)
	if SumOf(long[:10], long[10:]) != SumJoined(long, 10) {
		t.Error("joined and apart give different hashes")
	}
}
