package features

import "fmt"

// SameItems compares the items of s and next, which must be numbered alike, from one reference on: those below are known to be.
// It looks at no more than limit of them and returns up to where it has come. The caller is the writer of next, and holds the read lock of s or is its
// writer.
func (s *Store) SameItems(next *Store, from ItemRef, limit int) (ItemRef, error) {
	end := min(s.items.n, next.items.n)
	if limit > 0 && int64(end-from) > int64(limit) {
		end = from + ItemRef(limit)
	}
	for ; from < end; from++ {
		if a, b := s.items.at(from).ID, next.items.at(from).ID; a != b {
			return from, fmt.Errorf("item %d is %q in the one state and %q in the other: they are not of one log", from, a, b)
		}
	}
	return from, nil
}

// Adopt replaces all that s holds by what next holds, which has seen the same log up to the same place under other
// definitions. Readers see the one or the other, whole; a list that has begun is finished from what was there before.
//
// The writer calls it, between two records, while no cut of the sets is in progress and the last one is stored; next belongs to it, and is
// empty afterwards. same is up to where [Store.SameItems] has come. The sets are others from then on: see [Store.Sets]. All that they hold is
// dirty, so that no user leaves memory before the next checkpoint, which also deletes what next lacks. Matches are told to whom s has told them;
// those that next has made on its way are told to nobody.
//
// It changes nothing when the two have not seen the same log.
func (s *Store) Adopt(next *Store, same ItemRef) error {
	if next.err != nil {
		return next.err
	}
	if err := s.alike(next, same); err != nil {
		return err
	}
	next.groups.set.Supersede(s.groups.set)
	next.types.set.Supersede(s.types.set)
	next.matchers.set.Supersede(s.matchers.set)
	next.outbox.set.Supersede(s.outbox.set)
	t := next.tables
	t.opts.Cold, t.users.cold, t.users.limit = s.opts.Cold, s.users.cold, s.users.limit
	t.users.evicted, t.users.revived = s.users.evicted, s.users.revived
	t.opts.OnMatch = s.opts.OnMatch
	t.matchers.countOn(&s.matchers)

	s.Lock()
	defer s.Unlock()
	s.tables, s.upserted, s.echo = t, finder{store: t}, nil
	next.tables, next.upserted, next.echo = nil, finder{}, nil
	return nil
}

// countOn goes on with what another table has counted of the patterns that both have: what t has met on its way was met before.
func (t *matcherTable) countOn(from *matcherTable) {
	counted := make(map[string]patternCounts)
	for _, p := range from.byName {
		counted[p.name] = from.counts[p.index]
	}
	for _, p := range t.byName {
		c := counted[p.name]
		c.keys = t.counts[p.index].keys
		t.counts[p.index] = c
	}
}

// alike reports an error unless both have met the same users and items: then each entry of theirs in s has one in next that takes
// its place in the next checkpoint.
func (s *Store) alike(next *Store, same ItemRef) error {
	if a, b := s.items.n, next.items.n; a != b {
		return fmt.Errorf("the state holds %d items, and what was made from the log %d: they are not of one log", a, b)
	}
	if a, b := s.users.known, next.users.known; a != b {
		return fmt.Errorf("the state holds %d users, and what was made from the log %d: they are not of one log", a, b)
	}
	_, err := s.SameItems(next, same, 0)
	return err
}

// pin lets a query take the store as it is now. The caller holds the read lock, or is the writer. What was found or borrowed under
// other definitions is forgotten.
func (q *Query) pin() {
	if q.store == q.of.tables {
		return
	}
	q.store = q.of.tables
	q.asOf, q.user, q.loan = 0, nil, loan{}
	q.name(q.userID)
	p := q.store.program
	q.values, q.read = make([]fieldValue, len(p.fields)), make([]uint64, len(p.fields))
	q.spare = make([]fieldValue, len(p.fields))
	q.nums, q.cats = make([]float64, len(p.feats)), make([]category, len(p.feats))
	q.keeps = make([]kept, p.keeps)
	q.rows, q.groups = make([][]uint64, len(p.scopes)), make([]uint32, len(p.scopes))
	q.item, q.fresh, q.memo = nil, false, [memoSize]memo{}
}
