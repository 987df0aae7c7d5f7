package features

import (
	"math"
	"slices"

	"github.com/zeebo/xxh3"

	"recsvc/internal/event"
)

// program is the compiled form of a list of definitions. It is immutable.
type program struct {
	fields     []field
	slotOf     []int // of fields: place among the values that its source's entity caches
	counts     [sources]int
	scopes     []scope
	subs       [ownItem + 1]int // tables of sub-rows per owner
	raw        bool             // users have fields that share their attributes' memory
	caches     int              // group rows that an item remembers
	keeps      int              // features that keep something for a list
	derived    []deriver
	spelled    map[int]func(event.Value) string // fields whose derived category is a text of its own
	texts      map[uint64]string                // categories that definitions make, by hash
	listed     bool                             // some feature depends on the list at hand
	tables     int                              // that queries make of it
	feats      []feature
	updates    map[string]*update // by event type
	contextual map[string]bool    // event types that update something whose key or value is in the context
	patterns   []*pattern
	deliveries map[string][]delivery // by event type: the patterns that it concerns

	// Features in the order in which they are computed: inputs first.
	shared, own []int
	// What the model is given: numbers and weighted categories, then plain ones, so that a vector's values are a prefix.
	sharedNums, sharedCats, ownNums, ownCats []int
	bias                                     uint32

	byName map[string]int // of feats
}

// feature is one compiled definition.
type feature struct {
	name    string
	family  string // the definition's name, where it made several
	kind    string
	state   bool     // it has state, under the definition's scope
	pattern *pattern // whose matches it shows; nil: none's
	seed    uint64
	slot    uint32 // of a number
	at      place  // of its cell; scope -1: stateless
	acc     accumulator
	field   int
	inputs  []int
	prior   prior
	scale   float64
	shift   float64

	number   func(q *Query, f *feature) float64  // of a numeric feature
	category func(q *Query, f *feature) category // of any other

	numeric  bool // one number
	weighted bool // categories with a weight each
	dense    bool // weighted, and the categories are the places 0, 1, 2 … of a vector
	byItem   bool // depends on the item: computed once per candidate
	listed   bool // depends on the list that the item stands in
	single   bool // one category at the most
	emitted  bool

	compiled *Compiled
}

// prior is a compiled Prior.
type prior struct {
	strength float64
	mean     float64 // used when there is no running ratio
	fixed    bool    // mean was configured
	at       place   // the global cell that holds the running ratio; scope -1: none
	acc      accumulator
}

// update is what one event type does.
type update struct {
	scopes []scopeUpdate
	items  bool // to rows of items
	grows  bool // to what may come to take more memory in users
}

// scopeUpdate is what one event type does to the row of one scope.
type scopeUpdate struct {
	scope int
	ops   []op
}

// op is one change to a cell.
type op struct {
	at place
	layout
	where *eventExpr // nil: always
	value operand
	apply func(slot, *touch)
}

// run changes the row for an event that the op selects.
func (o *op) run(row []uint64, b *bags, t *touch) {
	if o.where != nil && !o.where.holds(t) {
		return
	}
	if o.value.take(t) {
		o.apply(o.at.open(row, o.words, o.bagged, b, t.time), t)
	}
}

// add enters what an event type does to a scope.
func (u *update) add(sc *scope, to scopeUpdate) {
	u.scopes = append(u.scopes, to)
	u.items = u.items || sc.owner == ownItem
	bagged := slices.ContainsFunc(to.ops, func(o op) bool { return len(o.bagged) > 0 })
	u.grows = u.grows || sc.owner == ownUser && (bagged || !sc.direct)
}

// slotFor is the model's slot of a category.
func slotFor(seed, id uint64) uint32 { return uint32(mix(seed^id) >> 32) }

func seedOf(name string) uint64 { return xxh3.HashString(name) }

// place sorts the features into the lists that evaluation walks.
func (p *program) place(emit map[string]bool) {
	p.bias = slotFor(seedOf("bias"), 1)
	for i := range p.feats {
		f := &p.feats[i]
		f.emitted = len(emit) == 0 || emit[f.name]
		order, nums, cats := &p.shared, &p.sharedNums, &p.sharedCats
		if f.byItem {
			order, nums, cats = &p.own, &p.ownNums, &p.ownCats
		}
		*order = append(*order, i)
		if !f.emitted {
			continue
		}
		if f.numeric || f.weighted {
			*nums = append(*nums, i)
		} else {
			*cats = append(*cats, i)
		}
	}
}

// updatesOf are the changes that events of a type make.
func (p *program) updatesOf(eventType string) *update {
	if u, ok := p.updates[eventType]; ok {
		return u
	}
	if u, ok := p.updates[AnyType]; ok {
		return u
	}
	return &noUpdate
}

var noUpdate update

// readsContext reports whether events of a type change something whose key or value is in the context.
func (p *program) readsContext(eventType string) bool {
	if yes, ok := p.contextual[eventType]; ok {
		return yes
	}
	return p.contextual[AnyType]
}

// ratio smooths a of b: (a + strength·mean)/(b + strength), at most 1, since a numerator may come without its
// denominator (a client that reports clicks alone). NaN where there is nothing to divide by.
func (p *prior) ratio(q *Query, a, b float64) float64 {
	mean := p.mean
	if p.at.scope >= 0 {
		ga, gb := p.acc.read(q.cell(p.at).w, q.now)
		gb = max(ga, gb)
		mean = (ga + 1) / (gb + 2)
	}
	if b = max(a, b); b+p.strength <= 0 {
		return math.NaN()
	}
	return (a + p.strength*mean) / (b + p.strength)
}

// average smooths the mean of n values: (sum + strength·mean)/(n + strength). NaN while nothing is known.
func (p *prior) average(q *Query, sum, n float64) float64 {
	if p.at.scope < 0 && !p.fixed {
		return sum / n
	}
	mean := p.mean
	if p.at.scope >= 0 {
		gsum, gn := p.acc.read(q.cell(p.at).w, q.now)
		mean = gsum / gn
	}
	if p.strength == 0 || mean != mean {
		return sum / n
	}
	return (sum + p.strength*mean) / (n + p.strength)
}

// ownWords is the size of the row that an owner has for itself.
func (p *program) ownWords(o owner) int {
	for i := range p.scopes {
		if p.scopes[i].owner == o && p.scopes[i].direct {
			return p.scopes[i].words
		}
	}
	return 0
}
