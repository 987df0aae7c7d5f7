package rank

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"recsvc/internal/event"
)

func TestRequestIDsSortByTimeAndThenByOrder(t *testing.T) {
	g := NewIDs(rand.NewPCG(1, 1))
	var got []string
	for i := range 1000 {
		got = append(got, g.Next(now+event.Time(i/10*1_000_000)))
	}
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Error("ids do not grow strictly")
	}
}

func TestRequestIDsGrowWhenTheClockGoesBack(t *testing.T) {
	g := NewIDs(rand.NewPCG(1, 1))
	first := g.Next(now)
	if second := g.Next(now - 3_600_000_000_000); second <= first {
		t.Errorf("%s came after %s", second, first)
	}
	if g.Next(-5) <= first {
		t.Error("a time before 1970 broke the order")
	}
}

func TestRequestIDIsAULID(t *testing.T) {
	// 01ARYZ6S41 is the time part that the ULID specification gives for 1469918176385.
	g := NewIDs(rand.NewPCG(1, 1))
	id := g.Next(1469918176385 * 1_000_000)
	if !strings.HasPrefix(id, "r-01ARYZ6S41") || len(id) != 28 {
		t.Errorf("got %s, want r-01ARYZ6S41 and 16 characters more", id)
	}
	for _, c := range id[2:] {
		if !strings.ContainsRune(crockford, c) {
			t.Errorf("%s holds %q, which is not in the alphabet", id, c)
		}
	}
}

func TestRandomPartCarriesOver(t *testing.T) {
	g := NewIDs(rand.NewPCG(1, 1))
	g.millis, g.hi, g.lo = 1e15, 5, ^uint64(0)
	if g.Next(now); g.hi != 6 || g.lo != 0 {
		t.Errorf("got %d and %d, want a carry into the upper part", g.hi, g.lo)
	}
	g.hi, g.lo = ^uint16(0), ^uint64(0)
	if g.Next(now); g.millis != 1e15+1 || g.hi != 0 {
		t.Errorf("got %d and %d, want a carry into the milliseconds", g.millis, g.hi)
	}
}

func TestRequestIDsAreUniqueAcrossGoroutines(t *testing.T) {
	g := NewIDs(rand.NewPCG(1, 1))
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[string]bool{}
	for range 8 {
		wg.Go(func() {
			for range 500 {
				id := g.Next(now)
				mu.Lock()
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 4000 {
		t.Errorf("%d different ids of 4000", len(seen))
	}
}
