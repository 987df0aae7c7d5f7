package features

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"recsvc/internal/event"
)

// addition is one event of a naive history.
type addition struct {
	t event.Time
	x float64
}

// It does so for every instant from a little before the newest event on.
func TestWindowEqualsARecountOfItsTiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const slide, tiles = 10 * time.Second, 6
	a := newAccumulator(1, tiles*slide, slide, 0)
	w := make([]uint64, a.words())
	var log []addition
	now, head := event.Time(1700000000e9), event.Time(0)
	for range 20_000 {
		now += event.Time(rng.IntN(3_000_000_000))
		at := now - event.Time(rng.IntN(90_000_000_000)) // late ones too, some beyond the window
		head = max(head, at)
		log = append(log, addition{at, 1})
		a.add(w, 0, at, 1)
		read := head - event.Time(readBack) + event.Time(rng.IntN(40_000_000_000))
		got, _ := a.read(w, read)
		want := 0.0
		last := tileOf(read, event.Time(slide))
		for i := max(0, len(log)-500); i < len(log); i++ {
			if tile := tileOf(log[i].t, event.Time(slide)); tile > last-tiles && tile <= last {
				want += log[i].x
			}
		}
		if got != want {
			t.Fatalf("at %v: window says %v, a recount %v", read.Time(), got, want)
		}
	}
}

func TestWindowDecaysToNothingWithoutEvents(t *testing.T) {
	a := newAccumulator(1, time.Minute, 10*time.Second, 0)
	w := make([]uint64, a.words())
	a.add(w, 0, 5e9, 3)
	for _, tc := range []struct {
		at   event.Time
		want float64
	}{{5e9, 3}, {59e9, 3}, {60e9, 0}, {3600e9, 0}} {
		if got, _ := a.read(w, tc.at); got != tc.want {
			t.Errorf("%v s after: %v, want %v", int64(tc.at)/1e9, got, tc.want)
		}
	}
}

func TestDecayedSumEqualsTheSumOfDecayedEvents(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const half = time.Hour
	a := newAccumulator(2, 0, 0, half)
	w := make([]uint64, a.words())
	var log [2][]addition
	now := event.Time(1700000000e9)
	for range 300 {
		now += event.Time(rng.Int64N(int64(20 * time.Minute)))
		at := now - event.Time(rng.Int64N(int64(time.Hour))) // out of order
		lane, x := rng.IntN(2), rng.Float64()
		log[lane] = append(log[lane], addition{at, x})
		a.add(w, lane, at, x)
	}
	read := now + event.Time(30*time.Minute)
	x, y := a.read(w, read)
	for lane, got := range []float64{x, y} {
		want := 0.0
		for _, e := range log[lane] {
			want += e.x * math.Exp2(-float64(read-e.t)/float64(half))
		}
		if math.Abs(got-want) > 1e-9*want {
			t.Errorf("lane %d: %v, want %v", lane, got, want)
		}
	}
}

// The generator and the sums below are those of a deterministic stream whose results were computed by Apache Flink
// and by an independent program: a ring of six 10 s tiles per user, read after every event.
func TestRingAgreesWithFlink(t *testing.T) {
	const n, base = 100_000, 1700000000000
	mixer := func(i, k uint64) uint64 { return mix(0x5EED20261123 + (4*i+k+1)*0x9E3779B97F4A7C15) }
	a := newAccumulator(2, time.Minute, 10*time.Second, 0)
	rows := make(map[uint64][]uint64)
	var clicks, impressions float64
	var checksum uint64
	for i := range uint64(n) {
		w := mixer(i, 0)
		level := (w >> 32) % 17
		size := uint64(34465)
		if level < 16 {
			size = 1 << level
		}
		user := 1<<level - 1 + (w&0xFFFFFFFF)%size
		ts := int64(base + i/10)
		if x := mixer(i, 3); (x>>32)%20 == 0 {
			ts -= 1 + int64((x&0xFFFFFFFF)%5000)
		}
		lane := 1
		if (mixer(i, 2)>>1)%10 == 0 {
			lane = 0
		}
		row := rows[user]
		if row == nil {
			row = make([]uint64, a.words())
			rows[user] = row
		}
		a.add(row, lane, event.Time(ts)*1e6, 1)
		// The ring is read at its newest tile.
		x, y := a.read(row, event.Time(int64(row[0])-1)*10e9)
		clicks, impressions = clicks+x, impressions+y
		checksum += mix(mix(mix(mix(user+0x9E3779B97F4A7C15)^i)^uint64(x)) ^ uint64(y))
	}
	if clicks != 3468914 || impressions != 30922435 || checksum != 0x453bc1e00d4f110a {
		t.Errorf("clicks %v impressions %v checksum %x; want 3468914, 30922435, 453bc1e00d4f110a", clicks, impressions, checksum)
	}
}

func TestSequenceKeepsTheLastEntriesByEventTimeWithTheirOutcomes(t *testing.T) {
	q := sequence{n: 3}
	s := slot{make([]uint64, 1), new(bags)}
	for _, i := range []ItemRef{0, 1, 3, 4, 2} { // 2 comes late
		q.push(s, entry{time: event.Time(i + 1), item: i})
	}
	q.push(s, entry{time: 1, item: 9}) // too late to be among the last
	q.mark(s, 3, 1)
	q.mark(s, 0, 0) // forgotten already
	for i, want := range []struct {
		ref     ItemRef
		outcome uint32
	}{{4, 0}, {3, 2}, {2, 0}} {
		e := q.read(s, 9).at(i)
		if e.item != want.ref || e.outcome != want.outcome || e.time != event.Time(want.ref+1) {
			t.Errorf("entry %d: %+v, want item %d outcome %b", i, e, want.ref, want.outcome)
		}
	}
	if n := q.read(s, 9).n; n != 3 {
		t.Errorf("%d entries, want 3", n)
	}
}
