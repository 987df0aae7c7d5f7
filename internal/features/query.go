package features

import (
	"math"

	"recsvc/internal/event"
	"recsvc/internal/expression"
)

// Vector is a model's input: hashed slots with their values. Values may be shorter than Slots; the values that
// it lacks are 1.
type Vector struct {
	Slots  []uint32
	Values []float32
}

func (v *Vector) reset() { v.Slots, v.Values = v.Slots[:0], v.Values[:0] }

// Query evaluates the features of one user in one context at one instant, for any number of items. What does not
// depend on the item is found and computed once, by [Query.Begin].
//
// A Query is used by one goroutine, under the store's read lock (or by the writer); it may be reused for the next
// list. Between Begin and Item, or two Items, the lock may be given up: the user and the rows are found anew when the store has
// moved on, while the shared part stays as it was computed.
//
// A list that has begun before [Store.Adopt] is finished under the definitions that it began with, from the store as it was then;
// an item that has come since then has no features of its own in it.
//
// A user who is not in memory is read from the state, once a list: by [Query.Prepare], or by what first needs it.
type Query struct {
	finder
	of       *Store
	prepared bool // user was named by Prepare
	now      event.Time
	item     *Item

	listing
	context event.Attributes
	session string       // of the event; empty: that of the context
	values  []fieldValue // context and calendar fields, by the program's field index
	spare   []fieldValue // memory for values
	read    []uint64     // of values: the list that each was read for
	list    uint64       // number of the present list
	nums    []float64    // of numeric features
	cats    []category   // of the others
	rows    [][]uint64   // by scope
	groups  []uint32     // by scope: the number of a group's row
	keeps   []kept       // what features keep for the list
	ids     []uint64     // scratch of lists
	weights []float32    // scratch of their weights
	merged  []counted    // scratch of counters
	state   expression.State
	touch   touch
	mark    int // ids below belong to the shared part
	heavy   int // and so do weights below this
	shared  Vector
	fresh   bool     // the shared part is computed
	made    bool     // and its vector is made
	trace   []uint16 // feature of each slot emitted last, when tracing
	traced  bool
	memo    [memoSize]memo
	seen    uint64 // the store's version when the rows were found
}

// NewQuery returns a Query for s; use it again and again.
func (s *Store) NewQuery() *Query {
	return &Query{of: s}
}

// Prepare reads the user from the state where memory lacks it, so that Begin, with the same user, need not do so while it holds
// the lock. It must be called without the lock, which it takes itself. Without it all is the same, only that the writer may have to wait.
func (q *Query) Prepare(userID string) {
	q.name(userID)
	q.prepared = true
	if q.hash == 0 {
		return
	}
	q.of.RLock()
	q.pin()
	hot := q.hot()
	q.of.RUnlock()
	if !hot {
		q.borrow()
	}
}

// hot reports whether the user need not be looked for in the state.
func (q *Query) hot() bool { return q.store.users.cold == nil || q.store.users.find(q.hash) != nil }

// Begin starts a list: it reads the context and finds the user, who may be empty. What does not depend on the item is
// computed when it is first asked for.
func (q *Query) Begin(userID string, context event.Attributes, now event.Time) {
	q.pin()
	if !q.holds(userID) && (!q.prepared || q.userID != userID) {
		q.name(userID)
	}
	q.prepared = false
	q.begin(context, now)
}

// begin is Begin once the store is pinned and the user named.
func (q *Query) begin(context event.Attributes, now event.Time) {
	q.context, q.session, q.now = context, "", now
	q.list++
	q.forget()
	q.item, q.fresh = nil, false
	q.resolve()
}

// InSession says, after Begin, to which session an event belongs; "": to the one that its context names.
func (q *Query) InSession(id string) {
	if id != q.session {
		q.session, q.fresh = id, false
		q.list++ // what was read of the context is read again
	}
}

// Err says why the user could not be read, since Begin; it then counts as unknown. The writer must not go on.
func (q *Query) Err() error { return q.loan.err }

// prepare computes the shared part, or finds its rows again when the store has moved on since.
func (q *Query) prepare() {
	p := q.store.program
	if q.fresh {
		if q.seen != q.store.version {
			q.locate()
		}
		return
	}
	q.fresh, q.ids, q.weights = true, q.ids[:0], q.weights[:0]
	q.locate()
	q.evaluate(p.shared)
	q.mark, q.heavy = len(q.ids), len(q.weights)
	q.made = false
}

// locate finds the rows that do not depend on the item.
func (q *Query) locate() {
	p := q.store.program
	q.resolve()
	q.item, q.seen = nil, q.store.version
	for i := range p.scopes {
		if !p.scopes[i].byItem {
			q.rows[i] = q.find(i)
		}
	}
}

// Shared is the part of the vector that all items of the list have in common. What it returns is valid, without the lock,
// until the next Begin; the call itself needs the lock, for it computes when it is the first.
func (q *Query) Shared() Vector {
	if !q.fresh {
		q.prepare()
	}
	if q.made {
		return q.shared
	}
	p := q.store.program
	q.made = true
	q.shared.reset()
	q.trace = q.trace[:0]
	q.emit(&q.shared, p.sharedNums, p.sharedCats)
	q.shared.Slots = append(q.shared.Slots, p.bias)
	if q.traced {
		q.trace = append(q.trace, biasFeature)
	}
	return q.shared
}

// Item fills dst with the part of the vector that depends on the item.
func (q *Query) Item(dst *Vector, ref ItemRef) {
	p := q.store.program
	q.prepare()
	if ref >= q.store.items.n { // it has come after what this list is finished from
		dst.reset()
		q.trace = q.trace[:0]
		return
	}
	q.ids, q.weights = q.ids[:q.mark], q.weights[:q.heavy]
	q.turnTo(q.store.items.at(ref))
	q.evaluate(p.own)
	dst.reset()
	q.trace = q.trace[:0]
	q.emit(dst, p.ownNums, p.ownCats)
}

// turnTo finds the rows that depend on the item.
func (q *Query) turnTo(it *Item) {
	q.item = it
	for i := range q.store.program.scopes {
		if q.store.program.scopes[i].byItem {
			q.rows[i] = q.find(i)
		}
	}
}

// evaluate computes features in order.
func (q *Query) evaluate(order []int) {
	feats := q.store.program.feats
	for _, i := range order {
		if f := &feats[i]; f.numeric {
			x := f.number(q, f)
			if x-x != 0 { // not finite
				x = math.NaN()
			}
			q.nums[i] = x
		} else {
			q.cats[i] = f.category(q, f)
		}
	}
}

// emit appends numbers and weighted categories first, then plain ones.
func (q *Query) emit(dst *Vector, nums, cats []int) {
	p := q.store.program
	for _, i := range nums {
		f := &p.feats[i]
		if f.weighted {
			q.emitWeighted(dst, i)
			continue
		}
		x := float32((q.nums[i] - f.shift) * f.scale)
		if x == 0 || x-x != 0 { // nothing, missing, or beyond float32
			continue
		}
		dst.Slots, dst.Values = append(dst.Slots, f.slot), append(dst.Values, x)
		if q.traced {
			q.trace = append(q.trace, uint16(i))
		}
	}
	for _, i := range cats {
		v := &q.cats[i]
		if len(v.list) > 0 {
			for _, id := range v.list {
				dst.Slots = append(dst.Slots, slotFor(p.feats[i].seed, id))
				if q.traced {
					q.trace = append(q.trace, uint16(i))
				}
			}
		} else if v.id != 0 {
			dst.Slots = append(dst.Slots, slotFor(p.feats[i].seed, v.id))
			if q.traced {
				q.trace = append(q.trace, uint16(i))
			}
		}
	}
}

// emitWeighted appends the categories of a feature that has a weight for each.
func (q *Query) emitWeighted(dst *Vector, i int) {
	f, v := &q.store.program.feats[i], &q.cats[i]
	for j, id := range v.list {
		x := float32((float64(v.weights[j]) - f.shift) * f.scale)
		if x == 0 || x-x != 0 { // nothing, missing, or beyond float32
			continue
		}
		dst.Slots, dst.Values = append(dst.Slots, slotFor(f.seed, id)), append(dst.Values, x)
		if q.traced {
			q.trace = append(q.trace, uint16(i))
		}
	}
}

const biasFeature = math.MaxUint16

// listFrom makes a value of the ids collected since start.
func (q *Query) listFrom(start int) category {
	list := q.ids[start:len(q.ids):len(q.ids)]
	if len(list) == 0 {
		return category{}
	}
	return category{id: list[0], list: list}
}

// weightedFrom makes a value of the ids and weights collected since these places.
func (q *Query) weightedFrom(ids, weights int) category {
	v := q.listFrom(ids)
	if v.id != 0 {
		v.weights = q.weights[weights:len(q.weights):len(q.weights)]
	}
	return v
}

// field reads one field of the entities at hand.
func (q *Query) field(i int) *fieldValue {
	p := q.store.program
	switch p.fields[i].source {
	case fromUser:
		if q.user != nil {
			return &q.user.values[p.slotOf[i]]
		}
	case fromItem:
		if q.item != nil {
			return &q.item.values[p.slotOf[i]]
		}
	default:
		if q.read[i] != q.list {
			q.readField(i)
		}
		return &q.values[i]
	}
	return &missing
}

// readField reads a field of the context or the calendar, once a list.
func (q *Query) readField(i int) {
	q.read[i] = q.list
	switch f := &q.store.program.fields[i]; {
	case f.source == fromTime:
		q.values[i] = f.calendar(q.now)
		return
	case f.source == fromSession && q.session != "":
		q.values[i] = identified(hashString(q.session), missing.num)
		return
	}
	spare := &q.spare[i]
	v := q.store.program.read(i, q.context, spare)
	if v.list != nil { // its memory serves the next list
		spare.list = v.list
	}
	if v.weights != nil {
		spare.weights = v.weights
	}
	q.values[i] = v
}

// key hashes the parts of a scope beside its owner; 0 when one of them is missing.
func (q *Query) key(sc *scope) uint64 {
	k := sc.seed
	for _, part := range sc.parts {
		v := q.field(part)
		if v.id == 0 {
			return 0
		}
		k = join(k, v.id)
	}
	return max(k, 1)
}

// find returns the row of a scope, nil where there is none yet.
func (q *Query) find(i int) []uint64 {
	sc := &q.store.program.scopes[i]
	switch sc.owner {
	case ownUser:
		if q.user == nil {
			return nil
		}
		if sc.direct {
			return q.user.row
		}
		return findSub(q.user.subs[sc.sub], q.key(sc), sc.words)
	case ownItem:
		if q.item == nil {
			return nil
		}
		if sc.direct {
			return q.item.row
		}
		return findSub(q.item.subs[sc.sub], q.key(sc), sc.words)
	}
	if sc.cache >= 0 && q.item != nil && alive(q.item.groups[sc.cache].row) {
		q.groups[i] = q.item.groups[sc.cache].number
		return q.item.groups[sc.cache].row
	}
	key := q.key(sc)
	if key == 0 {
		return nil
	}
	m := &q.memo[(key^uint64(i))%memoSize]
	if m.key != key || !alive(m.row) {
		m.key = key
		m.row, m.number = q.store.groups.find(key)
	}
	q.groups[i] = m.number
	return m.row
}

// memoSize is how many rows of groups a query remembers. Rows of groups stay where they are until they are removed.
const memoSize = 256

type memo struct {
	key uint64
	groupRow
}
