package features

import (
	"math"
	"time"
)

// totalTwins recount what is added up.
func totalTwins() []twinKind {
	some := 0.25
	user, item := []string{"user"}, []string{"item"}
	pair, deep := []string{"user", "item.categories[0]"}, []string{"context.room", "context.device", "user.age"}
	return []twinKind{
		{
			kind: "count",
			defs: []Definition{
				{Kind: "count", Scope: user, On: On("click"), Windows: []time.Duration{time.Minute, time.Hour, 24 * time.Hour, 30 * 24 * time.Hour}},
				{Kind: "count", Scope: item, On: On("click", "like"), Window: 10 * time.Second, Slide: time.Second, As: "log"},
				{Kind: "count", Scope: pair, On: On("exposure"), Window: time.Minute, Slide: 10 * time.Second},
				{Kind: "count", Scope: []string{"context.room"}, On: On("enter", "exit", "click"), Window: 7 * 24 * time.Hour, Slide: 24 * time.Hour},
				{Kind: "count", Scope: deep, On: On(AnyType), Window: time.Hour, Slide: time.Hour},
				{Kind: "count", On: On("purchase"), Window: time.Hour, Slide: 5 * time.Minute, TTL: 20 * time.Minute},
				{Kind: "count", Scope: user, On: On(AnyType), TTL: 90 * time.Second},
				{Kind: "count", Scope: pair, On: Selection{Types: []string{"dwell", "click"}, Where: "value > 3 && item.price < 60"}, Window: time.Hour},
				{Kind: "count", Scope: []string{"user", "item"}, On: On("exposure")},
				{Kind: "count", Scope: item, On: On("click"), HalfLife: time.Hour},
			},
			recount: func(r *twinRead) twinValue { return twinNumber(twinForm(r.def.As, r.total(r.chosen(r.def.On, "1")))) },
		},
		{
			kind: "sum", reads: "number",
			defs: []Definition{
				{Kind: "sum", Scope: user, On: On("purchase", "dwell"), Windows: []time.Duration{time.Minute, 12 * time.Hour}},
				{Kind: "sum", Scope: []string{"item.tags[1]"}, On: On("click"), Value: "item.price", Window: time.Hour},
				{Kind: "sum", Scope: user, On: On("dwell"), Value: "value * item.price", Window: 24 * time.Hour, Slide: time.Hour, TTL: time.Hour, As: "log"},
				{Kind: "sum", On: Selection{Types: []string{AnyType}, Where: `context.device == "ios"`}, Window: 5 * time.Minute},
				{Kind: "sum", Scope: item, On: On("dwell"), HalfLife: time.Minute},
				{Kind: "sum", Scope: item, On: On("dwell", "like"), Value: "item.price * value", Window: time.Minute},
			},
			recount: func(r *twinRead) twinValue {
				return twinNumber(twinForm(r.def.As, r.total(r.chosen(r.def.On, r.def.Value))))
			},
		},
		{
			kind: "mean", reads: "number",
			defs: []Definition{
				{Kind: "mean", Scope: user, On: On("dwell"), Windows: []time.Duration{time.Minute, 24 * time.Hour}},
				{Kind: "mean", Scope: pair, On: On("click"), Value: "item.price", Window: time.Hour, Prior: Prior{Strength: 3}},
				{Kind: "mean", Scope: []string{"user", "context.room"}, On: On("dwell"), HalfLife: time.Hour, Prior: Prior{Strength: 2, Mean: &some}},
				{Kind: "mean", Scope: item, On: On("dwell", "purchase"), TTL: 10 * time.Minute, As: "sqrt"},
				{Kind: "mean", On: On("purchase"), Window: time.Hour},
			},
			recount: func(r *twinRead) twinValue { return twinNumber(twinForm(r.def.As, twinMean(r))) },
		},
		{
			kind: "rate",
			defs: []Definition{
				{Kind: "rate", Scope: item, Of: On("click"), Over: On("exposure"), Windows: []time.Duration{time.Minute, 24 * time.Hour}, Prior: Prior{Strength: 10}, As: "log_odds"},
				{Kind: "rate", Scope: user, Of: On("like"), Over: On("click"), Window: time.Hour},
				{Kind: "rate", Scope: pair, Of: On("click"), Over: On("exposure"), HalfLife: 10 * time.Minute, Prior: Prior{Strength: 2, Mean: &some}},
				{
					Kind: "rate", Scope: []string{"context.device"}, Window: time.Hour, TTL: time.Hour, Prior: Prior{Strength: 1},
					Of:   Selection{Types: []string{"dwell"}, Where: "value > 3 && item.price < 60"},
					Over: Selection{Types: []string{AnyType}, Where: `context.device == "ios"`},
				},
				{Kind: "rate", Of: On("click"), Over: On("exposure", "click"), Prior: Prior{Strength: 1}},
			},
			recount: func(r *twinRead) twinValue {
				x := twinRate(r)
				if r.def.As == "log_odds" {
					x = min(max(x, 1e-4), 1-1e-4)
					return twinNumber(math.Log(x / (1 - x)))
				}
				return twinNumber(x)
			},
		},
	}
}

func twinMean(r *twinRead) float64 {
	samples := numbers(r.chosen(r.def.On, r.def.Value))
	sum, n := r.total(samples), r.total(twinOnes(samples))
	mean := math.NaN()
	if r.def.Prior.Mean != nil {
		mean = *r.def.Prior.Mean
	} else if len(r.def.Scope) > 0 {
		all := numbers(r.everywhere(r.def.On, r.def.Value))
		mean = r.total(all) / r.total(twinOnes(all))
	}
	if r.def.Prior.Strength == 0 || math.IsNaN(mean) {
		return sum / n
	}
	return (sum + r.def.Prior.Strength*mean) / (n + r.def.Prior.Strength)
}

// twinOnes has 1 for each of the samples.
func twinOnes(samples []twinSample) []twinSample {
	out := append([]twinSample(nil), samples...)
	for i := range out {
		out[i].x = 1
	}
	return out
}

func twinRate(r *twinRead) float64 {
	of, over := r.total(r.chosen(r.def.Of, "1")), r.total(r.chosen(r.def.Over, "1"))
	mean, strength := 0.5, r.def.Prior.Strength
	if r.def.Prior.Mean != nil {
		mean = *r.def.Prior.Mean
	} else if strength > 0 && len(r.def.Scope) > 0 {
		of, over := r.total(r.everywhere(r.def.Of, "1")), r.total(r.everywhere(r.def.Over, "1"))
		mean = (of + 1) / (max(of, over) + 2)
	}
	if over = max(of, over); over+strength <= 0 {
		return math.NaN()
	}
	return (of + strength*mean) / (over + strength)
}
