package feedback

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"recsvc/internal/dirty"
)

// cellar is a store as the join sees it: what is committed can be read, a cut in progress cannot, and may be lost.
type cellar struct {
	store
	cut   store           // entries of the cut in progress
	gone  map[string]bool // deletions
	open  bool            // a cut is in progress
	fails int             // reads until one fails; 0: none does
	reads int
}

func newCellar() *cellar { return &cellar{store: store{}} }

var errRead = errors.New("no such sector")

func (c *cellar) Get(dst, key []byte) ([]byte, dirty.Sum, bool, error) {
	if c.reads++; c.reads == c.fails {
		return dst, dirty.Sum{}, false, errRead
	}
	e, ok := c.store[string(key)]
	return append(dst, e.value...), e.sum, ok, nil
}

func (c *cellar) begin(j *Joiner) {
	c.cut, c.gone, c.open = store{}, map[string]bool{}, true
	for _, set := range j.Sets() {
		set.Cut(func(key, value []byte, sum dirty.Sum) {
			if value == nil {
				c.gone[string(key)] = true
				return
			}
			c.cut.sink(key, value, sum)
		})
	}
}

func (c *cellar) commit(j *Joiner) {
	for !flushSome(j, 100) {
	}
	maps.Copy(c.store, c.cut)
	for key := range c.gone {
		delete(c.store, key)
	}
	c.open = false
	for _, set := range j.Sets() {
		set.Stored()
	}
	j.Stored()
}

func (c *cellar) lose(j *Joiner) {
	c.open = false
	for _, set := range j.Sets() {
		set.Abandon()
	}
}

// small makes pages of few hashes, so that there are many.
func small(r *rig) *rig {
	r.wide, r.full = true, true
	r.j.tombs.setPage(8)
	return r
}

func coldOptions(seed uint64) Options {
	o := streamOptions(int(seed))
	if seed%3 == 0 {
		o.LateMax = 50 // an hour has more
	}
	return o
}

// sameContent fails the test unless both hold the same state, in memory or in their stores.
func sameContent(t *testing.T, r *rig, c *cellar, whole *rig) {
	t.Helper()
	if c.open {
		c.commit(r.j)
	}
	c.begin(r.j)
	c.commit(r.j)
	if got, want := dump(c.store), dump(written(whole.j)); got != want {
		t.Errorf("stored %d bytes, want %d:\n%s\n%s", len(got), len(want), got, want)
	}
	if got, want := digests(r.j), digests(whole.j); !slices.Equal(got, want) {
		t.Errorf("digests %s; all in memory: %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

func TestWithNextToNoMemoryAndLostCheckpointsAJoinerDoesWhatItDoesWithPlenty(t *testing.T) {
	var reads, evicted int64
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("stream ", seed), func(t *testing.T) {
			g := rand.New(rand.NewPCG(seed, 6))
			o := coldOptions(seed)
			whole := small(newRig(t, o))
			c := newCellar()
			o.Cold, o.Bytes = c, []int64{1, 60_000, 1}[seed%3]
			r := small(newRig(t, o))
			for i, op := range stream(seed, 2500) {
				switch k := g.IntN(40); {
				case k < 4 && !c.open:
					c.begin(r.j)
				case k < 6 && c.open:
					c.commit(r.j)
				case k == 6 && c.open:
					c.lose(r.j)
				case k == 7:
					r.j.SetBytes(g.Int64N(100_000))
				case c.open:
					flushSome(r.j, g.IntN(4))
				}
				m, want := r.apply(op), whole.apply(op)
				r.check()
				if m.Joined != want.Joined || m.Capture != want.Capture || m.Late != want.Late || m.Duplicate != want.Duplicate ||
					m.Position != want.Position || showContext(r.context) != showContext(whole.context) {
					t.Fatalf("call %d, %+v: match %+v, want %+v", i, op, m, want)
				}
				if !slices.Equal(r.log, whole.log) {
					t.Fatalf("call %d, %+v: %s", i, op, firstDifference(r.log, whole.log))
				}
				if err := r.j.Err(); err != nil {
					t.Fatal(err)
				}
				r.log, whole.log = r.log[:0], whole.log[:0]
			}
			if got, want := fmt.Sprint(r.j.Counters()), fmt.Sprint(whole.j.Counters()); got != want {
				t.Errorf("counters %s, want %s", got, want)
			}
			sameContent(t, r, c, whole)
			reads += r.j.Memory().Reads
			evicted += r.j.Memory().Evicted
		})
	}
	if reads < 1000 || evicted < reads {
		t.Errorf("%d entries read, %d evicted: it proves little", reads, evicted)
	}
}

// reload returns a rig that starts from what c has committed.
func reload(t *testing.T, o Options, c *cellar, captures int, g *rand.Rand) *rig {
	t.Helper()
	r := small(newRig(t, o))
	r.captures = captures
	keys := slices.Sorted(maps.Keys(c.store))
	if g.IntN(2) == 0 {
		g.Shuffle(len(keys), func(a, b int) { keys[a], keys[b] = keys[b], keys[a] })
	}
	for _, key := range keys {
		if err := r.j.Load([]byte(key), c.store[key].value, c.store[key].sum); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.j.EndLoad(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAJoinerThatIsLoadedAtAnyPointWithLittleMemoryDoesWhatOneThatNeverStoppedDoes(t *testing.T) {
	for seed := range uint64(9) {
		t.Run(fmt.Sprint("stream ", seed), func(t *testing.T) {
			g := rand.New(rand.NewPCG(seed, 7))
			o := coldOptions(seed)
			whole := small(newRig(t, o))
			ops := stream(seed, 2500)
			c := newCellar()
			o.Cold = c
			r := small(newRig(t, o))
			for i := 0; i < len(ops); {
				c.begin(r.j)
				saved, captures, logged := i, r.captures, len(whole.log)
				for n := g.IntN(60); n >= 0 && i < len(ops); n, i = n-1, i+1 {
					r.apply(ops[i])
					whole.apply(ops[i])
					flushSome(r.j, g.IntN(3))
				}
				c.commit(r.j)
				o.Bytes = []int64{0, 1, 30_000, 100_000}[g.IntN(4)]
				again := reload(t, o, c, captures, g)
				for _, op := range ops[saved:i] {
					again.apply(op)
					again.check()
				}
				if got, want := again.log, whole.log[logged:]; !slices.Equal(got, want) {
					t.Fatalf("calls %d to %d: %s", saved, i, firstDifference(got, want))
				}
				r = again
				r.log = nil
			}
			sameContent(t, r, c, whole)
		})
	}
}

func TestAfterAFailedReadNothingIsLearnedOrCounted(t *testing.T) {
	met := 0
	for seed := range uint64(40) {
		g := rand.New(rand.NewPCG(seed, 8))
		o := streamOptions(int(seed))
		whole := small(newRig(t, o))
		c := newCellar()
		c.fails = 1 + g.IntN(60)
		o.Cold, o.Bytes = c, 1
		r := small(newRig(t, o))
		r.run("exposure u/a @10 r=r\nwm 11")
		whole.run("exposure u/a @10 r=r\nwm 11")
		for _, op := range stream(seed, 2500) {
			if g.IntN(4) == 0 {
				c.begin(r.j)
				c.commit(r.j)
			}
			r.apply(op)
			whole.apply(op)
			if r.j.Err() == nil {
				continue
			}
			met++
			if !errors.Is(r.j.Err(), errRead) {
				t.Fatal(r.j.Err())
			}
			break
		}
		if n := len(r.log); n > len(whole.log) || !slices.Equal(r.log, whole.log[:n]) {
			t.Errorf("stream %d: %d lines that are not the first of the %d", seed, n, len(whole.log))
		}
		counters, lines, err := r.j.Counters(), len(r.log), r.j.Err()
		if err := counters.Check(); err != nil {
			t.Error(err)
		}
		for _, op := range stream(seed+1, 200) {
			if err != nil {
				r.apply(op)
			}
		}
		if err != nil && (fmt.Sprint(r.j.Counters()) != fmt.Sprint(counters) || len(r.log) != lines || r.j.Err() != err) {
			t.Errorf("stream %d: something happened after the error", seed)
		}
	}
	if met < 20 {
		t.Errorf("%d streams met the error: it proves little", met)
	}
}

func TestAnEntryThatIsNotInTheStoreIsAnError(t *testing.T) {
	o := click()
	c := newCellar()
	o.Cold, o.Bytes = c, 1
	r := newRig(t, o)
	r.run("exposure u/a @10 r=r\nwm 11")
	c.begin(r.j)
	c.commit(r.j)
	r.run("wm 12\nwm 13")
	if n := r.j.Memory().InMemory; n != 0 {
		t.Fatalf("%d impressions in memory", n)
	}
	clear(c.store)
	if r.do("click u/a @14 r=r"); !errors.Is(r.j.Err(), ErrMissing) {
		t.Errorf("got %v", r.j.Err())
	}
}
