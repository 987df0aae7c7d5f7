package features

import (
	"math"
	"time"
)

// trendTwins recount two windows.
func trendTwins() []twinKind {
	return []twinKind{{
		kind: "trend",
		defs: []Definition{
			{Kind: "trend", Scope: []string{"item"}, On: On("exposure", "click"), Windows: []time.Duration{time.Minute, time.Hour}},
			{Kind: "trend", Scope: []string{"user"}, On: On(AnyType), Window: 24 * time.Hour, Slide: 6 * time.Hour, Prior: Prior{Strength: 5}, As: "log_ratio"},
			{Kind: "trend", Scope: []string{"context.room"}, On: Selection{Types: []string{AnyType}, Where: `context.device == "ios"`}, Window: 10 * time.Minute, As: "difference", TTL: time.Hour},
			{Kind: "trend", On: On("click"), Window: time.Minute, Slide: time.Minute},
		},
		recount: func(r *twinRead) twinValue {
			events := r.chosen(r.def.On, "1")
			a, b := float64(len(r.window(events))), float64(len(r.windowBefore(events, 1)))
			s := r.def.Prior.Strength
			if s == 0 {
				s = 1
			}
			switch r.def.As {
			case "difference":
				return twinNumber(a - b)
			case "log_ratio":
				return twinNumber(math.Log((a + s) / (b + s)))
			}
			return twinNumber((a + s) / (b + s))
		},
	}}
}
