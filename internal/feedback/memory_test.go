package feedback

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// traffic is n exposures over some minutes, in lists of perList items, with vectors of 20 + 20 features, for two heads.
type traffic struct {
	n, perList int
	over       time.Duration
	c          *Captured
	now        event.Time
}

func newTraffic(n, perList int, over time.Duration) *traffic {
	w := &traffic{n: n, perList: perList, over: over, now: event.Time(time.Hour), c: &Captured{P: []float32{0.1, 0.2}}}
	for i := range uint32(20) {
		w.c.Shared.Slots = append(w.c.Shared.Slots, i)
		w.c.Own.Slots = append(w.c.Own.Slots, i)
	}
	w.c.Own.Values = []float32{1, 2, 3, 4, 5}
	return w
}

func (w *traffic) options() Options {
	o := two(Correct)
	o.Heads[0].Window, o.Heads[1].Window = 30*time.Minute, 30*time.Minute
	return o
}

func (w *traffic) expose(j *Joiner, i int) {
	w.now += event.Time(w.over) / event.Time(w.n)
	e := event.Event{
		Type: exposureType, User: fmt.Sprint("user", i%99_991), Item: fmt.Sprint("item", i%49_999),
		Request: fmt.Sprint("request", i/w.perList), Time: w.now,
	}
	j.Observe(&e, j.Match(&e), w.c)
	j.Advance(w.now - event.Time(5*time.Second))
}

// abyss takes everything and gives nothing back.
type abyss struct{}

func (abyss) Get(dst, _ []byte) ([]byte, dirty.Sum, bool, error) { return dst, dirty.Sum{}, false, nil }

func checkpoint(j *Joiner) {
	for _, set := range j.Sets() {
		set.Cut(func(_, _ []byte, _ dirty.Sum) {})
		for !set.Flush(1 << 20) {
		}
		set.Stored()
	}
	j.Stored()
}

func TestBytesAreWhatTheHeapGrowsByAndAColdImpressionTakesFew(t *testing.T) {
	for _, tc := range []struct {
		perList int
		cold    bool
		most    float64 // bytes an impression
	}{
		{perList: 10, most: 520},
		{perList: 1, most: 700},
		{perList: 10, cold: true, most: 100},
		{perList: 1, cold: true, most: 110},
	} {
		t.Run(fmt.Sprintf("%d a list, cold %v", tc.perList, tc.cold), func(t *testing.T) {
			const n = 80_000
			w := newTraffic(n, tc.perList, 12*time.Minute)
			o := w.options()
			if tc.cold {
				o.Cold, o.Bytes = abyss{}, 1
			}
			before := heap()
			j, err := New(o, &discard{})
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				w.expose(j, i)
				if i%2000 == 0 {
					checkpoint(j)
				}
			}
			w.now += event.Time(10 * time.Second)
			for range 2 {
				j.Advance(w.now)
				checkpoint(j)
			}
			if m := j.Memory(); tc.cold && m.InMemory > n/1000 {
				t.Fatalf("%+v: most are in memory", m)
			}
			grown, says := heap()-before, j.Bytes()
			if ratio := float64(says) / float64(grown); ratio < 0.8 || ratio > 1.2 {
				t.Errorf("says %d bytes, the heap has grown by %d", says, grown)
			}
			per := float64(grown) / n
			if per > tc.most {
				t.Errorf("%.0f bytes for each pending impression, want at most %.0f", per, tc.most)
			}
			t.Logf("%.0f bytes for each pending impression, says %.0f: %+v", per, float64(says)/n, j.Memory())
			runtime.KeepAlive(j)
		})
	}
}

func TestMemoryStaysAtItsLimitThroughMoreImpressionsThanFitIntoIt(t *testing.T) {
	const limit, n = 5 << 20, 16_000
	for _, tc := range []struct {
		name  string
		every int // records from checkpoint to checkpoint
	}{
		{"with frequent checkpoints", 2000},
		{"with a checkpoint when it is full alone", 3 * n},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newTraffic(n, 4, 30*time.Minute)
			o := w.options()
			c := newCellar()
			o.Cold, o.Bytes = c, limit
			j, err := New(o, &discard{})
			if err != nil {
				t.Fatal(err)
			}
			most, full := int64(0), 0
			for i := range 3 * n {
				w.expose(j, i)
				most = max(most, j.Bytes())
				if j.Full() {
					full++
				}
				if j.Full() || i%tc.every == 0 {
					c.begin(j)
					c.commit(j)
				}
				if j.Full() {
					t.Fatalf("full though all is stored: %+v", j.Memory())
				}
			}
			if err := j.Err(); err != nil {
				t.Fatal(err)
			}
			if most > limit*5/4 || most < limit/2 {
				t.Errorf("took %d bytes, limit %d", most, limit)
			}
			if m := j.Memory(); (full > 0) != (tc.every > n) || full > 30 || m.InMemory > m.Pending*2/3 || m.Reads < n/2 {
				t.Errorf("full %d times, %+v", full, m)
			}
		})
	}
}

func TestALimitThatIsSetAgainAndAgainIsNoLooserThanOneThatStands(t *testing.T) {
	w := newTraffic(40_000, 4, 30*time.Minute)
	o := w.options()
	const limit = 3 << 20
	o.Cold, o.Bytes = newCellar(), limit
	j, err := New(o, &discard{})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; !j.Full(); i++ {
		w.expose(j, i)
		j.SetBytes(limit - int64(i%7)*1000)
		if m := j.Memory(); m.Hot > limit {
			t.Fatalf("not full, with nothing stored: %+v", m)
		}
	}
}

func TestALowerLimitIsReachedLittleByLittle(t *testing.T) {
	const n = 40_000
	w := newTraffic(n, 4, 30*time.Minute)
	o := w.options()
	c := newCellar()
	o.Cold, o.Bytes = c, 1<<40
	j, err := New(o, &discard{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		w.expose(j, i)
	}
	c.begin(j)
	c.commit(j)
	last := j.Memory()
	const limit = 7 << 20
	if last.Bytes < 2*limit || last.Evicted != 0 {
		t.Fatalf("%+v: nothing to shrink", last)
	}
	j.SetBytes(limit)
	for i := range 10_000 {
		w.expose(j, n+i)
		m := j.Memory()
		if m.Evicted-last.Evicted > 100*sweepSteps { // as many timers may have fired
			t.Fatalf("%d evicted by one record", m.Evicted-last.Evicted)
		}
		last = m
		if i < 1000 && j.Full() {
			t.Fatalf("full though there is something to evict: %+v", m)
		}
		if j.Full() {
			c.begin(j)
			c.commit(j)
		}
	}
	if m := j.Memory(); m.Bytes > limit*4/3 {
		t.Errorf("%+v", m)
	}
}
