package features

import (
	"sync"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// Options bound and tune what the store keeps beside the declared features. A zero field takes the default named
// beside it.
type Options struct {
	// Emit names the features that make up the model's input; empty: all.
	Emit []string
	// SubRows is how many sub-rows (categories of one user, say) a tuple keeps per owner; 128. The one that changed
	// longest ago gives way.
	SubRows int
	// Weights says how much an event of each type adds to its item's popularity; an event with a positive weight
	// also counts as interest for co-visitation and recent categories. Default: DefaultWeights.
	Weights map[string]float64
	// TrendingHalfLives are the decays of the trending scores; 1 h, 24 h, 168 h.
	TrendingHalfLives []time.Duration
	RecentEvents      int // events remembered per user; 50
	SeenItems         int // items remembered as seen per user; 256
	CovisitWindow     int // a user's last items that an item is paired with; 10
	Neighbours        int // co-visited items kept per item; 64
	// NoRecall leaves out all that recall and the profile read: counters of items, trending scores, co-visitation, a user's
	// recent events and what was seen. For a store that serves features only.
	NoRecall bool
	// Patterns are looked for in the events that are applied.
	Patterns []Pattern `json:",omitempty"`

	// Cold reads users who are in the last committed checkpoint and not in memory; nil: all are in memory.
	Cold dirty.Reader `json:"-"`
	// UserBytes bounds the memory of users, with Cold; 0: unbounded. See [Store.SetUserBytes].
	UserBytes int64 `json:"-"`

	// OnMatch is told of every match while its record is applied, by the writer, under the lock; nil: nobody is. It must not keep the
	// event, nor call the store.
	OnMatch func(Match) `json:"-"`
}

// DefaultWeights are the popularity weights of the well-known event types.
func DefaultWeights() map[string]float64 {
	return map[string]float64{
		"click": 1, "long_view": 2, "like": 3, "share": 4, "follow": 4, "comment": 3, "cart": 4, "purchase": 8, "rating": 1,
	}
}

func (o *Options) setDefaults() {
	defaults := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	defaults(&o.SubRows, 128)
	defaults(&o.RecentEvents, 50)
	defaults(&o.SeenItems, 256)
	defaults(&o.CovisitWindow, 10)
	defaults(&o.Neighbours, 64)
	if o.Weights == nil {
		o.Weights = DefaultWeights()
	}
	if len(o.TrendingHalfLives) == 0 {
		o.TrendingHalfLives = []time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}
	}
}

// Store is the state of all features, the catalogue, and what recall reads.
//
// One goroutine, the engine's, changes it through Apply, EnsureItem, Full and the Upserts, which take the lock themselves; it
// reads without. Everyone else holds the read lock, in short stretches. State is a function of the calls made: no clock, no randomness, no map order.
// Which users are in memory is no part of it.
type Store struct {
	sync.RWMutex
	*tables // replaced by Adopt, under the write lock

	readouts sync.Pool // of those that were closed
	upserted finder    // of the writer
	echo     *Query    // of the writer, for events that matches make; nil: none was yet
	err      error
}

// tables is what a store holds under one list of definitions.
type tables struct {
	program  *program
	opts     Options
	users    userTable
	items    itemTable
	groups   groupTable
	types    typeTable
	recall   recall
	matchers matcherTable
	outbox   outboxTable
	version  uint64 // changes made; users and rows found under an older one may have moved
}

// New compiles the definitions. A wrong one is reported as a *DefinitionError.
func New(defs []Definition, opts Options) (*Store, error) {
	opts.setDefaults()
	p, err := compile(defs, opts)
	if err != nil {
		return nil, err
	}
	s := &Store{tables: &tables{program: p, opts: opts}}
	s.users.init(p)
	s.users.cold, s.users.limit = opts.Cold, opts.UserBytes
	s.upserted.store = s.tables
	s.items.init(p, len(opts.TrendingHalfLives))
	s.groups.init(p)
	s.types.init(opts.Weights)
	s.matchers.init(p)
	s.outbox.init()
	s.recall.init(&s.items, opts)
	return s, nil
}

// Sets are the store's tables for a checkpoint.
func (s *Store) Sets() []*dirty.Set {
	return []*dirty.Set{s.types.set, s.items.set, s.users.set, s.groups.set, s.matchers.set, s.outbox.set}
}

// ReadsContext reports whether events of a type update something whose key or value is in the context: only then does
// Apply need it.
func (s *Store) ReadsContext(eventType string) bool { return s.program.readsContext(eventType) }

// EnsureItem returns the item's reference, entering an unknown one: events may name items that the catalogue lacks.
func (s *Store) EnsureItem(id string) ItemRef {
	if id == "" {
		return NoItem
	}
	if ref, ok := s.items.find(id); ok {
		return ref
	}
	s.Lock()
	defer s.Unlock()
	return s.items.ensure(id)
}

// Err is why an Apply or UpsertUser has changed nothing: its user could not be read from the state. It stays, and the
// engine must not go on: the state is no longer what the log says.
func (s *Store) Err() error { return s.err }

// Apply moves every window that the event touches to include it. q has begun with the event's user, context (its own,
// or its exposure's) and time; ref is its item, or NoItem. It changes nothing when the user cannot be read: see Err.
func (s *Store) Apply(q *Query, e *event.Event, ref ItemRef) {
	if q.resolve(); q.failed() {
		s.err = q.loan.err
		return
	}
	if e.Session != "" {
		q.InSession(e.Session)
	}
	s.Lock()
	defer s.Unlock()
	// What a capture has found just now need not be looked for again.
	found := q.fresh && q.seen == s.version && q.item != nil && q.item.Ref == ref && q.user != &q.loan.user
	s.version++
	u := s.program.updatesOf(e.Type)
	s.move(q, e, ref, u, found)
	if !s.opts.NoRecall {
		s.remember(q, e, ref)
	}
	s.bound(q, u)
	s.settleDerived()
	s.users.turn()
}

// move moves the windows of an event, and the patterns that it concerns. found says that the rows of q are up to date.
func (s *Store) move(q *Query, e *event.Event, ref ItemRef, u *update, found bool) {
	s.own(&q.finder)
	q.asOf = s.version // own has found, or made, the user anew
	q.item = nil
	if ref != NoItem {
		q.item = s.items.at(ref)
		if u.items || len(s.program.patterns) > 0 || !s.opts.NoRecall {
			s.items.set.Touch(uint32(ref))
		}
	}
	t := &q.touch
	t.q, t.e, t.time, t.item = q, e, e.Time, ref
	for i := range u.scopes {
		to := &u.scopes[i]
		if row := s.row(q, to.scope, e.Time, found); row != nil {
			b := q.bagsOf(to.scope)
			for j := range to.ops {
				to.ops[j].run(row, b, t)
			}
		}
	}
	s.deliver(q, e)
}

// bound keeps what an event has changed within its limits, and counts the user's memory; where nothing can have grown there is nothing to do.
func (s *Store) bound(q *Query, u *update) {
	grown := u.grows || u.items || len(s.program.patterns) > 0
	if grown {
		s.shed(q)
	}
	if q.user != nil && (grown || !s.opts.NoRecall || q.user.bytes == 0) {
		s.users.weigh(q.user)
	}
}

// row finds or makes the row of a scope; nil when part of its key is missing. found says that q.rows is up to date. The
// owner was touched by the caller.
func (s *Store) row(q *Query, i int, t event.Time, found bool) []uint64 {
	sc := &s.program.scopes[i]
	row := q.rows[i]
	if !found || row == nil {
		row = q.find(i)
	}
	switch sc.owner {
	case ownUser:
		if q.user == nil || sc.direct {
			return row
		}
		return s.subRow(row, &q.user.subs[sc.sub], &q.user.bags, q, sc, t)
	case ownItem:
		if q.item == nil || sc.direct {
			return row
		}
		return s.subRow(row, &q.item.subs[sc.sub], &q.item.bags, q, sc, t)
	}
	if row == nil {
		row, q.groups[i] = s.groups.make(q.key(sc), sc, t)
		return row
	}
	if sc.cache >= 0 && q.item != nil {
		q.item.groups[sc.cache] = groupRow{row, q.groups[i]}
	}
	s.groups.set.Touch(q.groups[i])
	s.groups.prolong(row, sc, t)
	return row
}

// subRow makes a sub-row where there is none yet, and notes when it changed.
func (s *Store) subRow(row []uint64, block *[]uint64, b *bags, q *Query, sc *scope, t event.Time) []uint64 {
	if row == nil {
		key := q.key(sc)
		if key == 0 {
			return nil
		}
		row = makeSub(block, b, key, sc, s.opts.SubRows)
	}
	if event.Time(row[sc.words]) < t {
		row[sc.words] = uint64(t)
	}
	return row
}
