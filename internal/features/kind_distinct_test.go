package features

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"recsvc/internal/event"
)

// distinctTwins makes the same sketch anew, without a window, of what came in the window: the one that slides must not be less
// precise. Beside it stands the true number: of a few values that is what the sketch says, all but exactly.
func distinctTwins() []twinKind {
	return []twinKind{{
		kind: "distinct", reads: "value", forward: true,
		defs: []Definition{
			{Kind: "distinct", Scope: []string{"context.room"}, On: On("enter", "click", "exposure"), Value: "user", Windows: []time.Duration{time.Minute, 24 * time.Hour}},
			{Kind: "distinct", Scope: []string{"user"}, On: On("exposure"), Value: "item", Window: time.Hour, Precision: 4},
			{Kind: "distinct", On: On(AnyType), Value: "value", Windows: []time.Duration{10 * time.Minute, 30 * 24 * time.Hour}, Precision: 5, As: "log"},
			{Kind: "distinct", Scope: []string{"user"}, On: On(AnyType), Value: "item.tags", TTL: time.Hour},
			{Kind: "distinct", Scope: []string{"item"}, On: On(AnyType), Value: "value * item.price", Precision: 13},
		},
		recount: func(r *twinRead) twinValue {
			h := sliding{precision: 10}
			if r.def.Precision > 0 {
				h.precision = uint(r.def.Precision)
			}
			greatest, exact := map[uint32]uint32{}, map[uint64]bool{}
			for _, s := range r.window(r.chosen(r.def.On, r.def.Value)) {
				for _, id := range s.ids {
					register, rank := h.hashed(id)
					greatest[register] = max(greatest[register], rank)
					exact[id] = true
				}
			}
			var ranks [66]uint32
			ranks[0] = 1<<h.precision - uint32(len(greatest))
			for _, rank := range greatest {
				ranks[rank]++
			}
			estimate := h.estimate(&ranks)
			if n := float64(len(exact)); h.precision >= 10 && math.Abs(estimate-n) > 0.05*n+1.5 {
				return twinNumber(n) // which the store then fails to say
			}
			return twinNumber(twinForm(r.def.As, estimate))
		},
	}}
}

func TestDistinctKeepsItsStatedError(t *testing.T) {
	for _, precision := range []uint{4, 10, 12} {
		for _, n := range []int{1, 10, 100, 1000, 3000, 8000} {
			h := sliding{newRing(0, time.Hour, 5*time.Minute), precision}
			rng := rand.New(rand.NewPCG(uint64(n), uint64(precision)))
			trials, squares, bias := max(12, min(400, 20_000/n)), 0.0, 0.0
			for range trials {
				s := slot{make([]uint64, 2), new(bags)}
				for i := range n {
					h.add(s, t0.Add(time.Hour*time.Duration(i)/time.Duration(n)/2), rng.Uint64())
				}
				off := h.read(s, t0.Add(time.Hour/2))/float64(n) - 1
				squares += off * off
				bias += off
			}
			stated := 1.04 / math.Sqrt(float64(uint32(1)<<precision))
			if precision < 6 {
				stated *= 1.15 / 1.04
			}
			// The measured deviation is itself known to 1/√(2·trials) of it: three of these are allowed.
			if got := math.Sqrt(squares / float64(trials)); got > stated*(1+3/math.Sqrt(2*float64(trials))) {
				t.Errorf("precision %d, %d values: standard error %.4f, stated %.4f", precision, n, got, stated)
			}
			if got := math.Abs(bias / float64(trials)); got > 4*stated/math.Sqrt(float64(trials)) {
				t.Errorf("precision %d, %d values: bias %.4f", precision, n, got)
			}
		}
	}
}

func TestASlidingSketchStaysWithinItsBound(t *testing.T) {
	h := sliding{newRing(0, time.Minute, time.Second), 4}
	s := slot{make([]uint64, 2), new(bags)}
	rng := rand.New(rand.NewPCG(1, 2))
	at := t0
	for i := range 200_000 {
		at += event.Time(rng.Int64N(2e6))
		h.add(s, at, rng.Uint64())
		if got := len(s.bag(1)); got > h.layout().most {
			t.Fatalf("%d words after %d values, at most %d were promised", got, i+1, h.layout().most)
		}
	}
	h.add(s, at.Add(time.Hour), 1)
	if got := len(s.bag(1)); got != 1 {
		t.Errorf("%d words are left of a window that is over", got)
	}
}

func TestEntriesAreKeptInOrderTwoInAWord(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	h := sliding{newRing(0, 100*time.Second, time.Second), 6}
	s := slot{make([]uint64, 2), new(bags)}
	at := t0
	for range 5000 {
		at += event.Time(rng.Int64N(4e9))
		h.add(s, at-event.Time(rng.Int64N(120e9)), uint64(rng.IntN(1000)))
		b := s.bag(1)
		for i := 1; i < entries(b); i++ {
			x, y := entryAt(b, i-1), entryAt(b, i)
			if x >= y || x == 0 {
				t.Fatalf("entries %x and %x", x, y)
			}
			age := func(e uint32) uint32 { return (uint32(s.w[0]-1) - e) & tileMask }
			if x>>registerShift == y>>registerShift && age(x) >= age(y) {
				t.Fatalf("entry %x of age %d has a greater one, %x, no older: %d", x, age(x), y, age(y))
			}
		}
	}
	if entries(s.bag(1)) == 0 {
		t.Error("nothing is kept")
	}
}

// BenchmarkDistinct adds identities that mostly are in the sketch, as in a busy room.
func BenchmarkDistinct(b *testing.B) {
	h := sliding{newRing(0, 5*time.Minute, 30*time.Second), 10}
	s := slot{make([]uint64, 2), new(bags)}
	rng := rand.New(rand.NewPCG(5, 6))
	at := t0
	b.ReportAllocs()
	for range b.N {
		at += 1e6
		h.add(s, at, uint64(rng.IntN(20_000)))
	}
}
