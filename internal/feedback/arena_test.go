package feedback

import (
	"math/rand/v2"
	"testing"
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
			a.release(b.r, b.n)
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
	if n := len(a.chunks); n > 60 {
		t.Errorf("%d chunks for 100 blocks: freed ones are not used again", n)
	}
}

func TestTimersComeInTheOrderOfTimeThenSequence(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	tm := newTimers()
	last := timer{at: none}
	added, taken := 0, 0
	for now := int64(-5e9); now < 60e9; now += g.Int64N(2e8) {
		for range g.IntN(20) {
			added++
			at := now + g.Int64N(10e9)
			tm.add(timer{at: eventTime(int(at - at%1e8)), seq: g.Uint64N(1000)})
		}
		if first, ok := tm.first(func(timer) bool { return true }); ok && first.before(last) {
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
