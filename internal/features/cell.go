package features

import (
	"math"
	"time"

	"recsvc/internal/event"
)

// A cell is a piece of a row that one aggregate owns. Words hold float64 bits or integers; a fresh row is all
// zero, which every cell reads as "nothing yet".

// ring keeps the tiles of one sliding window, or (tiles 0) one tile for all time.
//
//	all time: the tile
//	window:   head | tile | tile | …     tile i in place i mod kept; head is the newest tile plus one
//
// A tile is lanes words, all zero when nothing came in it. More tiles are kept than the window has, so that it can be read also as of an
// instant somewhat before the newest event: for one that comes late, or when the watermark has passed a window's end.
type ring struct {
	tiles int64 // of the window
	kept  int64 // tiles and those for reading back
	slide event.Time
	lanes int
}

// readBack is how far before the newest event of its key a window still has all its tiles: as much as events come late, as a rule.
// No more tiles are kept for it than the window has.
const readBack = 5 * time.Second

func newRing(lanes int, window, slide time.Duration) ring {
	r := ring{lanes: lanes}
	if window > 0 {
		r.slide, r.tiles = event.Time(slide), int64(window/slide)
		r.kept = r.tiles + min(r.tiles, int64((readBack+slide-1)/slide))
	}
	return r
}

func (r ring) words() int {
	if r.tiles == 0 {
		return r.lanes
	}
	return 1 + r.lanes*int(r.kept)
}

// tile returns the words of the tile that holds t, to be changed; nil when t is older than what is kept.
func (r ring) tile(w []uint64, t event.Time) []uint64 {
	if r.tiles == 0 {
		return w[:r.lanes]
	}
	head, tile := int64(w[0])-1, tileOf(t, r.slide)
	switch {
	case w[0] == 0 || tile-head >= r.kept:
		clear(w[1 : 1+r.lanes*int(r.kept)])
		w[0] = uint64(tile + 1)
	case tile > head:
		for i := head + 1; i <= tile; i++ {
			clear(r.at(w, i))
		}
		w[0] = uint64(tile + 1)
	case tile <= head-r.kept:
		return nil
	}
	return r.at(w, tile)
}

// at is the tile of that number, which must be kept.
func (r ring) at(w []uint64, tile int64) []uint64 {
	if r.tiles == 0 {
		return w[:r.lanes]
	}
	i := 1 + int(mod(tile, r.kept))*r.lanes
	return w[i : i+r.lanes]
}

// span is the range of tiles, both ends included, that the window read at t consists of and that w still holds: exactly as many as
// the window has, ending with the one that holds t, as far as something came in them.
func (r ring) span(w []uint64, t event.Time) (first, last int64) {
	switch {
	case w == nil:
		return 0, -1
	case r.tiles == 0:
		return 0, 0
	case w[0] == 0:
		return 0, -1
	}
	head, now := int64(w[0])-1, tileOf(t, r.slide)
	return max(now-r.tiles, head-r.kept) + 1, min(now, head)
}

// accumulator sums up to some streams (a rate's numerator and denominator, a mean's sum and count) over one
// sliding window, one half-life, or all time. The methods take the accumulator's words.
//
//	decayed:  t | a | b …      as of t
//	else:     a ring with one lane each
type accumulator struct {
	ring
	halfLife float64 // ns
}

func newAccumulator(lanes int, window, slide, halfLife time.Duration) accumulator {
	return accumulator{newRing(lanes, window, slide), float64(halfLife)}
}

func (a accumulator) words() int {
	if a.halfLife > 0 {
		return 1 + a.lanes
	}
	return a.ring.words()
}

// add puts x into a lane at time t. An addition older than what is kept is dropped.
func (a accumulator) add(w []uint64, lane int, t event.Time, x float64) {
	if a.halfLife > 0 {
		a.addDecayed(w, lane, t, x)
	} else if tile := a.tile(w, t); tile != nil {
		tile[lane] = math.Float64bits(bounded(math.Float64frombits(tile[lane]) + x))
	}
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
	w[1+lane] = math.Float64bits(bounded(math.Float64frombits(w[1+lane]) + x))
}

// bounded keeps a sum of finite numbers finite: infinity could never be made smaller again, and less infinity it would be no number.
func bounded(x float64) float64 { return min(max(x, -math.MaxFloat64), math.MaxFloat64) }

func (a accumulator) decay(age event.Time) float64 {
	return math.Exp(-math.Ln2 * float64(age) / a.halfLife)
}

// read returns the first two lanes as seen at time t; the second is 0 where there is one lane only.
func (a accumulator) read(w []uint64, t event.Time) (x, y float64) {
	if a.halfLife > 0 {
		return a.readDecayed(w, t)
	}
	first, last := a.span(w, t)
	if first > last {
		return 0, 0
	}
	if a.tiles == 0 {
		return a.lane(w, 0), a.lane(w, 1)
	}
	w = w[1 : 1+a.lanes*int(a.kept)]
	for i, n := int(mod(first, a.kept))*a.lanes, last-first; n >= 0; n-- {
		tile := w[i:]
		x += math.Float64frombits(tile[0])
		if a.lanes > 1 {
			y += math.Float64frombits(tile[1])
		}
		if i += a.lanes; i == len(w) {
			i = 0
		}
	}
	return x, y
}

// lane is a number of a tile; 0 where it has no such lane.
func (a accumulator) lane(tile []uint64, i int) float64 {
	if i >= a.lanes {
		return 0
	}
	return math.Float64frombits(tile[i])
}

func (a accumulator) readDecayed(w []uint64, t event.Time) (x, y float64) {
	if w == nil {
		return 0, 0
	}
	x = math.Float64frombits(w[1])
	if a.lanes == 2 {
		y = math.Float64frombits(w[2])
	}
	if last := event.Time(w[0]); t > last && (x != 0 || y != 0) {
		f := a.decay(t - last)
		x, y = x*f, y*f
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
