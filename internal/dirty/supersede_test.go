package dirty

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestASetThatSupersedesAnotherLeavesTheStoreAsItsOwnTableIs(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		change := func(s *shelf, n int) {
			for range n {
				key := fmt.Sprintf("k%d", rng.IntN(23))
				if rng.IntN(4) == 0 {
					s.remove(key)
				} else {
					s.put(key, rng.Uint64()%100)
				}
			}
		}
		store := &storeTwin{t: t, stored: map[string]string{}}
		cut := func(s *shelf, beside int) {
			store.cut(s)
			for change(s, beside); !s.set.Flush(1 + rng.IntN(3)); {
				change(s, beside)
			}
			s.set.Stored()
			store.check(s)
		}
		old, next := newShelf(), newShelf()
		for range rng.IntN(3) {
			change(old, rng.IntN(30))
			cut(old, rng.IntN(3))
		}
		change(old, rng.IntN(30))
		change(next, rng.IntN(30))
		next.set.Supersede(old.set)
		change(next, rng.IntN(10))
		for range 3 {
			cut(next, rng.IntN(3))
			change(next, rng.IntN(10))
		}
	}
}

func TestALostCutAfterASupersessionIsMadeUpForByTheNext(t *testing.T) {
	old, next := newShelf(), newShelf()
	store := &storeTwin{t: t, stored: map[string]string{}}
	old.put("a", 1)
	old.put("b", 2)
	store.cut(old)
	old.set.Flush(9)
	old.set.Stored()

	next.put("b", 3)
	next.put("c", 4)
	next.set.Supersede(old.set)
	next.set.Cut(func(_, _ []byte, _ Sum) {})
	next.set.Flush(1)
	next.set.Abandon()
	store.cut(next)
	next.set.Flush(9)
	store.check(next)
}

func TestASetThatWasCutBeforeSupersedesNothing(t *testing.T) {
	old, next := newShelf(), newShelf()
	next.put("a", 1)
	next.set.Cut(func(_, _ []byte, _ Sum) {})
	next.set.Flush(1)
	defer func() {
		if recover() == nil {
			t.Error("it did")
		}
	}()
	next.set.Supersede(old.set)
}
