package features

import (
	"math"
	"time"
)

// decayTwins recount what halves.
func decayTwins() []twinKind {
	some := 0.125
	return []twinKind{
		{
			kind: "decay", reads: "number",
			defs: []Definition{
				{Kind: "decay", Scope: []string{"context.room"}, On: On("click", "like"), Value: "item.price", HalfLife: time.Minute, As: "log"},
				{Kind: "decay", Scope: []string{"user", "item"}, On: On("dwell"), Value: "value", HalfLife: 24 * time.Hour, TTL: 6 * time.Hour},
			},
			recount: func(r *twinRead) twinValue {
				return twinNumber(twinForm(r.def.As, r.total(r.chosen(r.def.On, r.def.Value))))
			},
		},
		{
			kind: "decayed_rate",
			defs: []Definition{
				{Kind: "decayed_rate", Scope: []string{"item"}, Of: On("click"), Over: On("exposure"), HalfLife: time.Hour, Prior: Prior{Strength: 10}, As: "log_odds"},
				{
					Kind: "decayed_rate", Scope: []string{"user"}, HalfLife: time.Minute, Prior: Prior{Strength: 3, Mean: &some},
					Of: Selection{Types: []string{"dwell"}, Where: "value > 3 && item.price < 60"}, Over: On("dwell", "purchase"),
				},
			},
			recount: func(r *twinRead) twinValue {
				x := twinRate(r)
				if r.def.As == "log_odds" {
					x = min(max(x, 1e-4), 1-1e-4)
					x = math.Log(x / (1 - x))
				}
				return twinNumber(x)
			},
		},
	}
}
