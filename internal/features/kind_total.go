package features

import (
	"fmt"
	"math"
)

// totalKinds are sums of what events say, and what is made of two of them.
func totalKinds() []Kind {
	return []Kind{
		{
			Name: "count", Group: "Counting",
			Doc:  "How many events of `on`.",
			Keys: keys(required("on", "events that count"), scopeKey, windowKeys, halfLifeKey, ttlKey, numberKeys),
			As:   numberForms,
			Example: `
- {name: user_clicks_5m, kind: count, scope: user, on: click, window: 5m, slide: 30s, as: log}`,
			build: compileCount,
		},
		{
			Name: "sum", Group: "Counting",
			Doc: "The sum of `value` over the events of `on`. An event that has no such number adds nothing.",
			Keys: keys(required("on", "events that are added up"), optional("value", "what is added up: `value` (the default), a field, or an expression"),
				scopeKey, windowKeys, halfLifeKey, ttlKey, numberKeys),
			As: numberForms,
			Example: `
- {name: user_spent_1d, kind: sum, scope: user, on: purchase, window: 1d, slide: 1h, as: log}`,
			build: compileSum,
		},
		{
			Name: "mean", Group: "Counting",
			Doc: "The mean of `value` over the events of `on` that have it; missing where there are none and nothing to smooth with. " +
				"With `prior` it is (sum + strength·mean)/(n + strength).",
			Keys: keys(required("on", "events that are averaged"), optional("value", "what is averaged: `value` (the default), a field, or an expression"),
				optional("prior", "`strength`: pseudo-observations to smooth with; `mean`: towards what, by default the mean over everything"),
				scopeKey, windowKeys, halfLifeKey, ttlKey, numberKeys),
			As: numberForms,
			Example: `
- {name: user_price_1h, kind: mean, scope: user, on: click, value: item.price, window: 1h}`,
			build: compileMean,
		},
		{
			Name: "rate", Group: "Counting",
			Doc: "Events of `of` over events of `over`, each counted by its own time, at most 1. " +
				"With `prior` it is (of + strength·mean)/(over + strength), so that what was seen seldom stays near the mean.",
			Keys: keys(required("of", "events of the numerator"), required("over", "events of the denominator"),
				optional("prior", "`strength`: pseudo-observations to smooth with; `mean`: towards what, by default the rate over everything"),
				scopeKey, windowKeys, halfLifeKey, ttlKey, numberKeys),
			As: rateForms,
			Example: `
- {name: item_ctr_1d, kind: rate, scope: item, of: click, over: exposure, window: 1d, slide: 1h, prior: {strength: 10}, as: log_odds}`,
			build: compileRate,
		},
	}
}

// rateForms are the forms of a ratio.
var rateForms = []Form{{"ratio", "the ratio"}, {"log_odds", "ln(r/(1−r)) of a ratio r held within 0.0001 and 0.9999: suits a logistic model"}}

// forms are the transformations that "as" names for plain numbers.
var forms = map[string]func(float64) float64{
	"raw":  func(x float64) float64 { return x },
	"log":  signedLog,
	"sqrt": func(x float64) float64 { return math.Copysign(math.Sqrt(math.Abs(x)), x) },
}

// signedLog is ln(1+|x|) with the sign of x.
func signedLog(x float64) float64 { return math.Copysign(fastLog(1+math.Abs(x)), x) }

func compileCount(c *compiler, d *Definition, f *feature) error { return compileTotal(c, d, f, one) }

func compileSum(c *compiler, d *Definition, f *feature) error {
	value, err := c.number("value", d.Value)
	if err != nil {
		return err
	}
	return compileTotal(c, d, f, value)
}

func compileTotal(c *compiler, d *Definition, f *feature, value operand) error {
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	acc, err := c.accumulator(d, 1)
	if err != nil {
		return err
	}
	form := forms[d.As]
	f.acc, f.numeric = acc, true
	f.number = func(q *Query, f *feature) float64 {
		x, _ := f.acc.read(q.cell(f.at).w, q.now)
		return form(x)
	}
	l := layout{words: acc.words()}
	return c.aggregate(d, f, l, fmt.Sprint("total", on.name, value.name, acc), func(at place) {
		c.on(on, at, l, value, acc.adder(0))
	})
}

// adder is the change that adds the operand to a lane.
func (a accumulator) adder(lane int) func(slot, *touch) {
	return func(s slot, t *touch) {
		if t.x == t.x {
			a.add(s.w, lane, t.time, t.x)
		}
	}
}

func compileMean(c *compiler, d *Definition, f *feature) error {
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	value, err := c.number("value", d.Value)
	if err != nil {
		return err
	}
	form := forms[d.As]
	f.number = func(q *Query, f *feature) float64 {
		sum, n := f.acc.read(q.cell(f.at).w, q.now)
		return form(f.prior.average(q, sum, n))
	}
	return c.smoothed(d, f, fmt.Sprint("mean", on.name, value.name), func(at place, l layout, acc accumulator) {
		c.on(on, at, l, value, func(s slot, t *touch) {
			if t.x == t.x {
				acc.add(s.w, 0, t.time, t.x)
				acc.add(s.w, 1, t.time, 1)
			}
		})
	})
}

func compileRate(c *compiler, d *Definition, f *feature) error {
	of, err := c.selection("of", d.Of)
	if err != nil {
		return err
	}
	over, err := c.selection("over", d.Over)
	if err != nil {
		return err
	}
	form := map[string]func(float64) float64{"ratio": ratio, "log_odds": logOdds}[d.As]
	f.number = func(q *Query, f *feature) float64 {
		a, b := f.acc.read(q.cell(f.at).w, q.now)
		return form(f.prior.ratio(q, a, b))
	}
	return c.smoothed(d, f, fmt.Sprint("rate", of.name, over.name), func(at place, l layout, acc accumulator) {
		c.on(of, at, l, one, acc.adder(0))
		c.on(over, at, l, one, acc.adder(1))
	})
}

// smoothed gives a feature an accumulator of two lanes, and its prior the same over everything.
func (c *compiler) smoothed(d *Definition, f *feature, what string, enter func(at place, l layout, acc accumulator)) error {
	acc, err := c.accumulator(d, 2)
	if err != nil {
		return err
	}
	f.acc, f.numeric = acc, true
	l, what := layout{words: acc.words()}, fmt.Sprint(what, acc)
	if err := c.aggregate(d, f, l, what, func(at place) { enter(at, l, acc) }); err != nil {
		return err
	}
	f.prior, err = c.compilePrior(d, acc, what, func(at place) { enter(at, l, acc) })
	return err
}

func ratio(x float64) float64 { return x }

// logOdds is ln(x/(1−x)), bounded to about ±9.2 because a numerator can outrun its denominator.
func logOdds(x float64) float64 {
	x = min(max(x, 1e-4), 1-1e-4)
	return fastLog(x / (1 - x))
}
