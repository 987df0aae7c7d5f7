package features

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Bounds of the kinds that count values.
const (
	defaultTopSize      = 64   // values told apart in a tile
	maxTopSize          = 1024 //
	maxTop              = 64   // values shown
	maxBuckets          = 64   // of a histogram
	defaultQuantileSize = 128  // bins of a tile
	maxQuantileSize     = 1024
	defaultAccuracy     = 0.02
)

// tallyKinds count how often each value came.
func tallyKinds() []Kind {
	window := []Key{
		{Name: "window", Doc: "sliding window; absent: all time"},
		windowKeys[1], windowKeys[2],
	}
	size := optional("size", "values told apart in each tile, up to 1024; 64. Each takes 16 bytes a tile for every key of the scope")
	return []Kind{
		{
			Name: "top_k", Group: "Distributions",
			Doc: "The `n` most frequent values among the events of `on`, the most frequent first (of equals, in an order that is always the " +
				"same). Of a list, each element counts. The counts are exact while no tile has more different values than `size`; beyond that a new value takes " +
				"the place of the rarest in its tile and goes on from that one's count, so that no frequent value is lost, and a count is too high " +
				"by at most the number of events in the tile, divided by `size`.",
			Keys: keys(required("on", "events whose values count"), required("n", "values shown, 1–64"),
				optional("value", "what is counted: `item`, `user`, `value`, a field, or an expression; `item`"), size, scopeKey, window, ttlKey),
			As: []Form{
				{"ids", "the values, as a list of categories"},
				{"shares", "the values with their share of all events counted, 0 to 1"},
				{"first", "the most frequent value, as one category"},
			},
			Example: `
- {name: user_top_categories_7d, kind: top_k, scope: user, on: click, value: item.categories, n: 3, window: 7d, slide: 1d, as: shares}`,
			build: compileTopK,
		},
		{
			Name: "histogram", Group: "Distributions",
			Doc: "How the values of the events of `on` are distributed. With `buckets` b₁ < b₂ < … they are numbers, and the feature is a vector: " +
				"of those below b₁, those with b₁ ≤ x < b₂, …, those from the last on. Without, they are categories, each with its weight, the most frequent first; " +
				"of a list, each element counts. Bounds of memory and exactness as for `top_k`. Missing while nothing came.",
			Keys: keys(required("on", "events whose values count"),
				optional("value", "what is counted: `value` (the default with `buckets`), `item` (the default without), `user`, a field, or an expression"),
				optional("buckets", "ascending bounds, at most 63"), size, scopeKey, window, ttlKey),
			As: []Form{{"shares", "parts of all events counted, 0 to 1"}, {"counts", "how many"}},
			Example: `
- {name: room_channels_1h, kind: histogram, scope: context.room, on: enter, value: context.channel, window: 1h}
- {name: user_prices_30d, kind: histogram, scope: user, on: click, value: item.price, buckets: [10, 50, 200], window: 30d, slide: 1d}`,
			build: compileHistogram,
		},
		{
			Name: "quantile", Group: "Distributions",
			Doc: "The value below which the part `quantile` of the values of the events of `on` lies; missing while there are none. It is the value at " +
				"place ⌊`quantile`·(n−1)⌋ of the n in order, from 0, to within `accuracy` of itself (DDSketch: Masson, Rim and Lee 2019); values nearer to 0 than 1e-9 are 0. " +
				"That holds while no tile needs more bins than `size`: with the defaults, while the greatest value of a tile is less than 160 times its " +
				"least. Beyond, the lowest values of the tile count as greater than they are, and the upper quantiles stay right.",
			Keys: keys(required("on", "events whose values count"), required("quantile", "above 0 and below 1: 0.5 is the median"),
				optional("value", "the number: `value` (the default), a field, or an expression"),
				optional("accuracy", "relative error, 0.001 to 0.2; 0.02"),
				optional("size", "bins of each tile, up to 1024; 128. Only those that are needed take memory: 16 bytes each"), scopeKey, window, ttlKey, numberKeys),
			As: numberForms,
			Example: `
- {name: item_watch_p90_1d, kind: quantile, scope: item, on: dwell, quantile: 0.9, window: 1d, slide: 2h, as: log}`,
			build: compileQuantile,
		},
	}
}

// tally checks the window and the size.
func (c *compiler) tally(d *Definition, standard, most int) (tally, error) {
	slide, err := c.tiles(d)
	if err != nil {
		return tally{}, err
	}
	y := tally{ring: newRing(0, d.Window, slide), size: d.Size}
	if y.size == 0 {
		y.size = standard
	}
	if y.size < 1 || y.size > most {
		return y, c.fail("size", "must be 1 to %d", most)
	}
	return y, nil
}

// counting compiles what a top_k and a histogram of categories have in common: each value, or each element of a list, counts.
func (c *compiler) counting(d *Definition, f *feature) (tally, error) {
	y, err := c.tally(d, defaultTopSize, maxTopSize)
	if err != nil {
		return y, err
	}
	y.full = takeOver
	on, err := c.selection("on", d.On)
	if err != nil {
		return y, err
	}
	text := d.Value
	if text == "" {
		text = "item"
	}
	value, err := c.operand("value", text, false)
	if err != nil {
		return y, err
	}
	l := y.layout()
	return y, c.aggregate(d, f, l, fmt.Sprint("values", on.name, value.name, y.ring, y.size), func(at place) {
		c.on(on, at, l, value, func(s slot, t *touch) {
			if len(t.list) == 0 {
				y.add(s, t.time, t.id)
			}
			for _, id := range t.list {
				y.add(s, t.time, id)
			}
		})
	})
}

func compileTopK(c *compiler, d *Definition, f *feature) error {
	if d.N < 1 || d.N > maxTop {
		return c.fail("n", "must be 1 to %d", maxTop)
	}
	y, err := c.counting(d, f)
	if err != nil {
		return err
	}
	switch n := d.N; d.As {
	case "first":
		f.category = func(q *Query, f *feature) category {
			if top, _ := y.ranked(q, q.cell(f.at)); len(top) > 0 {
				return category{id: top[0].key}
			}
			return category{}
		}
	case "ids":
		f.category = func(q *Query, f *feature) category {
			start := len(q.ids)
			top, _ := y.ranked(q, q.cell(f.at))
			for _, v := range top[:min(n, len(top))] {
				q.ids = append(q.ids, v.key)
			}
			return q.listFrom(start)
		}
	case "shares":
		f.weighted = true
		f.category = func(q *Query, f *feature) category { return y.weighted(q, f, n, true) }
	}
	return nil
}

// ranked are the values of the window, the most frequent first, and their number in all.
func (y tally) ranked(q *Query, s slot) (values []counted, all uint64) {
	values = y.read(q, s)
	for _, v := range values {
		all += v.n
	}
	slices.SortFunc(values, func(a, b counted) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.key, b.key)) })
	return values, all
}

// weighted is a value of the n most frequent with their counts, or their shares of all.
func (y tally) weighted(q *Query, f *feature, n int, shares bool) category {
	ids, weights := len(q.ids), len(q.weights)
	values, all := y.ranked(q, q.cell(f.at))
	for _, v := range values[:min(n, len(values))] {
		w := float64(v.n)
		if shares {
			w /= float64(all)
		}
		q.ids, q.weights = append(q.ids, v.key), append(q.weights, float32(w))
	}
	return q.weightedFrom(ids, weights)
}

func compileHistogram(c *compiler, d *Definition, f *feature) error {
	shares := d.As == "shares"
	f.weighted = true
	if len(d.Buckets) == 0 {
		y, err := c.counting(d, f)
		f.category = func(q *Query, f *feature) category { return y.weighted(q, f, maxTopSize*maxTiles, shares) }
		return err
	}
	for i, b := range d.Buckets {
		if math.IsNaN(b) || math.IsInf(b, 0) || i > 0 && b <= d.Buckets[i-1] {
			return c.fail("buckets", "must be finite and ascend")
		}
	}
	if len(d.Buckets) >= maxBuckets {
		return c.fail("buckets", "at most %d bounds", maxBuckets-1)
	}
	if d.Size != 0 {
		return c.fail("size", "is of no use beside buckets, which say what is told apart")
	}
	bounds := slices.Clone(d.Buckets)
	f.dense = true
	return c.numbers(d, f, len(bounds)+1, fmt.Sprint("buckets", bounds), func(x float64) uint64 {
		b, _ := slices.BinarySearch(bounds, math.Nextafter(x, math.Inf(1)))
		return uint64(b)
	}, func(y tally) {
		f.category = func(q *Query, f *feature) category { return y.vector(q, f, shares) }
	})
}

// vector is a value with one weight for each bucket.
func (y tally) vector(q *Query, f *feature, shares bool) category {
	values := y.read(q, q.cell(f.at))
	if len(values) == 0 {
		return category{}
	}
	all := 1.0
	if shares {
		all = 0
		for _, v := range values {
			all += float64(v.n)
		}
	}
	ids, weights := len(q.ids), len(q.weights)
	for b := range y.size {
		w := 0.0
		if len(values) > 0 && values[0].key == uint64(b) {
			w, values = float64(values[0].n)/all, values[1:]
		}
		q.ids, q.weights = append(q.ids, placeID(b)), append(q.weights, float32(w))
	}
	return q.weightedFrom(ids, weights)
}

// numbers gives a feature a tally of what binned makes of each number; read says how it is read.
func (c *compiler) numbers(d *Definition, f *feature, size int, what string, binned func(float64) uint64, read func(tally)) error {
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	value, err := c.number("value", d.Value)
	if err != nil {
		return err
	}
	y, err := c.tally(d, size, max(size, maxQuantileSize))
	if err != nil {
		return err
	}
	y.full = collapse
	read(y)
	l := y.layout()
	return c.aggregate(d, f, l, fmt.Sprint(what, on.name, value.name, y.ring, y.size), func(at place) {
		c.on(on, at, l, value, func(s slot, t *touch) {
			if t.x == t.x {
				y.add(s, t.time, binned(t.x))
			}
		})
	})
}
