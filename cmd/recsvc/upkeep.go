package main

import (
	"recsvc/internal/config"
	"recsvc/internal/model"
)

// upkeep translates what a head does to its slots beside learning.
func upkeep(h *config.Head) model.Upkeep {
	u := model.Upkeep{
		Evict: model.Span(h.Evict), Forget: model.Span{Examples: h.Forget.Examples, Time: h.Forget.Time}, ForgetTo: h.Forget.To,
		Scale: h.Scale,
	}
	if h.Admit.After > 1 {
		u.Sights = h.Admit.After
	}
	if h.Admit.Share < 1 {
		u.Share = h.Admit.Share
	}
	return u
}
