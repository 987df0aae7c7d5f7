package features

import (
	"fmt"
	"math"
)

// trendKinds compare a window with the one before it.
func trendKinds() []Kind {
	return []Kind{{
		Name: "trend", Group: "Counting",
		Doc: "The events of `on` in this window, a, against those in the window just before, b: what has become more or less, as in a burst. " +
			"The two follow each other without a gap; while this one has just begun its newest tile it has less time than the other. " +
			"`prior.strength` s keeps small numbers calm; where nothing came in either, the ratio is 1.",
		Keys: keys(required("on", "events that are counted"), required("window", "length of each of the two"),
			windowKeys[1], optional("slide", "width of a tile; divides the window; absent: a twelfth of it. Two windows have at most 1024"),
			optional("prior", "`strength`: events added to both windows, above 0; 1"), scopeKey, ttlKey, numberKeys),
		As: []Form{{"ratio", "(a + s)/(b + s)"}, {"log_ratio", "its natural logarithm: 0 when nothing changes, and as far below as above"}, {"difference", "a − b"}},
		Example: `
- {name: item_burst_10m, kind: trend, scope: item, on: click, window: 10m, slide: 1m, prior: {strength: 5}, as: log_ratio}`,
		build: compileTrend,
	}}
}

func compileTrend(c *compiler, d *Definition, f *feature) error {
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	slide, err := c.tiles(d)
	if err != nil {
		return err
	}
	if 2*(d.Window/slide) > maxTiles {
		return c.fail("slide", "%v makes %d tiles of two windows of %v: at most %d", slide, 2*(d.Window/slide), d.Window, maxTiles)
	}
	strength := d.Prior.Strength
	switch {
	case d.Prior.Mean != nil:
		return c.fail("prior.mean", "a trend has no mean: give the strength alone")
	case strength < 0:
		return c.fail("prior.strength", "must be above 0")
	case strength == 0:
		strength = 1
	}
	form := map[string]func(a, b float64) float64{
		"ratio":      func(a, b float64) float64 { return (a + strength) / (b + strength) },
		"log_ratio":  func(a, b float64) float64 { return fastLog((a + strength) / (b + strength)) },
		"difference": func(a, b float64) float64 { return a - b },
	}[d.As]
	f.acc, f.numeric = newAccumulator(1, 2*d.Window, slide, 0), true
	f.number = func(q *Query, f *feature) float64 { return form(f.acc.halves(q.cell(f.at).w, q)) }
	acc := f.acc
	l := layout{words: acc.words()}
	return c.aggregate(d, f, l, fmt.Sprint("total", on.name, one.name, acc), func(at place) {
		c.on(on, at, l, one, acc.adder(0))
	})
}

// halves are the sums of the newer half of the window that q reads, and of the older one.
func (a accumulator) halves(w []uint64, q *Query) (newer, older float64) {
	first, last := a.span(w, q.now)
	middle := tileOf(q.now, a.slide) - a.tiles/2
	for i := first; i <= last; i++ {
		x := math.Float64frombits(a.at(w, i)[0])
		if i > middle {
			newer += x
		} else {
			older += x
		}
	}
	return newer, older
}
