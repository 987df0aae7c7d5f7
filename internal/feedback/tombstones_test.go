package feedback

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
)

// graveyard is what tombstones remember, as one would write it down.
type graveyard struct {
	prints      map[uint64]uint32 // by hash: its generation
	generations []uint32
	forgotten   int64
}

func (y *graveyard) drop() {
	for print, g := range y.prints {
		if g == y.generations[0] {
			delete(y.prints, print)
			y.forgotten++
		}
	}
	y.generations = y.generations[1:]
}

func TestTombstonesForgetWhatIsTooOldAndTheOldestOfWhatIsTooMuch(t *testing.T) {
	o := click()
	o.LateMemory, o.LateMax = 5*time.Hour, 3000
	c := newCellar()
	o.Cold = c
	r := small(newRig(t, o))
	tombs := &r.j.tombs
	g := rand.New(rand.NewPCG(1, 9))
	twin := graveyard{prints: map[uint64]uint32{}}
	now := event.Time(0)
	var newest pageName
	inPage := 0
	const perGen = 3000 / 64 / 8
	for i := range 60_000 {
		if now += event.Time(g.IntN(3)) * event.Time(time.Second); g.IntN(2000) == 0 {
			now += event.Time(g.IntN(4)) * hour
		}
		r.j.Advance(now)
		for len(twin.generations) > 0 && now >= event.Time(twin.generations[0]>>8+1)*hour+event.Time(5*time.Hour) {
			before := twin.forgotten
			twin.drop()
			twin.forgotten = before
		}
		for range g.IntN(4) {
			print := 1 + g.Uint64N(20_000)*0x9e3779b97f4a7c15
			if newest.hour != hourOf(now) {
				newest, inPage = pageName{hour: hourOf(now)}, 0
			} else if inPage == 8 { // full
				newest.number++
				inPage = 0
			}
			r.j.touchRest()
			tombs.bury(print, now)
			inPage++
			generation := newest.hour<<8 | min(newest.number/perGen, 255)
			if n := len(twin.generations); n == 0 || twin.generations[n-1] != generation {
				if n == maxGenerations {
					twin.drop()
				}
				twin.generations = append(twin.generations, generation)
			}
			twin.prints[print] = generation
			for len(twin.prints) > 3000 {
				twin.drop()
			}
		}
		print := 1 + g.Uint64N(20_000)*0x9e3779b97f4a7c15
		if _, ok := twin.prints[print]; ok != tombs.has(print, now) {
			t.Fatalf("call %d: %x is remembered: %v, want %v", i, print, !ok, ok)
		}
		if tombs.known.Len() != len(twin.prints) || r.j.Counters().Forgotten != twin.forgotten {
			t.Fatalf("call %d: %d prints, %d forgotten; want %d, %d", i, tombs.known.Len(), r.j.Counters().Forgotten, len(twin.prints), twin.forgotten)
		}
		if i%500 == 0 {
			c.begin(r.j)
			c.commit(r.j)
		}
		if i%7000 == 0 {
			c.begin(r.j)
			c.commit(r.j)
			r = reload(t, o, c, 0, g)
			tombs = &r.j.tombs
		}
	}
	if twin.forgotten == 0 {
		t.Error("nothing was forgotten before its time")
	}
	inMemory := 0
	for _, id := range tombs.queue[tombs.head:] {
		if tombs.pages.at(id).prints != nil {
			inMemory++
		}
	}
	if pages := len(tombs.queue) - tombs.head; pages > 2*3000/8 || inMemory > 200 || !slices.IsSorted(tombs.generations) {
		t.Errorf("%d pages, %d of them in memory", pages, inMemory)
	}
}

func TestAnOutcomeOfWhatWasForgottenBeforeItsTimeIsTakenForANewOne(t *testing.T) {
	o := click()
	o.LateMax = 10
	r := small(newRig(t, o))
	r.run("exposure u/a @10 r=r\nwm 41")
	late := parseEvent(fields("click u/a @12 r=r"))
	if m := r.j.Match(late); !m.Late {
		t.Fatalf("%+v", m)
	}
	r.run(`exposure u/b @50 r=r
		exposure u/c @50 r=r
		exposure u/d @50 r=r
		exposure u/e @50 r=r
		exposure u/f @50 r=r
		wm 90`)
	if m := r.j.Match(late); m.Late || !m.Capture {
		t.Errorf("%+v", m)
	}
	if n := r.j.Counters().Forgotten; n == 0 {
		t.Error("not counted")
	}
	r.check()
}
