package rank

import (
	"math/rand/v2"
	"sync"

	"recsvc/internal/event"
)

// idPrefix tells request ids from other ids at a glance.
const idPrefix = "r-"

// crockford is the base32 alphabet without I, L, O and U. It is in ASCII order, so ids sort as their bits.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// IDs makes request ids: "r-" and a ULID, 48 bits of milliseconds and 80 random bits in Crockford's base32.
// Within one IDs they grow strictly, whatever the clock does: in the same millisecond, or when time goes
// back, the random part is counted up. Safe for concurrent use.
type IDs struct {
	mu     sync.Mutex
	random rand.Source
	millis uint64
	hi     uint16 // the random part: 16 and 64 bits
	lo     uint64
}

// NewIDs returns a maker that draws from random, which it alone may use from then on.
func NewIDs(random rand.Source) *IDs { return &IDs{random: random} }

// Next returns an id for now; an instant before 1970 counts as 1970.
func (g *IDs) Next(now event.Time) string {
	millis := uint64(max(now, 0)) / 1e6
	g.mu.Lock()
	if millis > g.millis {
		g.millis, g.hi, g.lo = millis, uint16(g.random.Uint64()), g.random.Uint64()
	} else if g.lo++; g.lo == 0 {
		if g.hi++; g.hi == 0 {
			g.millis++
		}
	}
	millis, hi, lo := g.millis, g.hi, g.lo
	g.mu.Unlock()
	return formatID(millis, hi, lo)
}

// formatID writes 128 bits as 26 characters of 5 bits, the first of which holds only 3.
func formatID(millis uint64, hi uint16, lo uint64) string {
	var out [len(idPrefix) + 26]byte
	copy(out[:], idPrefix)
	high, low := millis<<16|uint64(hi), lo
	for i := len(out) - 1; i >= len(idPrefix); i-- {
		out[i] = crockford[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	return string(out[:])
}
