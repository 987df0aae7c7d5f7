package features

import (
	"fmt"
	"math"
	"math/bits"

	"recsvc/internal/event"
)

// distinctKinds count different values.
func distinctKinds() []Kind {
	return []Kind{{
		Name: "distinct", Group: "Counting",
		Doc: "How many different values the events of `on` have, approximately: the standard error is 1.04/√m for m = 2^`precision` registers, which is 3.3 % by " +
			"default (1.15/√m below a precision of 6), and a few values are counted all but exactly. Of a list, each element counts. The sketch is a HyperLogLog whose registers remember, for each tile, " +
			"the greatest rank since (Chabchoub and Hébrail 2010), so that a window slides without losing precision; read as of " +
			"before the newest event of its key, it may miss some. It takes 4 bytes for each different value at first, typically 4 to 16 a register when full, and never more than 4·m·min(tiles, 65 − `precision`): " +
			"48 KiB with all defaults, of which a scope's key has room for two.",
		Keys: keys(required("on", "events whose values count"), optional("value", "what is counted: `item` (the default), `user`, `value`, a field, or an expression"),
			optional("precision", "4 to 14; 10"), scopeKey, Key{Name: "window", Doc: "sliding window; absent: all time"}, windowKeys[1], windowKeys[2], ttlKey, numberKeys),
		As: numberForms,
		Example: `
- {name: room_viewers_5m, kind: distinct, scope: context.room, on: enter, value: user, window: 5m, slide: 30s, as: log}`,
		build: compileDistinct,
	}}
}

func compileDistinct(c *compiler, d *Definition, f *feature) error {
	precision := d.Precision
	if precision == 0 {
		precision = 10
	}
	if precision < 4 || precision > 14 {
		return c.fail("precision", "must be 4 to 14")
	}
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	text := d.Value
	if text == "" {
		text = "item"
	}
	value, err := c.operand("value", text, false)
	if err != nil {
		return err
	}
	slide, err := c.tiles(d)
	if err != nil {
		return err
	}
	h, form := sliding{newRing(0, d.Window, slide), uint(precision)}, forms[d.As]
	f.numeric = true
	f.number = func(q *Query, f *feature) float64 { return form(h.read(q.cell(f.at), q.now)) }
	l := h.layout()
	return c.aggregate(d, f, l, fmt.Sprint("distinct", on.name, value.name, h), func(at place) {
		c.on(on, at, l, value, func(s slot, t *touch) {
			if len(t.list) == 0 {
				h.add(s, t.time, t.id)
			}
			for _, id := range t.list {
				h.add(s, t.time, id)
			}
		})
	})
}

// sliding is a HyperLogLog over one sliding window, or all time:
//
//	head | bag: entries of 32 bits, two in a word, ascending; 0: none
//
// head is the newest tile plus one. An entry is register << 18 | rank << 12 | tile mod 4096. A register has an entry for each rank that
// is greater than all that came in later tiles: what a window that begins anywhere needs, and no more.
type sliding struct {
	ring      // its lanes are not used
	precision uint
}

const (
	rankShift     = 12
	registerShift = 18
	tileMask      = 1<<rankShift - 1
)

// lasting is how many tiles the window has.
func (h sliding) lasting() int64 { return max(h.tiles, 1) }

func (h sliding) layout() layout {
	entries := int(min(h.lasting(), int64(65-h.precision))) << h.precision
	return layout{words: 2, bagged: []int{1}, most: (entries + 1) / 2}
}

// add counts an identity at t. One that is older than the window is dropped: it can never be read again.
func (h sliding) add(s slot, t event.Time, id uint64) {
	tile := h.number(t)
	if s.w[0] != 0 && tile <= int64(s.w[0])-1-h.lasting() {
		return
	}
	b := s.bag(1)
	if s.w[0] == 0 || tile > int64(s.w[0])-1 {
		b = h.advance(b, int64(s.w[0])-1, tile)
		s.w[0] = uint64(tile + 1)
	}
	register, rank := h.hashed(id)
	s.keep(1, h.enter(b, int64(s.w[0])-1-tile, uint32(tile)&tileMask, register, rank))
}

// hashed splits the hash of an identity into its register and the place of the first bit that is set in the rest, from 1.
func (h sliding) hashed(id uint64) (register, rank uint32) {
	x := mix(id)
	rest := x<<h.precision | 1<<(h.precision-1)
	return uint32(x >> (64 - h.precision)), uint32(bits.LeadingZeros64(rest)) + 1
}

// enter puts (rank, tile) among the entries of a register, unless it has one as great that is no older; those that are neither greater nor
// newer go.
func (h sliding) enter(b []uint64, age int64, tile, register, rank uint32) []uint64 {
	entry, head := register<<registerShift|rank<<rankShift|tile, tile+uint32(age)
	n := entries(b)
	from := search(b, n, register<<registerShift)
	var stay [64]uint32
	kept, end, entered := 0, from, false
	for ; end < n && entryAt(b, end)>>registerShift == register; end++ {
		e := entryAt(b, end)
		r, a := e>>rankShift&63, int64((head-e)&tileMask)
		switch {
		case r >= rank && a <= age:
			return b
		case r <= rank && a >= age:
			continue
		case r > rank && !entered:
			stay[kept], entered = entry, true
			kept++
		}
		stay[kept] = e
		kept++
	}
	if !entered {
		stay[kept] = entry
		kept++
	}
	b = moveEntries(b, n, end, from+kept)
	for i, e := range stay[:kept] {
		setEntry(b, from+i, e)
	}
	return b
}

// advance leaves the entries that still count once head is the newest tile.
func (h sliding) advance(b []uint64, old, head int64) []uint64 {
	n, to := entries(b), 0
	for i := range n {
		e := entryAt(b, i)
		if age := int64((uint32(old)-e)&tileMask) + head - old; age < h.lasting() {
			setEntry(b, to, e)
			to++
		}
	}
	for i := to; i < n; i++ {
		setEntry(b, i, 0)
	}
	return b[:(to+1)/2]
}

// read estimates how many different identities came in the window read at t.
func (h sliding) read(s slot, t event.Time) float64 {
	if s.w == nil || s.w[0] == 0 {
		return 0
	}
	b := s.bag(1)
	head, now := int64(s.w[0])-1, h.number(t)
	var ranks [66]uint32 // how many registers have each
	last, best, used := uint32(math.MaxUint32), uint32(0), uint32(0)
	for i, n := 0, entries(b); i < n; i++ {
		e := entryAt(b, i)
		if age := int64((uint32(head)-e)&tileMask) + now - head; age < 0 || age >= h.lasting() {
			continue
		}
		if register := e >> registerShift; register != last {
			ranks[best]++
			last, best = register, 0
			used++
		}
		best = max(best, e>>rankShift&63)
	}
	ranks[best]++
	ranks[0] = 1<<h.precision - used
	return h.estimate(&ranks)
}

// estimate is Ertl's improved estimator (2017, algorithm 6), which needs no other formula for small numbers: ranks says how many of the m
// registers hold each rank, 0 being none. The last factor is the bias of the harmonic mean (Flajolet et al. 2007).
func (h sliding) estimate(ranks *[66]uint32) float64 {
	m, q := float64(uint32(1)<<h.precision), int(64-h.precision)
	z := m * tau(1-float64(ranks[q+1])/m)
	for k := q; k >= 1; k-- {
		z = 0.5 * (z + float64(ranks[k]))
	}
	z += m * sigma(float64(ranks[0])/m)
	return m * m / (2 * math.Ln2 * z * (1 + 1.079/m))
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for before := math.NaN(); z != before; {
		x *= x
		before = z
		z += float64(x * y)
		y += y
	}
	return z
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for before := math.NaN(); z != before; {
		x = math.Sqrt(x)
		before = z
		y *= 0.5
		z -= float64(float64((1-x)*(1-x)) * y)
	}
	return z / 3
}
