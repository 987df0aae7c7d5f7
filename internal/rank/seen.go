package rank

import (
	"fmt"
	"time"

	"recsvc/internal/event"
)

// SeenMode says what becomes of an item that the user has already seen.
type SeenMode string

// The modes; the empty string means SeenOff.
const (
	SeenOff    SeenMode = "off"
	SeenHide   SeenMode = "hide"   // it is left out, even when that leaves the list short
	SeenDemote SeenMode = "demote" // it comes after everything else, by score among its like
)

// SeenPolicy says when an item counts as already seen. How many items are remembered is the store's bound.
type SeenPolicy struct {
	Mode   SeenMode
	Times  int           // exposures within Within that make an item seen; 0: exposures alone never do
	Within time.Duration // how long it stays seen after the last exposure or action; 0: as long as remembered
	Acted  bool          // an item with any outcome is seen, however often it was shown
}

func (p SeenPolicy) check() error {
	switch p.Mode {
	case "", SeenOff:
		return nil
	case SeenHide, SeenDemote:
	default:
		return fmt.Errorf("seen: mode is %q: must be off, hide or demote", p.Mode)
	}
	if p.Times < 0 || p.Within < 0 {
		return fmt.Errorf("seen: times and within must not be negative")
	}
	if p.Times == 0 && !p.Acted {
		return fmt.Errorf("seen: mode %q needs times or acted", p.Mode)
	}
	return nil
}

func (p SeenPolicy) active() bool { return p.Mode == SeenHide || p.Mode == SeenDemote }

// applies reports whether s counts as seen at now.
func (p SeenPolicy) applies(s SeenItem, now event.Time) bool {
	if p.Within > 0 && now.Sub(s.Last) > p.Within {
		return false
	}
	return p.Acted && s.Acted || p.Times > 0 && s.Times >= p.Times
}
