package features

import (
	"math"
	"slices"
	"time"

	"recsvc/internal/event"
)

// ScoredItem is an item with a score whose unit its source states.
type ScoredItem struct {
	Ref   ItemRef
	Score float64
}

// CategoryScore is a category with the weight of a user's recent interest in it.
type CategoryScore struct {
	Category string
	Score    float64
}

// RecentEvent is something that a user did lately.
type RecentEvent struct {
	Item     ItemRef // NoItem when the event named none
	Type     string
	Time     event.Time
	Positive bool // counts as interest
}

// SeenItem is an item that was shown to a user.
type SeenItem struct {
	Ref   ItemRef
	Times int        // how often
	Last  event.Time // when last
	Acted bool       // the user then did something positive with it
}

// recall is what recall reads beside the items themselves. All of it follows from them, and is rebuilt from them when
// a state is loaded.
//
// Heat is forward decay (Cormode et al., ICDE 2009): an event at t adds w·2^(t/h) to its item's score, so that scores
// never need aging and only grow, and the best list can be kept as items rise. It is held as its log2.
type recall struct {
	items     *itemTable
	opts      Options
	heat      []*topList            // per half-life, over all items
	byCat     []map[uint64]*topList // per half-life, by category
	newest    *topList              // by time of creation, available items only
	gone      int                   // items that left the lists since they were last made
	halfLives []float64             // ns
}

const (
	topAll, topCategory, topNewest = 512, 128, 512
)

func (r *recall) init(items *itemTable, opts Options) {
	*r = recall{items: items, opts: opts, newest: newTopList(topNewest)}
	for _, h := range opts.TrendingHalfLives {
		r.halfLives = append(r.halfLives, float64(h))
		r.heat = append(r.heat, newTopList(topAll))
		r.byCat = append(r.byCat, map[uint64]*topList{})
	}
}

// rebuild derives the lists from the items.
func (r *recall) rebuild() {
	r.init(r.items, r.opts)
	for ref := range r.items.n {
		it := r.items.at(ref)
		if it.Available {
			r.newest.raise(ref, math.NaN(), float64(it.Created))
		}
		for h := range it.heat {
			r.rank(it, h, math.NaN())
		}
	}
}

// rank enters an item's heat into the lists of a half-life; old is what it was before, NaN in lists that are new to it.
func (r *recall) rank(it *Item, h int, old float64) {
	x := it.heat[h]
	if x == 0 || !it.Available {
		return
	}
	r.heat[h].raise(it.Ref, old, x)
	for _, c := range it.categories {
		l := r.byCat[h][c]
		if l == nil {
			l = newTopList(topCategory)
			r.byCat[h][c] = l
		}
		l.raise(it.Ref, old, x)
	}
}

// warm adds an event's weight to an item's popularity.
func (r *recall) warm(it *Item, t event.Time, weight float64) {
	w := math.Log2(weight)
	for h, half := range r.halfLives {
		x, old := float64(t)/half+w, it.heat[h]
		if old == 0 {
			old = math.NaN()
		} else {
			hi, lo := max(old, x), min(old, x)
			x = hi + math.Log2(1+math.Exp2(lo-hi))
		}
		it.heat[h] = x
		r.rank(it, h, old)
	}
}

// changed follows an upsert or a removal: before it the item had these categories, and was available or not.
func (r *recall) changed(it *Item, before []uint64, wasAvailable bool) {
	if wasAvailable {
		r.leave(it, before)
	}
	if it.Available {
		r.newest.raise(it.Ref, math.NaN(), float64(it.Created))
		for h := range it.heat {
			r.rank(it, h, math.NaN())
		}
	} else if wasAvailable {
		// Those whom it kept out of a full list have no way back into it but to rise: after many such gaps, look for them.
		if r.gone++; r.gone > topNewest/4 {
			r.rebuild()
		}
	}
}

// leave takes an item out of all lists.
func (r *recall) leave(it *Item, categories []uint64) {
	r.newest.remove(it.Ref)
	for h := range it.heat {
		r.heat[h].remove(it.Ref)
		for _, c := range categories {
			if l := r.byCat[h][c]; l != nil {
				l.remove(it.Ref)
			}
		}
	}
}

// remember updates what recall and the profile read: counters, recent events, what was seen, heat, co-visitation.
func (s *Store) remember(q *Query, e *event.Event, ref ItemRef) {
	typ := s.types.id(e.Type)
	weight := s.types.weights[typ]
	if ref != NoItem {
		q.item.count(typ)
		if weight > 0 {
			s.recall.warm(q.item, e.Time, weight)
		}
	}
	if q.user == nil {
		return
	}
	if ref != NoItem && (e.Type == "exposure" || weight > 0) {
		q.user.see(ref, e.Time, weight > 0, s.opts.SeenItems)
	}
	if e.Type == "exposure" {
		return
	}
	if ref != NoItem && weight > 0 && !s.interested(q.user, ref) {
		q.item.positives++
		s.pair(q.user, q.item)
	}
	q.user.did(ref, typ, e.Time, s.opts.RecentEvents)
}

func (it *Item) count(typ uint16) {
	for i, c := range it.counts {
		if uint16(c>>48) == typ {
			it.counts[i]++
			return
		}
	}
	it.counts = append(it.counts, uint64(typ)<<48|1)
}

const actedBit = 1 << 31

// see remembers that an item was shown, or acted on. Where the user has seen too many, the one last seen longest ago
// is forgotten.
func (u *user) see(ref ItemRef, t event.Time, acted bool, limit int) {
	tag := uint64(ref+1) << 32
	if acted {
		tag |= actedBit
	} else {
		tag++
	}
	for i := 0; i < len(u.seen); i += 2 {
		if u.seen[i+1]>>32 == uint64(ref+1) {
			u.seen[i] = max(u.seen[i], uint64(t))
			if acted {
				u.seen[i+1] |= actedBit
			} else if u.seen[i+1]&(actedBit-1) < actedBit-1 {
				u.seen[i+1]++
			}
			return
		}
	}
	if len(u.seen) < 2*limit {
		u.seen = append(u.seen, uint64(t), tag)
		return
	}
	old := 0
	for i := 2; i < len(u.seen); i += 2 {
		if u.seen[i] < u.seen[old] {
			old = i
		}
	}
	u.seen[old], u.seen[old+1] = uint64(t), tag
}

// did appends to the recent events; the oldest gives way.
func (u *user) did(ref ItemRef, typ uint16, t event.Time, limit int) {
	if len(u.recent) >= 2*limit {
		u.recent = u.recent[:copy(u.recent, u.recent[2:])]
	}
	u.recent = append(u.recent, uint64(t), uint64(ref+1)<<32|uint64(typ)) // NoItem wraps to 0
}

// interested reports whether the user's recent events show interest in the item already: a click and the long view after
// it are one interest.
func (s *Store) interested(u *user, ref ItemRef) bool {
	for i := len(u.recent) - 1; i > 0; i -= 2 {
		if u.recent[i]>>32 == uint64(ref+1) && s.types.weights[u.recent[i]&0xffff] > 0 {
			return true
		}
	}
	return false
}

// pair counts the item as co-visited with the user's last different items of interest.
func (s *Store) pair(u *user, it *Item) {
	var paired [64]ItemRef
	n := 0
	for i := len(u.recent) - 2; i >= 0 && n < min(s.opts.CovisitWindow, len(paired)); i -= 2 {
		other := ItemRef(u.recent[i+1]>>32) - 1
		if other == NoItem || s.types.weights[u.recent[i+1]&0xffff] <= 0 || slices.Contains(paired[:n], other) {
			continue
		}
		paired[n] = other
		n++
		s.items.set.Touch(uint32(other))
		o := s.items.at(other)
		it.approach(o.Ref, s.opts.Neighbours)
		o.approach(it.Ref, s.opts.Neighbours)
	}
}

// approach adds 1 to a neighbour's weight. Where the list is full a newcomer takes the lightest one's place and weight
// (space-saving, Metwally et al., ICDT 2005), so that a rising item can enter.
func (it *Item) approach(ref ItemRef, limit int) {
	lightest, least := -1, float32(math.MaxFloat32)
	for i, n := range it.neighbours {
		w := math.Float32frombits(uint32(n))
		if ItemRef(n>>32) == ref {
			it.neighbours[i] = uint64(ref)<<32 | uint64(math.Float32bits(w+1))
			return
		}
		if w < least {
			lightest, least = i, w
		}
	}
	if len(it.neighbours) < limit {
		it.neighbours = append(it.neighbours, uint64(ref)<<32|uint64(math.Float32bits(1)))
		return
	}
	it.neighbours[lightest] = uint64(ref)<<32 | uint64(math.Float32bits(least+1))
}

// Trending appends the n hottest available items, hottest first, of a category or (empty) of all; window picks the
// half-life: the shortest that is at least as long, 0 the second of the configured ones. Scores are decayed event weights as of now.
func (s *Store) Trending(dst []ScoredItem, category string, window time.Duration, now event.Time, n int) []ScoredItem {
	h := s.halfLife(window)
	list := s.recall.heat[h]
	want := uint64(0)
	if category != "" {
		want = hashString(category)
		if list = s.recall.byCat[h][want]; list == nil {
			return dst
		}
	}
	for _, e := range list.entries {
		it := s.items.at(e.Ref)
		if !it.Available || (want != 0 && !slices.Contains(it.categories, want)) {
			continue
		}
		if n--; n < 0 {
			break
		}
		dst = append(dst, ScoredItem{e.Ref, math.Exp2(e.Score - float64(now)/s.recall.halfLives[h])})
	}
	return dst
}

func (s *Store) halfLife(window time.Duration) int {
	if window == 0 {
		return min(1, len(s.recall.halfLives)-1)
	}
	best := len(s.recall.halfLives) - 1
	for i, h := range s.recall.halfLives {
		if h >= float64(window) && (h < s.recall.halfLives[best] || s.recall.halfLives[best] < float64(window)) {
			best = i
		}
	}
	return best
}

// Similar appends the available items that people were interested in together with ref, most similar first. The score is
// the cosine of the two items' audiences, at most 1.
func (s *Store) Similar(dst []ScoredItem, ref ItemRef, n int) []ScoredItem {
	it, start := s.items.at(ref), len(dst)
	for _, e := range it.neighbours {
		if o := s.items.at(ItemRef(e >> 32)); o.Available {
			w := float64(math.Float32frombits(uint32(e)))
			dst = insertBest(dst, start, n, ScoredItem{o.Ref, min(1, w/math.Sqrt(max(1, it.positives*o.positives)))})
		}
	}
	return dst
}

// Newest appends the n available items created last, newest first. The score is the creation time in Unix nanoseconds.
func (s *Store) Newest(dst []ScoredItem, n int) []ScoredItem {
	for _, e := range s.recall.newest.entries {
		if s.items.at(e.Ref).Available {
			if n--; n < 0 {
				break
			}
			dst = append(dst, e)
		}
	}
	return dst
}

// Recent appends what the user did last, newest first, exposures left out.
func (q *Query) Recent(dst []RecentEvent, n int) []RecentEvent {
	q.resolve()
	s, u := q.store, q.user
	if u == nil {
		return dst
	}
	for i := len(u.recent) - 2; i >= 0 && n > 0; i, n = i-2, n-1 {
		typ := s.types.names[u.recent[i+1]&0xffff]
		dst = append(dst, RecentEvent{
			Item: ItemRef(u.recent[i+1]>>32) - 1, Type: typ, Time: event.Time(u.recent[i]), Positive: s.opts.Weights[typ] > 0,
		})
	}
	return dst
}

// RecentCategories appends the categories of the items that the user was interested in last, strongest first; each
// step back in time weighs nine tenths of the one after it.
func (q *Query) RecentCategories(dst []CategoryScore, n int) []CategoryScore {
	q.resolve()
	s, u, start, weight := q.store, q.user, len(dst), 1.0
	if u == nil {
		return dst
	}
	for i := len(u.recent) - 2; i >= 0; i -= 2 {
		ref := ItemRef(u.recent[i+1]>>32) - 1
		w := s.types.weights[u.recent[i+1]&0xffff]
		if ref == NoItem || w <= 0 {
			continue
		}
		list := categoriesOf(s.items.at(ref).Attrs)
		for _, c := range list[:min(4, len(list))] {
			dst = addCategory(dst, start, c, weight*w)
		}
		weight *= 0.9
	}
	slices.SortStableFunc(dst[start:], func(a, b CategoryScore) int { return compareDown(a.Score, b.Score) })
	return dst[:min(len(dst), start+n)]
}

func addCategory(dst []CategoryScore, start int, category string, w float64) []CategoryScore {
	for i := start; i < len(dst); i++ {
		if dst[i].Category == category {
			dst[i].Score += w
			return dst
		}
	}
	return append(dst, CategoryScore{category, w})
}

// Seen appends what was shown to the user, as far as it is remembered, in no particular order.
func (q *Query) Seen(dst []SeenItem) []SeenItem {
	q.resolve()
	u := q.user
	if u == nil {
		return dst
	}
	for i := 0; i < len(u.seen); i += 2 {
		tag := u.seen[i+1]
		dst = append(dst, SeenItem{
			Ref: ItemRef(tag>>32) - 1, Times: int(tag & (actedBit - 1)), Last: event.Time(u.seen[i]), Acted: tag&actedBit != 0,
		})
	}
	return dst
}
