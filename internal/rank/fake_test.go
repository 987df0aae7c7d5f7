package rank

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"recsvc/internal/event"
)

// now is the instant of every test's request.
const now = event.Time(1_700_000_000_000_000_000)

// fakeStore answers from tables and insists on its read lock.
type fakeStore struct {
	mu       sync.RWMutex
	readers  atomic.Int32
	items    []Item
	refs     map[string]ItemRef
	trending map[string][]ScoredItem // "" is everything
	similar  map[ItemRef][]ScoredItem
	recent   map[string][]RecentEvent
	liked    map[string][]CategoryScore
	seen     map[string][]SeenItem
	named    bool

	unreadable map[string]error // by user
}

func (s *fakeStore) RLock()   { s.mu.RLock(); s.readers.Add(1) }
func (s *fakeStore) RUnlock() { s.readers.Add(-1); s.mu.RUnlock() }

func (s *fakeStore) locked() {
	if s.readers.Load() <= 0 {
		panic("the store is read without its lock")
	}
}

func (s *fakeStore) Items() int             { s.locked(); return len(s.items) }
func (s *fakeStore) Item(ref ItemRef) *Item { s.locked(); return &s.items[ref] }
func (s *fakeStore) LookupItem(id string) (ItemRef, bool) {
	s.locked()
	ref, ok := s.refs[id]
	return ref, ok
}

func (s *fakeStore) Newest(dst []ScoredItem, n int) []ScoredItem {
	s.locked()
	for ref := len(s.items) - 1; ref >= 0 && n > 0; ref, n = ref-1, n-1 {
		dst = append(dst, ScoredItem{Ref: ItemRef(ref), Score: float64(ref)})
	}
	return dst
}

func (s *fakeStore) Trending(dst []ScoredItem, category string, _ time.Duration, _ event.Time, n int) []ScoredItem {
	s.locked()
	return appendTop(dst, s.trending[category], n)
}

func (s *fakeStore) Similar(dst []ScoredItem, ref ItemRef, n int) []ScoredItem {
	s.locked()
	return appendTop(dst, s.similar[ref], n)
}

func (s *fakeStore) NewQuery() Query {
	q := &fakeQuery{store: s}
	if s.named {
		return &namedQuery{fakeQuery: q}
	}
	return q
}

func appendTop[T any](dst, src []T, n int) []T { return append(dst, src[:min(n, len(src))]...) }

// fakeQuery has one shared feature, and one per item whose slot is the item's ref.
type fakeQuery struct {
	store    *fakeStore
	user     string
	prepared bool
	begun    bool
	list     []ItemRef
}

const sharedSlot = 1 << 30

func (q *fakeQuery) Prepare(user string) { q.user, q.prepared = user, true }

func (q *fakeQuery) Begin(user string, _ event.Attributes, _ event.Time) {
	q.store.locked()
	if !q.prepared || q.user != user {
		panic("the query has not prepared for the user")
	}
	q.prepared, q.begun = false, true
}

func (q *fakeQuery) Err() error { return q.store.unreadable[q.user] }

// theUser is whom the query has begun with, if that user can be read.
func (q *fakeQuery) theUser() string {
	q.store.locked()
	if !q.begun {
		panic("the query has not begun")
	}
	if q.Err() != nil {
		return ""
	}
	return q.user
}

func (q *fakeQuery) Recent(dst []RecentEvent, n int) []RecentEvent {
	return appendTop(dst, q.store.recent[q.theUser()], n)
}

func (q *fakeQuery) RecentCategories(dst []CategoryScore, n int) []CategoryScore {
	return appendTop(dst, q.store.liked[q.theUser()], n)
}

func (q *fakeQuery) Seen(dst []SeenItem) []SeenItem {
	return append(dst, q.store.seen[q.theUser()]...)
}

func (q *fakeQuery) List(refs []ItemRef) { q.list = append(q.list[:0], refs...) }

func (q *fakeQuery) Shared() Vector {
	return Vector{Slots: []uint32{sharedSlot}, Values: []float32{0.5}}
}

func (q *fakeQuery) Item(dst *Vector, ref ItemRef) {
	q.store.locked()
	if !slices.Contains(q.list, ref) {
		panic("an item that is not in the list")
	}
	if !q.begun {
		panic("the query has not begun")
	}
	dst.Slots = append(dst.Slots[:0], uint32(ref))
	dst.Values = dst.Values[:0]
}

// namedQuery adds a bias to the shared part, and names.
type namedQuery struct {
	*fakeQuery
	traced bool
	names  []string
}

const biasSlot = sharedSlot + 1

func (q *namedQuery) Begin(user string, ctx event.Attributes, t event.Time) {
	q.fakeQuery.Begin(user, ctx, t)
	q.names = []string{"user_ctr", BiasName}
}

func (q *namedQuery) Shared() Vector {
	return Vector{Slots: []uint32{sharedSlot, biasSlot}, Values: []float32{0.5}}
}

func (q *namedQuery) Item(dst *Vector, ref ItemRef) {
	q.fakeQuery.Item(dst, ref)
	q.names = []string{"item_id"}
}

func (q *namedQuery) Trace(on bool) { q.traced = on }

func (q *namedQuery) SlotNames() []string {
	if !q.traced {
		panic("names were asked for without tracing")
	}
	return q.names
}

// fakeScorer sums weights by slot.
type fakeScorer struct {
	version string
	weights map[uint32]float32
	store   *fakeStore // when set, it must not be locked
}

func (f *fakeScorer) Version() string { return f.version }

func (f *fakeScorer) Score(dst []float32, shared Vector, rows []Vector) {
	if f.store != nil && f.store.readers.Load() != 0 {
		panic("the store is locked while the model scores")
	}
	for i, row := range rows {
		dst[i] = f.sum(shared) + f.sum(row)
	}
}

func (f *fakeScorer) sum(v Vector) float32 {
	s := float32(0)
	for i, slot := range v.Slots {
		s += float32(f.weights[slot] * valueOf(v, i))
	}
	return s
}

func (f *fakeScorer) Explain(shared, own Vector) (float32, []Head) {
	h := Head{Name: "click", P: 0.25, Bias: -1}
	for _, slot := range append(append([]uint32(nil), shared.Slots...), own.Slots...) {
		h.Weights = append(h.Weights, f.weights[slot])
	}
	return f.sum(shared) + f.sum(own), []Head{h}
}

// newStore returns a store of n available items i0 … whose categories alternate between even and odd.
func newStore(n int) *fakeStore {
	s := &fakeStore{
		refs:     make(map[string]ItemRef),
		trending: make(map[string][]ScoredItem),
		similar:  make(map[ItemRef][]ScoredItem),
		recent:   make(map[string][]RecentEvent),
		liked:    make(map[string][]CategoryScore),
		seen:     make(map[string][]SeenItem),
	}
	for i := range n {
		id := fmt.Sprintf("i%d", i)
		category := [...]string{"even", "odd"}[i%2]
		s.items = append(s.items, Item{
			ID:        id,
			Available: true,
			Attrs: event.Attributes{
				{Key: "categories", Value: event.Value{Kind: event.List, List: []string{category}}},
				{Key: "price", Value: event.Value{Kind: event.Number, Num: float64(i)}},
			},
		})
		s.refs[id] = ItemRef(i)
		hit := ScoredItem{Ref: ItemRef(i), Score: float64(n - i)}
		s.trending[""] = append(s.trending[""], hit)
		s.trending[category] = append(s.trending[category], hit)
	}
	return s
}

// byRef is a scorer for which a greater ref is better.
func byRef(s *fakeStore) *fakeScorer {
	f := &fakeScorer{version: "ctr@7", weights: map[uint32]float32{sharedSlot: 1}, store: s}
	for ref := range s.items {
		f.weights[uint32(ref)] = float32(ref) / 1000
	}
	return f
}

func newRanker(t testing.TB, s Store, sc Scorer, scenes ...Scene) *Ranker {
	t.Helper()
	r, err := New(s, sc, Options{Scenes: scenes, Random: rand.NewPCG(1, 2)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func rankOnce(t testing.TB, r *Ranker, req Request) List {
	t.Helper()
	req.Now = now
	list, err := r.Rank(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func ids(l List) []string {
	out := []string{}
	for _, it := range l.Items {
		out = append(out, it.Item)
	}
	return out
}
