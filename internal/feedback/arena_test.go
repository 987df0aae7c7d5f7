package feedback

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"recsvc/internal/event"
)

func TestArenaBlocksKeepTheirContentWhileOthersComeAndGo(t *testing.T) {
	type block struct {
		r    ref
		n    int
		mark uint32
	}
	var a arena
	var live []block
	g := rand.New(rand.NewPCG(1, 1))
	for mark := range uint32(20000) {
		if len(live) > 100 {
			i := g.IntN(len(live))
			b := live[i]
			for _, w := range a.words(b.r)[:b.n] {
				if w != b.mark {
					t.Fatalf("block %d of %d words holds %d", b.mark, b.n, w)
				}
			}
			a.release(b.r)
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
		}
		n := 1 + g.IntN(200)
		if g.IntN(50) == 0 {
			n = 1 + g.IntN(4*mediumWords)
		}
		r, words := a.alloc(n)
		if len(words) != n {
			t.Fatalf("%d words, want %d", len(words), n)
		}
		for i := range words {
			words[i] = mark
		}
		live = append(live, block{r, n, mark})
	}
	for _, b := range live {
		a.release(b.r)
	}
	if a.used != 0 || a.bytes() > 4<<20 {
		t.Errorf("%d words in use, %d bytes held after all are released", a.used, a.bytes())
	}
}

func TestTheLowestNumberIsTakenAndEmptyChunksAreGivenBack(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 5))
	n := numbers{size: 64}
	taken := map[uint32]bool{}
	dropped := 0
	for i := range 60_000 {
		if g.IntN(9) < 5 == (i/15_000%2 == 0) {
			want := uint32(0)
			for taken[want] {
				want++
			}
			if got := n.take(); got != want {
				t.Fatalf("call %d: took %d, want %d", i, got, want)
			}
			taken[want] = true
			continue
		}
		for number := range taken {
			delete(taken, number)
			if _, drop := n.give(number); drop {
				dropped++
			}
			break
		}
		if n.live != len(taken) {
			t.Fatalf("%d live, want %d", n.live, len(taken))
		}
	}
	var all []uint32
	for i, ok := n.next(0); ok; i, ok = n.next(i + 1) {
		all = append(all, i)
	}
	if want := slices.Sorted(maps.Keys(taken)); !slices.Equal(all, want) {
		t.Errorf("%d numbers, want %d", len(all), len(want))
	}
	if dropped == 0 {
		t.Error("no chunk was given back")
	}
}

func TestTimersComeInTheOrderOfTimeThenSequence(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	var seqs []uint64 // by id; each has one timer
	var times []event.Time
	tm := newTimers(func(at event.Time, id uint32) (uint64, bool) { return seqs[id], times[id] == at })
	last := timer{at: none}
	added, taken := 0, 0
	for now := int64(-5e9); now < 60e9; now += g.Int64N(2e8) {
		for range g.IntN(20) {
			added++
			at := now + g.Int64N(10e9)
			seqs, times = append(seqs, g.Uint64N(1000)), append(times, eventTime(int(at-at%1e8)))
			id := len(seqs) - 1
			tm.add(timer{at: times[id], seq: seqs[id], id: uint32(id)})
		}
		if first, ok := tm.first(); ok && first.before(last) {
			t.Fatalf("first is %+v, after %+v", first, last)
		}
		for {
			x, ok := tm.next(eventTime(int(now)))
			if !ok {
				break
			}
			taken++
			if x.before(last) || int64(x.at) >= now {
				t.Fatalf("%+v after %+v, at %d", x, last, now)
			}
			last = x
		}
		last = timer{at: eventTime(int(now) - 1e8)} // what is added from now on is later than that
	}
	for _, ok := tm.next(1 << 62); ok; _, ok = tm.next(1 << 62) {
		taken++
	}
	if added != taken || added == 0 {
		t.Errorf("%d added, %d taken", added, taken)
	}
}
