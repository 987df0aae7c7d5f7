package rank

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/zeebo/xxh3"

	"recsvc/internal/event"
	"recsvc/internal/expression"
)

const (
	sharedFeatures = 20
	ownFeatures    = 40
	tableBits      = 22
	benchUsers     = 256 // so many that their items do not stay in the cache
)

// benchStore is a fakeStore whose vectors cost about what real ones do: a read of one counter pair in a slab
// that does not fit the cache, a smoothed log-odds and a hash for each feature.
type benchStore struct {
	*fakeStore
	slab []float32 // 2 counters a feature, ownFeatures features an item
}

type benchQuery struct {
	fakeQuery
	s      *benchStore
	shared Vector
}

func newBenchStore(items int) *benchStore {
	s := &benchStore{fakeStore: newStore(items), slab: make([]float32, items*ownFeatures*2)}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range s.slab {
		s.slab[i] = rng.Float32() * 100
	}
	for u := range benchUsers {
		s.addHistory(fmt.Sprintf("u%d", u), rng)
	}
	rng.Shuffle(len(s.trending[""]), func(i, j int) {
		all := s.trending[""]
		all[i], all[j] = all[j], all[i]
	})
	return s
}

// addHistory gives the user 20 positives with 40 neighbours each, two categories, and 200 seen items.
func (s *benchStore) addHistory(user string, rng *rand.Rand) {
	for range 20 {
		ref := ItemRef(rng.IntN(len(s.items)))
		s.recent[user] = append(s.recent[user], RecentEvent{Item: ref, Positive: true})
		for range 40 {
			s.similar[ref] = append(s.similar[ref], ScoredItem{Ref: ItemRef(rng.IntN(len(s.items))), Score: rng.Float64()})
		}
	}
	for range 200 {
		s.seen[user] = append(s.seen[user], SeenItem{Ref: ItemRef(rng.IntN(len(s.items))), Times: 3, Last: now})
	}
	s.liked[user] = []CategoryScore{{Category: "odd", Score: 3}, {Category: "even", Score: 1}}
}

func (s *benchStore) NewQuery() Query {
	return &benchQuery{s: s, fakeQuery: fakeQuery{store: s.fakeStore}}
}

func (q *benchQuery) Begin(user string, ctx event.Attributes, t event.Time) {
	q.fakeQuery.Begin(user, ctx, t)
	q.shared.Slots = q.shared.Slots[:0]
	for i := range sharedFeatures {
		q.shared.Slots = append(q.shared.Slots, uint32(xxh3.HashStringSeed(user, uint64(i))))
	}
}

func (q *benchQuery) Shared() Vector { return q.shared }

func (q *benchQuery) Item(dst *Vector, ref ItemRef) {
	dst.Slots, dst.Values = dst.Slots[:0], dst.Values[:0]
	counters := q.s.slab[int(ref)*ownFeatures*2:][:ownFeatures*2]
	for i := range ownFeatures {
		yes, all := counters[2*i], counters[2*i]+counters[2*i+1]
		dst.Slots = append(dst.Slots, uint32((uint64(ref)+1)*0x9E3779B97F4A7C15*uint64(i+1)>>32))
		dst.Values = append(dst.Values, float32(math.Log(float64((yes+1)/(all-yes+3)))))
	}
}

// benchScorer reads weights as the published table does.
type benchScorer struct{ weights []atomic.Uint32 }

func newBenchScorer() *benchScorer {
	s := &benchScorer{weights: make([]atomic.Uint32, 1<<tableBits)}
	rng := rand.New(rand.NewPCG(2, 2))
	for i := range s.weights {
		s.weights[i].Store(math.Float32bits(rng.Float32()/100 - 0.005))
	}
	return s
}

func (s *benchScorer) Version() string { return "bench@1" }

func (s *benchScorer) Score(dst []float32, shared Vector, rows []Vector) {
	base := s.sum(shared)
	for i := range rows {
		dst[i] = float32(1 / (1 + math.Exp(-float64(base+s.sum(rows[i])))))
	}
}

func (s *benchScorer) sum(v Vector) float32 {
	total := float32(0)
	for i, slot := range v.Slots {
		total += float32(math.Float32frombits(s.weights[slot&(1<<tableBits-1)].Load()) * valueOf(v, i))
	}
	return total
}

// BenchmarkRank is one list from about 200 candidates with 60 features each; users take turns.
func BenchmarkRank(b *testing.B) {
	filter, err := CompileFilter(`item.price < 90000 && "odd" in item.categories`)
	if err != nil {
		b.Fatal(err)
	}
	s, scorer, reg := newBenchStore(100_000), newBenchScorer(), prometheus.NewRegistry()
	scene := Scene{Name: "default", Epsilon: 0.1, Budget: time.Hour, Seen: SeenPolicy{Mode: SeenDemote, Times: 2}}
	r, err := New(s, scorer, Options{Scenes: []Scene{scene}, Registerer: reg})
	if err != nil {
		b.Fatal(err)
	}
	users := make([]string, benchUsers)
	for u := range users {
		users[u] = fmt.Sprintf("u%d", u)
	}
	for _, bc := range []struct {
		name  string
		users []string
		req   Request
	}{
		{"known_user", users, Request{N: 10}},
		{"filtered", users, Request{N: 10, Filter: filter}},
		{"anonymous", []string{""}, Request{N: 10}},
		{"explained", users, Request{N: 10, Explain: true}},
		{"n_500", users, Request{N: 500}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			lists, before := 0, poolSum(b, reg)
			for b.Loop() {
				req := bc.req
				req.User, req.Now = bc.users[lists%len(bc.users)], now
				list, err := r.Rank(b.Context(), req)
				if err != nil || len(list.Items) != req.N {
					b.Fatal(len(list.Items), err)
				}
				lists++
			}
			b.ReportMetric((poolSum(b, reg)-before)/float64(lists), "candidates/op")
		})
	}
}

// poolSum is the number of candidates of all lists so far.
func poolSum(b *testing.B, reg *prometheus.Registry) float64 {
	b.Helper()
	families, err := reg.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "recsvc_rank_pool_items" {
			return f.GetMetric()[0].GetHistogram().GetSampleSum()
		}
	}
	return 0
}

// BenchmarkRankCandidates is POST /v1/rank over 100 candidates.
func BenchmarkRankCandidates(b *testing.B) {
	s, scorer := newBenchStore(100_000), newBenchScorer()
	r, err := New(s, scorer, Options{})
	if err != nil {
		b.Fatal(err)
	}
	req := Request{User: "u1", Now: now}
	for i := range 100 {
		req.Candidates = append(req.Candidates, fmt.Sprintf("i%d", i*997))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Rank(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFloor is what the vectors and the dot products of 200 candidates cost by themselves.
func BenchmarkFloor(b *testing.B) {
	s, scorer := newBenchStore(100_000), newBenchScorer()
	rng := rand.New(rand.NewPCG(3, 3))
	q := s.NewQuery()
	q.Begin("u1", nil, now)
	rows, dst := make([]Vector, chunk), make([]float32, chunk)
	b.ReportAllocs()
	for b.Loop() {
		for lo := 0; lo < 200; lo += chunk {
			k := min(chunk, 200-lo)
			for i := range k {
				q.Item(&rows[i], ItemRef(rng.IntN(100_000)))
			}
			scorer.Score(dst[:k], q.Shared(), rows[:k])
		}
	}
}

// BenchmarkPick orders 200 scored candidates and fills 10 slots.
func BenchmarkPick(b *testing.B) {
	p := newPass(newRanker(b, newStore(0), nil))
	rng := rand.New(rand.NewPCG(4, 4))
	for range 200 {
		p.candidates = append(p.candidates, candidate{scored: true, score: rng.Float32(), recall: rng.Float32()})
	}
	b.ReportAllocs()
	for b.Loop() {
		p.choices = explore(p.choices[:0], p.sorted(), 10, 0.05, p.rng)
	}
}

func BenchmarkFilter(b *testing.B) {
	f, err := CompileFilter(`item.price < 100 && "sport" in item.categories`)
	if err != nil {
		b.Fatal(err)
	}
	scratch := new(expression.State)
	b.ReportAllocs()
	for b.Loop() {
		f.match(scratch, shoe)
	}
}

func BenchmarkCompileFilter(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CompileFilter(`item.price < 100 && "sport" in item.categories`); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRequestID(b *testing.B) {
	g := NewIDs(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		g.Next(now)
	}
}
