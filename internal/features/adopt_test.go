package features

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// otherDefinitions draws a list: features are left out, have other windows, scopes and selections.
func otherDefinitions(rng *rand.Rand) []Definition {
	var out []Definition
	have := map[string]bool{}
	for _, d := range definitions() {
		if rng.IntN(4) == 0 || slices.ContainsFunc(d.Inputs, func(in string) bool { return !have[in] }) {
			continue
		}
		if d.Window > 0 && rng.IntN(2) == 0 {
			d.Window, d.Slide = time.Duration(1+rng.IntN(9))*time.Minute, 0
		}
		if d.HalfLife > 0 && rng.IntN(2) == 0 {
			d.HalfLife *= 2
		}
		if d.Kind == "rate" && rng.IntN(2) == 0 {
			d.Scope = [][]string{{"item"}, {"user"}, {"user", "context.device"}, {"context.device", "item.categories[0]"}}[rng.IntN(4)]
		}
		if d.Kind == "sum" && rng.IntN(2) == 0 {
			d.On = On("purchase", "dwell")
		}
		have[d.Name] = true
		out = append(out, d)
	}
	return out
}

func storeOf(t testing.TB, defs []Definition, opts Options) *Store {
	t.Helper()
	s, err := New(defs, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// whole is all that a store holds, by key; the store has no checkpoint.
func whole(s *Store) (entries map[string][]byte, digest dirty.Sum) {
	entries = map[string][]byte{}
	for _, set := range s.Sets() {
		set.Cut(func(key, value []byte, sum dirty.Sum) {
			entries[string(key)] = slices.Clone(value)
			digest.Add(sum)
		})
		for !set.Flush(100) {
		}
		set.Abandon() // it is not stored
	}
	return entries, digest
}

func TestAnAdoptedStoreIsInEveryBitWhatItsDefinitionsMakeOfTheLog(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 11))
		v, at := newVault(), t0
		told := 0
		before := Options{Patterns: otherPatterns(rng), OnMatch: func(Match) { told++ }, SubRows: 4, SeenItems: 8, RecentEvents: 8, Cold: v, UserBytes: aChunk}
		after := Options{Patterns: otherPatterns(rng), SubRows: 3, SeenItems: 8, RecentEvents: 10, NoRecall: rng.IntN(4) == 0}
		defs := otherDefinitions(rng)
		s, next, twin := storeOf(t, otherDefinitions(rng), before), storeOf(t, defs, after), storeOf(t, defs, after)
		queries := map[*Store]*Query{s: s.NewQuery(), next: next.NewQuery(), twin: twin.NewQuery()}
		apply := func(n int, stores ...*Store) {
			end, from := at, rng.Uint64()
			for _, x := range stores {
				end = random(x, queries[x], rand.New(rand.NewPCG(from, 1)), n, at)
			}
			at = end
		}
		for range rng.IntN(4) {
			apply(1+rng.IntN(200), s, next, twin)
			if c := v.cut(s); rng.IntN(4) == 0 {
				c.flush(rng.IntN(30))
				c.abandon()
			} else {
				c.commit()
			}
		}
		apply(1+rng.IntN(100), s, next, twin)

		met := told
		same, err := s.SameItems(next, 0, 1+rng.IntN(20))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Adopt(next, same); err != nil {
			t.Fatal(err)
		}
		made := twin.PatternStats()
		if told != met {
			t.Fatalf("seed %d: %d old matches are told", seed, told-met)
		}
		for range 3 {
			apply(rng.IntN(40), s, twin)
			v.cut(s).commit()
			maps.DeleteFunc(v.entries, func(_ string, value []byte) bool { return value == nil })
			want, digest := whole(twin)
			if !maps.EqualFunc(v.entries, want, bytes.Equal) {
				t.Fatalf("seed %d: %d entries are stored, want %d, or others", seed, len(v.entries), len(want))
			}
			for key := range want {
				if !Owns(key[0]) {
					t.Fatalf("nobody is told of the table %q", key[0])
				}
			}
			if got := storedDigest(s); got != digest {
				t.Fatalf("seed %d: digest %v, want %v", seed, got, digest)
			}
		}
		for i, p := range twin.PatternStats() {
			met += int(p.Matches - made[i].Matches)
		}
		if told != met {
			t.Errorf("seed %d: %d matches are told, want %d", seed, told, met)
		}
	}
}

// otherPatterns draws patterns: none, or one with its time and selection.
func otherPatterns(rng *rand.Rand) []Pattern {
	if rng.IntN(3) == 0 {
		return nil
	}
	return []Pattern{{
		Name: "eager", Scope: []string{"user"}, Within: time.Duration(1+rng.IntN(9)) * time.Minute,
		Steps: []Step{{On: On("exposure")}, {FollowedBy: On([]string{"click", "like"}[rng.IntN(2)])}},
		Emit:  Emit{Feature: &MatchFeature{TTL: time.Hour}, Webhook: true},
	}}
}

// storedDigest is the digest of a store whose last cut is stored.
func storedDigest(s *Store) (d dirty.Sum) {
	for _, set := range s.Sets() {
		d.Add(set.Digest())
	}
	return d
}

func TestAStoreOfAnotherLogIsNotAdopted(t *testing.T) {
	for name, differ := range map[string]func(s *Store){
		"another item more":             func(s *Store) { s.EnsureItem("z") },
		"another user more":             func(s *Store) { s.UpsertUser(&event.User{ID: "z"}) },
		"the items in another sequence": func(s *Store) { *s.items.at(0), *s.items.at(1) = *s.items.at(1), *s.items.at(0) },
	} {
		s, next := newStore(t), storeOf(t, definitions()[:8], Options{})
		for _, x := range []*Store{s, next} {
			upsert(x, "a", "c", 1)
			upsert(x, "b", "c", 1)
			do(x, x.NewQuery(), "click", "u", "a", t0)
		}
		differ(next)
		before := s.tables
		if err := s.Adopt(next, 0); err == nil || s.tables != before {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestAListThatBeganBeforeAnAdoptionIsFinishedAsItBegan(t *testing.T) {
	s, next := newStore(t), storeOf(t, definitions()[10:11], Options{})
	for _, x := range []*Store{s, next} {
		upsert(x, "a", "c", 1)
		do(x, x.NewQuery(), "click", "u", "a", t0)
	}
	at := t0.Add(time.Second)
	q, undisturbed := s.NewQuery(), s.NewQuery()
	want := look(t, undisturbed, "u", 0, at, false)
	q.Begin("u", device("ios"), at)
	if err := s.Adopt(next, 0); err != nil {
		t.Fatal(err)
	}
	newcomer := s.EnsureItem("newcomer")
	do(s, s.NewQuery(), "click", "u", "newcomer", at)

	if got := q.Shared(); !slices.Equal(got.Slots, want.shared.Slots) || !slices.Equal(got.Values, want.shared.Values) {
		t.Errorf("the shared part is %v, want %v", got, want.shared)
	}
	var own Vector
	if q.Item(&own, 0); !slices.Equal(own.Slots, want.own.Slots) || !slices.Equal(own.Values, want.own.Values) {
		t.Errorf("an item's part is %v, want %v", own, want.own)
	}
	if q.Item(&own, newcomer); len(own.Slots) > 0 {
		t.Errorf("an item that the list cannot know has the features %v", own)
	}
	if got := q.Recent(nil, 9); len(got) != 1 {
		t.Errorf("%d recent events, want the one of before", len(got))
	}
	if got := look(t, q, "u", newcomer, at, false); len(got.recent) != 2 || len(got.shared.Slots) != 2 {
		t.Errorf("the next list knows of %d recent events and has %d shared slots, want 2 and 2", len(got.recent), len(got.shared.Slots))
	}
}

func TestAUserPreparedBeforeAnAdoptionIsReadAsAfterIt(t *testing.T) {
	v := newVault()
	s := newColdStore(t, v, 0)
	do(s, s.NewQuery(), "click", "u", "a", t0)
	v.cut(s).commit()
	s = reopen(t, v, 0)
	next := storeOf(t, definitions()[10:11], Options{})
	do(next, next.NewQuery(), "click", "u", "a", t0)

	q := s.NewQuery()
	q.Prepare("u")
	if err := s.Adopt(next, 0); err != nil {
		t.Fatal(err)
	}
	q.Begin("u", device("ios"), t0)
	if p, ok := q.Profile(); !ok || len(p.Features) != 1 || q.Err() != nil {
		t.Errorf("known %v, features %v, error %v", ok, p.Features, q.Err())
	}
}

func TestListsAreServedWhileOneStoreAdoptsTheNext(t *testing.T) {
	const users = 40
	v, rng := newVault(), rand.New(rand.NewPCG(3, 4))
	s := newColdStore(t, v, aChunk)
	stop := make(chan struct{})
	var writer, readers sync.WaitGroup
	log := newTape(users)
	log.play(s, 0)
	writer.Go(func() {
		for adopted := 0; ; adopted++ {
			select {
			case <-stop:
				if adopted < 3 {
					t.Errorf("%d adoptions", adopted)
				}
				return
			default:
			}
			next := storeOf(t, otherDefinitions(rng), Options{SubRows: 4, SeenItems: 8, RecentEvents: 8})
			log.play(next, 0)
			if err := s.Adopt(next, 0); err != nil {
				t.Error(err)
				return
			}
			v.cut(s).commit()
			from := log.n
			log.n += 100
			log.play(s, from)
			v.cut(s).commit()
		}
	})
	for g := range uint64(3) {
		readers.Go(func() {
			q, rng := s.NewQuery(), rand.New(rand.NewPCG(9, g))
			for range 3000 {
				readOne(t, s, q, rng.IntN(users))
			}
		})
	}
	readers.Wait()
	close(stop)
	writer.Wait()
}

// tape is a log that can be played again.
type tape struct{ users, n int }

func newTape(users int) *tape { return &tape{users, 200} }

// play applies what is on the tape from a place on: first the catalogue, then clicks.
func (p *tape) play(s *Store, from int) {
	q := s.NewQuery()
	for i := 0; from == 0 && i < 2*p.users; i++ {
		upsert(s, fmt.Sprint("i", i), fmt.Sprint("c", i%7), 1)
	}
	for i := from; i < p.n; i++ {
		u := i * 7 % p.users
		do(s, q, "click", fmt.Sprint("u", u), fmt.Sprint("i", 2*u+i/p.users%2), t0+event.Time(i)*1e9)
	}
}
