package features

import (
	"math"
	"time"
)

// timeTwins recount how long ago something was.
func timeTwins() []twinKind {
	return []twinKind{{
		kind: "time_since",
		defs: []Definition{
			{Kind: "time_since", Scope: []string{"user"}, On: On("click")},
			{Kind: "time_since", Scope: []string{"user", "item"}, On: On("exposure", "dwell"), As: "log", TTL: time.Hour},
			{Kind: "time_since", Scope: []string{"context.room"}, On: Selection{Types: []string{"dwell"}, Where: "value > 3 && item.price < 60"}},
		},
		recount: func(r *twinRead) twinValue {
			since := math.NaN()
			for _, s := range r.chosen(r.def.On, "1") {
				if age := max(0, r.now.Sub(s.Time).Seconds()); !(age >= since) {
					since = age
				}
			}
			return twinNumber(twinForm(r.def.As, since))
		},
	}}
}
