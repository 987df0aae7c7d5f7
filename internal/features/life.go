package features

import (
	"slices"
	"time"

	"recsvc/internal/event"
)

// sessionTTL is the time to live in a scope with a session of what would stay for ever: no session comes back.
const sessionTTL = 24 * time.Hour

// live returns the time to live of a new cell of the scope, and lets the scope's rows stay for as long as the cell may count.
func (s *scope) live(d *Definition, lasting bool) time.Duration {
	ttl, life := d.TTL, lifeOf(d)
	if lasting {
		life = ttl
	}
	if life == 0 && slices.Contains(d.Scope, "session") {
		ttl, life = sessionTTL, sessionTTL
	}
	if s.ever = s.ever || life == 0 || len(s.parts) == 0; s.ever {
		s.life = 0
	} else {
		s.life = max(s.life, event.Time(life))
	}
	return ttl
}

// lifeOf is how long after its last event a definition's state may count, with room to spare: twice its window, for a comparison with the
// window before; 64 half-lives, when less than 1e-19 of it is left; its time to live. 0: for ever.
func lifeOf(d *Definition) (life time.Duration) {
	for _, bound := range []time.Duration{d.TTL, 2 * d.Window, halfLives(d.HalfLife, 64)} {
		if bound > 0 && (life == 0 || bound < life) {
			life = bound
		}
	}
	return life
}

// halfLives is n of them, at most 100 years.
func halfLives(h time.Duration, n int64) time.Duration {
	const century = 100 * 365 * 24 * time.Hour
	if h > century/time.Duration(n) {
		return century
	}
	return h * time.Duration(n)
}
