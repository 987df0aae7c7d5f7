package rank

import (
	"fmt"
	"time"

	"recsvc/internal/event"
)

// Similar lists up to n available items that are co-visited with item, or ErrUnknownItem. Nothing is drawn,
// so every propensity is 1.
func (r *Ranker) Similar(item string, n int) ([]Ranked, error) {
	r.store.RLock()
	defer r.store.RUnlock()
	ref, ok := r.store.LookupItem(item)
	if !ok {
		return nil, fmt.Errorf("similar to %q: %w", item, ErrUnknownItem)
	}
	return r.plain(similar, r.store.Similar(nil, ref, 2*n+8), n), nil
}

// Trending lists up to n available items by activity within window before now; category "" means all, and
// window 0 that of the default scene.
func (r *Ranker) Trending(category string, window time.Duration, now event.Time, n int) []Ranked {
	if window == 0 {
		window = r.scenes[DefaultScene].Window
	}
	r.store.RLock()
	defer r.store.RUnlock()
	return r.plain(trending, r.store.Trending(nil, category, window, now, 2*n+8), n)
}

// plain turns hits into a list as they stand. It needs the read lock.
func (r *Ranker) plain(ch channel, hits []ScoredItem, n int) []Ranked {
	list := []Ranked{}
	for _, h := range hits {
		item := r.store.Item(h.Ref)
		if len(list) == n {
			break
		}
		if item.Available {
			list = append(list, Ranked{
				Item:       item.ID,
				Position:   len(list) + 1,
				Score:      h.Score,
				Propensity: 1,
				Channels:   r.names[channelSet(0).with(ch)],
			})
		}
	}
	return list
}
