package features

import (
	"fmt"
	"math"

	"recsvc/internal/event"
)

// spreadKinds say within what bounds values lie, and how they scatter.
func spreadKinds() []Kind {
	value := optional("value", "the number: `value` (the default), a field, or an expression")
	window := []Key{{Name: "window", Doc: "sliding window; absent: all time"}, windowKeys[1], windowKeys[2]}
	extreme := func(name, what string, build func(*compiler, *Definition, *feature) error) Kind {
		return Kind{
			Name: name, Group: "Counting",
			Doc:  "The " + what + " `value` of the events of `on`; missing while none has one.",
			Keys: keys(required("on", "events that are compared"), value, scopeKey, window, ttlKey, numberKeys),
			As:   numberForms,
			Example: fmt.Sprintf(`
- {name: user_price_%s_7d, kind: %s, scope: user, on: click, value: item.price, window: 7d, slide: 1d}`, name, name),
			build: build,
		}
	}
	return []Kind{
		extreme("min", "least", func(c *compiler, d *Definition, f *feature) error { return compileExtreme(c, d, f, -1) }),
		extreme("max", "greatest", func(c *compiler, d *Definition, f *feature) error { return compileExtreme(c, d, f, 1) }),
		{
			Name: "variance", Group: "Counting",
			Doc: "How far the `value` of the events of `on` scatters about its mean. Tiles are merged by the formula of Chan, Golub and LeVeque (1979), " +
				"which stays precise where the values are large and close together.",
			Keys: keys(required("on", "events whose values scatter"), value, scopeKey, window, ttlKey, numberKeys),
			As: []Form{
				{"variance", "that of a sample: Σ(x−mean)²/(n−1); missing with fewer than two values"},
				{"deviation", "its square root"},
				{"population", "that of these values alone: Σ(x−mean)²/n; missing with none"},
				{"population_deviation", "its square root"},
			},
			Example: `
- {name: user_watch_deviation_1d, kind: variance, scope: user, on: dwell, window: 1d, slide: 2h, as: deviation}`,
			build: compileVariance,
		},
	}
}

// extreme is a ring of one lane with the value of the greatest sign·x of each tile. Since 0 is nothing yet, 0 is kept as −0.
type extreme struct {
	ring
	sign float64
}

var negativeZero = math.Float64bits(math.Copysign(0, -1))

func (e extreme) add(w []uint64, t event.Time, x float64) {
	tile := e.tile(w, t)
	if tile == nil || tile[0] != 0 && float64(e.sign*x) <= float64(e.sign*math.Float64frombits(tile[0])) {
		return
	}
	if tile[0] = math.Float64bits(x); x == 0 {
		tile[0] = negativeZero
	}
}

// read is the extreme of the window; NaN while there is none.
func (e extreme) read(w []uint64, t event.Time) float64 {
	best := math.NaN()
	first, last := e.span(w, t)
	for i := first; i <= last; i++ {
		bits := e.at(w, i)[0]
		if x := math.Float64frombits(bits); bits != 0 && !(float64(e.sign*x) <= float64(e.sign*best)) {
			best = x
		}
	}
	return best + 0 // −0 is 0
}

func compileExtreme(c *compiler, d *Definition, f *feature, sign float64) error {
	form := forms[d.As]
	return c.overNumbers(d, f, "extreme", 1, func(r ring) func([]uint64, event.Time, float64) {
		e := extreme{r, sign}
		f.number = func(q *Query, f *feature) float64 { return form(e.read(q.cell(f.at).w, q.now)) }
		return e.add
	})
}

// overNumbers gives a feature a ring of some lanes that the numbers of a selection enter by what enter returns.
func (c *compiler) overNumbers(d *Definition, f *feature, what string, lanes int, enter func(ring) func([]uint64, event.Time, float64)) error {
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	value, err := c.number("value", d.Value)
	if err != nil {
		return err
	}
	slide, err := c.tiles(d)
	if err != nil {
		return err
	}
	r := newRing(lanes, d.Window, slide)
	add, l := enter(r), layout{words: r.words()}
	f.numeric = true
	return c.aggregate(d, f, l, fmt.Sprint(what, d.Kind, on.name, value.name, r), func(at place) {
		c.on(on, at, l, value, func(s slot, t *touch) {
			if t.x == t.x {
				add(s.w, t.time, t.x)
			}
		})
	})
}

// moments is a ring of three lanes: how many values (an integer), their mean, and the sum of their squared distances from it.
type moments struct{ ring }

// maxScattered is how great a value may be before it counts as less: its square must be a number yet.
const maxScattered = 1e150

// moment is what one tile, or several, have.
type moment struct{ n, mean, m2 float64 }

func (m moments) add(w []uint64, t event.Time, x float64) {
	if tile := m.tile(w, t); tile != nil {
		v := momentOf(tile).with(moment{1, min(max(x, -maxScattered), maxScattered), 0})
		tile[0], tile[1], tile[2] = tile[0]+1, math.Float64bits(v.mean), math.Float64bits(v.m2)
	}
}

func momentOf(tile []uint64) moment {
	return moment{float64(tile[0]), math.Float64frombits(tile[1]), math.Float64frombits(tile[2])}
}

// with merges two sets of values.
func (v moment) with(o moment) moment {
	if v.n == 0 || o.n == 0 {
		return moment{v.n + o.n, v.mean + o.mean, v.m2 + o.m2}
	}
	n, delta := v.n+o.n, o.mean-v.mean
	part := o.n / n
	return moment{n, v.mean + float64(delta*part), bounded(v.m2 + o.m2 + float64(float64(delta*delta)*float64(v.n*part)))}
}

func (m moments) read(w []uint64, t event.Time) (all moment) {
	first, last := m.span(w, t)
	for i := first; i <= last; i++ {
		all = all.with(momentOf(m.at(w, i)))
	}
	return all
}

func compileVariance(c *compiler, d *Definition, f *feature) error {
	less, root := 1.0, d.As == "deviation" || d.As == "population_deviation"
	if d.As == "population" || d.As == "population_deviation" {
		less = 0
	}
	return c.overNumbers(d, f, "moments", 3, func(r ring) func([]uint64, event.Time, float64) {
		m := moments{r}
		f.number = func(q *Query, f *feature) float64 {
			v := m.read(q.cell(f.at).w, q.now)
			if v.n <= less {
				return math.NaN()
			}
			if v.m2 /= v.n - less; root {
				return math.Sqrt(v.m2)
			}
			return v.m2
		}
		return m.add
	})
}
