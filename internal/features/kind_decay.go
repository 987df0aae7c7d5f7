package features

// decayKinds count with weights that halve with every half-life that passes.
func decayKinds() []Kind {
	need := required("half_life", "after which an event counts half")
	return []Kind{
		{
			Name: "decay", Group: "Counting",
			Doc: "The events of `on`, or the sum of their `value`, where each counts half as much with every `half_life` that has passed since. " +
				"It falls smoothly, where a window forgets at once, and takes two words however long the half-life. The same as `count` and `sum` with a `half_life`.",
			Keys: keys(required("on", "events that count"), optional("value", "what is added up: `value`, a field, or an expression; absent: each event counts 1"),
				need, scopeKey, ttlKey, numberKeys),
			As: numberForms,
			Example: `
- {name: room_heat, kind: decay, scope: context.room, on: [comment, like], half_life: 1m, as: log}`,
			build: compileDecay,
		},
		{
			Name: "decayed_rate", Group: "Counting",
			Doc: "Events of `of` over events of `over`, at most 1, where each counts half as much with every `half_life` that has passed since. " +
				"With `prior` it is (of + strength·mean)/(over + strength): what was seen seldom, or long ago, stays near the mean. The same as `rate` with a `half_life`.",
			Keys: keys(required("of", "events of the numerator"), required("over", "events of the denominator"), need,
				optional("prior", "`strength`: pseudo-observations to smooth with; `mean`: towards what, by default the rate over everything"),
				scopeKey, ttlKey, numberKeys),
			As: rateForms,
			Example: `
- {name: item_ctr_decayed, kind: decayed_rate, scope: item, of: click, over: exposure, half_life: 6h, prior: {strength: 10}, as: log_odds}`,
			build: compileRate,
		},
	}
}

func compileDecay(c *compiler, d *Definition, f *feature) error {
	if d.Value == "" {
		return compileTotal(c, d, f, one)
	}
	return compileSum(c, d, f)
}
