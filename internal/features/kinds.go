package features

import (
	"fmt"
	"math"
	"slices"
)

// kinds holds the compiler of each kind of definition. A new kind is one function here.
var kinds = map[string]func(*compiler, *Definition, *feature) error{
	"count":      compileCount,
	"sum":        compileSum,
	"mean":       compileMean,
	"rate":       compileRate,
	"last":       compileLast,
	"time_since": compileTimeSince,
	"age":        compileAge,
	"attribute":  compileAttribute,
	"bucketize":  compileBucketize,
	"cross":      compileCross,
}

func kindNames() []string {
	var names []string
	for k := range kinds {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// forms are the transformations that "as" names for plain numbers.
var forms = map[string]func(float64) float64{
	"":     func(x float64) float64 { return x },
	"raw":  func(x float64) float64 { return x },
	"log":  signedLog,
	"sqrt": func(x float64) float64 { return math.Copysign(math.Sqrt(math.Abs(x)), x) },
}

// signedLog is ln(1+|x|) with the sign of x.
func signedLog(x float64) float64 { return math.Copysign(fastLog(1+math.Abs(x)), x) }

// windowed is what count, sum, mean and rate share: a scope, an accumulator and its cell.
func (c *compiler) windowed(d *Definition, f *feature, lanes int, what string, enter func(scope, offset int, acc accumulator)) error {
	s, err := c.scope(d.Scope)
	if err != nil {
		return err
	}
	acc, err := c.window(d, lanes)
	if err != nil {
		return err
	}
	what = fmt.Sprint(what, acc)
	off, fresh := c.cell(s, acc.words(), what)
	if fresh {
		enter(s, off, acc)
	}
	f.scope, f.offset, f.acc, f.numeric, f.byItem = s, off, acc, true, c.p.scopes[s].byItem
	if d.Kind == "rate" || d.Kind == "mean" {
		f.prior, err = c.compilePrior(d, acc, what, func(s, off int) { enter(s, off, acc) })
	}
	return err
}

func (c *compiler) transform(d *Definition) (func(float64) float64, error) {
	t, ok := forms[d.As]
	if !ok {
		return nil, c.fail("as", "%q is none of raw, log, sqrt", d.As)
	}
	return t, nil
}

func compileCount(c *compiler, d *Definition, f *feature) error {
	return compileTotal(c, d, f, countOne)
}

func compileSum(c *compiler, d *Definition, f *feature) error {
	value, err := c.number(d)
	if err != nil {
		return err
	}
	return compileTotal(c, d, f, value)
}

func compileTotal(c *compiler, d *Definition, f *feature, value int) error {
	if len(d.On) == 0 {
		return c.fail("on", "name the event types to count")
	}
	form, err := c.transform(d)
	if err != nil {
		return err
	}
	f.number = func(q *Query, f *feature) float64 {
		x, _ := f.acc.read(cell(q.rows[f.scope], f.offset), q.now)
		return form(x)
	}
	return c.windowed(d, f, 1, fmt.Sprint("total", d.On, value), func(s, off int, acc accumulator) {
		c.on(d.On, s, op{kind: opAdd, offset: off, acc: acc, value: value})
	})
}

func compileMean(c *compiler, d *Definition, f *feature) error {
	if len(d.On) == 0 {
		return c.fail("on", "name the event types to average")
	}
	value, err := c.number(d)
	if err != nil {
		return err
	}
	form, err := c.transform(d)
	if err != nil {
		return err
	}
	f.number = func(q *Query, f *feature) float64 {
		sum, n := f.acc.read(cell(q.rows[f.scope], f.offset), q.now)
		return form(f.prior.average(q, sum, n))
	}
	return c.windowed(d, f, 2, fmt.Sprint("mean", d.On, value), func(s, off int, acc accumulator) {
		c.on(d.On, s, op{kind: opMean, offset: off, acc: acc, value: value})
	})
}

func compileRate(c *compiler, d *Definition, f *feature) error {
	if len(d.Of) == 0 || len(d.Over) == 0 {
		return c.fail("of", "a rate needs the event types of both of and over")
	}
	form, ok := map[string]func(float64) float64{"": ratio, "ratio": ratio, "log_odds": logOdds}[d.As]
	if !ok {
		return c.fail("as", "%q is neither ratio nor log_odds", d.As)
	}
	f.number = func(q *Query, f *feature) float64 {
		a, b := f.acc.read(cell(q.rows[f.scope], f.offset), q.now)
		return form(f.prior.ratio(q, a, b))
	}
	return c.windowed(d, f, 2, fmt.Sprint("rate", d.Of, d.Over), func(s, off int, acc accumulator) {
		c.on(d.Of, s, op{kind: opAdd, offset: off, acc: acc, value: countOne})
		c.on(d.Over, s, op{kind: opAdd, offset: off, acc: acc, lane: 1, value: countOne})
	})
}

func ratio(x float64) float64 { return x }

// logOdds is ln(x/(1−x)), bounded to about ±9.2 because a numerator can outrun its denominator.
func logOdds(x float64) float64 {
	x = min(max(x, 1e-4), 1-1e-4)
	return fastLog(x / (1 - x))
}

func compileLast(c *compiler, d *Definition, f *feature) error {
	if len(d.On) == 0 {
		return c.fail("on", "name the event types to remember")
	}
	if d.N < 1 || d.N > 64 {
		return c.fail("n", "must be 1 to 64")
	}
	if len(d.Outcomes) > 31 {
		return c.fail("outcomes", "at most 31")
	}
	form, ok := map[string]func(*Query, *feature) category{
		"": lastIDs, "ids": lastIDs, "outcomes": lastOutcomes, "pattern": lastPattern,
	}[d.As]
	if !ok {
		return c.fail("as", "%q is none of ids, outcomes, pattern", d.As)
	}
	s, err := c.scope(d.Scope)
	if err != nil {
		return err
	}
	f.scope, f.hist, f.byItem, f.category = s, history{d.N}, c.p.scopes[s].byItem, form
	f.bits = 1<<len(d.Outcomes) - 1
	off, fresh := c.cell(s, f.hist.words(), fmt.Sprint("last", d.On, d.N, d.Outcomes))
	f.offset = off
	if fresh {
		c.on(d.On, s, op{kind: opPush, offset: off, hist: f.hist, value: countOne})
		for i, t := range d.Outcomes {
			c.on([]string{t}, s, op{kind: opMark, offset: off, hist: f.hist, bit: uint(i), value: countOne})
		}
	}
	return nil
}

// lastIDs is the set of the items remembered.
func lastIDs(q *Query, f *feature) category {
	start := len(q.ids)
	for i := range f.hist.n {
		ref, _, _, ok := f.hist.entry(cell(q.rows[f.scope], f.offset), i)
		if !ok {
			break
		}
		q.ids = append(q.ids, q.store.items.at(ref).hash)
	}
	return q.listFrom(start)
}

// lastOutcomes is one category per place: what became of the newest entry, of the one before, …
func lastOutcomes(q *Query, f *feature) category {
	start := len(q.ids)
	for i := range f.hist.n {
		_, outcome, _, ok := f.hist.entry(cell(q.rows[f.scope], f.offset), i)
		if !ok {
			break
		}
		q.ids = append(q.ids, join(uint64(i+1), uint64(outcome&f.bits)))
	}
	return q.listFrom(start)
}

// lastPattern is one category for the whole sequence of outcomes.
func lastPattern(q *Query, f *feature) category {
	id := uint64(1)
	for i := range f.hist.n {
		_, outcome, _, ok := f.hist.entry(cell(q.rows[f.scope], f.offset), i)
		if !ok {
			break
		}
		id = join(id, uint64(outcome&f.bits)+1)
	}
	return category{id: id}
}

func compileTimeSince(c *compiler, d *Definition, f *feature) error {
	if len(d.On) == 0 {
		return c.fail("on", "name the event types to wait for")
	}
	form, err := c.transform(d)
	if err != nil {
		return err
	}
	s, err := c.scope(d.Scope)
	if err != nil {
		return err
	}
	f.scope, f.numeric, f.byItem = s, true, c.p.scopes[s].byItem
	off, fresh := c.cell(s, 1, fmt.Sprint("time", d.On))
	f.offset = off
	if fresh {
		c.on(d.On, s, op{kind: opTime, offset: off, value: countOne})
	}
	f.number = func(q *Query, f *feature) float64 {
		row := q.rows[f.scope]
		if row == nil || row[f.offset] == 0 {
			return math.NaN()
		}
		return form(max(0, float64(int64(q.now)-int64(row[f.offset]))/1e9))
	}
	return nil
}

func compileAge(c *compiler, d *Definition, f *feature) error {
	form, err := c.transform(d)
	if err != nil {
		return err
	}
	name := d.Field
	if name == "" {
		name = "item.created"
	}
	fl, err := parseField(name)
	if err != nil || fl.source == fromTime {
		return c.fail("field", "%q is not item.FIELD, user.FIELD or context.FIELD with an RFC 3339 time", name)
	}
	fl.time = true
	f.field, f.numeric, f.byItem = c.field(fl), true, fl.source == fromItem
	f.number = func(q *Query, f *feature) float64 {
		created := q.field(f.field).num
		return form(max(0, float64(q.now)/1e9-created))
	}
	return nil
}

func compileAttribute(c *compiler, d *Definition, f *feature) error {
	fl, err := parseField(d.Field)
	if err != nil {
		return c.fail("field", "%v", err)
	}
	f.field, f.byItem = c.field(fl), fl.source == fromItem
	switch d.As {
	case "", "id":
		f.category = func(q *Query, f *feature) category { return q.field(f.field).category }
	case "number", "log", "sqrt":
		form := forms[d.As]
		if d.As == "number" {
			form = forms["raw"]
		}
		f.numeric = true
		f.number = func(q *Query, f *feature) float64 { return form(q.field(f.field).num) }
	default:
		return c.fail("as", "%q is none of id, number, log, sqrt", d.As)
	}
	return nil
}

// input finds a feature that another one is made of; key is where its name stands.
func (c *compiler) input(key, name string) (int, error) {
	i, ok := c.byName[name]
	if !ok {
		return 0, c.fail(key, "%q is not a feature declared above", name)
	}
	return i, nil
}

func compileBucketize(c *compiler, d *Definition, f *feature) error {
	if len(d.Inputs) != 1 {
		return c.fail("input", "bucketize takes one feature")
	}
	in, err := c.input("input", d.Inputs[0])
	if err != nil {
		return err
	}
	if !c.p.feats[in].numeric {
		return c.fail("input", "%q is not a number", d.Inputs[0])
	}
	if !slices.IsSorted(d.Buckets) {
		return c.fail("buckets", "must ascend")
	}
	f.inputs, f.bounds, f.base, f.byItem = []int{in}, d.Buckets, d.Base, c.p.feats[in].byItem
	if f.base == 0 {
		f.base = 2
	}
	if f.base <= 1 {
		return c.fail("base", "must be greater than 1")
	}
	inverse := 1 / math.Log(f.base)
	f.category = func(q *Query, f *feature) category {
		x := q.nums[f.inputs[0]]
		if math.IsNaN(x) {
			return category{}
		}
		var b int
		if len(f.bounds) > 0 {
			b, _ = slices.BinarySearch(f.bounds, math.Nextafter(x, math.Inf(1)))
		} else {
			b = int(math.Floor(signedLog(x) * inverse))
		}
		return category{id: mix(uint64(b) + 0x51)}
	}
	return nil
}

func compileCross(c *compiler, d *Definition, f *feature) error {
	if len(d.Inputs) < 2 {
		return c.fail("inputs", "a cross takes two or more features")
	}
	for _, name := range d.Inputs {
		in, err := c.input("inputs", name)
		if err != nil {
			return err
		}
		if c.p.feats[in].numeric {
			return c.fail("inputs", "%q is a number: bucketize it first", name)
		}
		f.inputs = append(f.inputs, in)
		f.byItem = f.byItem || c.p.feats[in].byItem
	}
	f.category = evalCross
	return nil
}

// evalCross combines every element of the first list with every one of the others; missing inputs make it missing.
func evalCross(q *Query, f *feature) category {
	id, lists := uint64(len(f.inputs)), false
	for _, in := range f.inputs {
		v := &q.cats[in]
		if v.id == 0 {
			return category{}
		}
		lists = lists || len(v.list) > 0
		id = join(id, v.id)
	}
	if !lists {
		return category{id: id}
	}
	start := len(q.ids)
	q.ids = append(q.ids, uint64(len(f.inputs)))
	for _, in := range f.inputs {
		from, n := start, len(q.ids)
		v := &q.cats[in]
		elems := v.list
		if len(elems) == 0 {
			elems = []uint64{v.id}
		}
		for _, e := range elems {
			for _, prefix := range q.ids[from:n] {
				if len(q.ids)-n < maxCross {
					q.ids = append(q.ids, join(prefix, e))
				}
			}
		}
		start = n
	}
	return q.listFrom(start)
}

// maxCross bounds how many categories one cross of lists makes.
const maxCross = 64
