package features

import (
	"math"
	"time"

	"recsvc/internal/event"
)

// A cell is a piece of a row that one aggregate owns. Words hold float64 bits or integers; a fresh row is all
// zero, which every cell reads as "nothing yet".

// accumulator sums up to two streams (a rate's numerator and denominator, a mean's sum and count) over one
// sliding window, one half-life, or all time. The methods take the accumulator's words.
//
//	all time: a | b
//	decayed:  t | a | b       a and b as of t
//	window:   head | a tiles | b tiles     tile i in slot i mod tiles; head is the newest tile plus one
type accumulator struct {
	lanes    int // 1 or 2
	tiles    int64
	slide    event.Time
	halfLife float64 // ns
}

func newAccumulator(lanes int, window, slide, halfLife time.Duration) accumulator {
	a := accumulator{lanes: lanes, halfLife: float64(halfLife)}
	if window > 0 {
		a.slide, a.tiles = event.Time(slide), int64(window/slide)
	}
	return a
}

func (a accumulator) words() int {
	switch {
	case a.tiles > 0:
		return 1 + a.lanes*int(a.tiles)
	case a.halfLife > 0:
		return 1 + a.lanes
	default:
		return a.lanes
	}
}

// add puts x into a lane at time t. An addition older than the window is dropped: it can never be read again.
func (a accumulator) add(w []uint64, lane int, t event.Time, x float64) {
	switch {
	case a.tiles > 0:
		a.addTile(w, lane, t, x)
	case a.halfLife > 0:
		a.addDecayed(w, lane, t, x)
	default:
		w[lane] = math.Float64bits(math.Float64frombits(w[lane]) + x)
	}
}

func (a accumulator) addTile(w []uint64, lane int, t event.Time, x float64) {
	head, tile := int64(w[0])-1, tileOf(t, a.slide)
	if w[0] == 0 {
		head = tile - a.tiles
	}
	if tile > head {
		for i := max(head+1, tile-a.tiles+1); i <= tile; i++ {
			for l := range a.lanes {
				w[1+int64(l)*a.tiles+mod(i, a.tiles)] = 0
			}
		}
		w[0] = uint64(tile + 1)
	} else if tile <= head-a.tiles {
		return
	}
	s := &w[1+int64(lane)*a.tiles+mod(tile, a.tiles)]
	*s = math.Float64bits(math.Float64frombits(*s) + x)
}

func (a accumulator) addDecayed(w []uint64, lane int, t event.Time, x float64) {
	last := event.Time(w[0])
	if t >= last {
		f := a.decay(t - last)
		for l := 1; l <= a.lanes; l++ {
			if w[l] != 0 {
				w[l] = math.Float64bits(math.Float64frombits(w[l]) * f)
			}
		}
		w[0] = uint64(t)
	} else {
		x *= a.decay(last - t)
	}
	w[1+lane] = math.Float64bits(math.Float64frombits(w[1+lane]) + x)
}

func (a accumulator) decay(age event.Time) float64 {
	return math.Exp(-math.Ln2 * float64(age) / a.halfLife)
}

// read returns the lanes as seen at time t; the second is 0 where there is one lane only.
func (a accumulator) read(w []uint64, t event.Time) (x, y float64) {
	switch {
	case w == nil:
		return 0, 0
	case a.tiles > 0:
		return a.readTiles(w, t)
	case a.halfLife > 0:
		x = math.Float64frombits(w[1])
		if a.lanes == 2 {
			y = math.Float64frombits(w[2])
		}
		if x == 0 && y == 0 {
			return 0, 0
		}
		if last := event.Time(w[0]); t > last {
			f := a.decay(t - last)
			x, y = x*f, y*f
		}
		return x, y
	default:
		x = math.Float64frombits(w[0])
		if a.lanes == 2 {
			y = math.Float64frombits(w[1])
		}
		return x, y
	}
}

// readTiles sums exactly tiles tiles, ending with the one that holds t.
func (a accumulator) readTiles(w []uint64, t event.Time) (x, y float64) {
	if w[0] == 0 {
		return 0, 0
	}
	head, now := int64(w[0])-1, tileOf(t, a.slide)
	for i := max(now, head) - a.tiles + 1; i <= min(now, head); i++ {
		s := 1 + mod(i, a.tiles)
		x += math.Float64frombits(w[s])
		if a.lanes == 2 {
			y += math.Float64frombits(w[s+a.tiles])
		}
	}
	return x, y
}

// tileOf is the number of the slide-aligned tile that holds t.
func tileOf(t, slide event.Time) int64 {
	if t < 0 {
		return -int64((-t + slide - 1) / slide)
	}
	return int64(t / slide)
}

func mod(i, n int64) int64 {
	m := i % n
	if m < 0 {
		m += n
	}
	return m
}

// history is the sequence of the last n entries, newest first: two words each, the instant and the item's
// reference plus one in the upper half with its outcome bits in the lower.
type history struct{ n int }

func (h history) words() int { return 2 * h.n }

func (h history) push(w []uint64, ref ItemRef, t event.Time) {
	copy(w[2:2*h.n], w[:2*h.n-2])
	w[0], w[1] = uint64(t), uint64(ref+1)<<32
}

// mark sets an outcome bit of the newest entry of that item, if it is still remembered.
func (h history) mark(w []uint64, ref ItemRef, bit uint) {
	for i := range h.n {
		if w[2*i+1]>>32 == uint64(ref+1) {
			w[2*i+1] |= 1 << bit
			return
		}
	}
}

// entry returns the i-th newest entry; ok is false where there is none.
func (h history) entry(w []uint64, i int) (ref ItemRef, outcome uint32, t event.Time, ok bool) {
	if w == nil || w[2*i+1] == 0 {
		return 0, 0, 0, false
	}
	return ItemRef(w[2*i+1]>>32) - 1, uint32(w[2*i+1]), event.Time(w[2*i]), true
}
