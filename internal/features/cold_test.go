package features

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"testing"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// vault is a committed state in memory.
type vault struct {
	mu      sync.RWMutex
	entries map[string][]byte
	broken  error
}

func newVault() *vault { return &vault{entries: map[string][]byte{}} }

func (v *vault) Get(dst, key []byte) ([]byte, dirty.Sum, bool, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.broken != nil {
		return nil, dirty.Sum{}, false, v.broken
	}
	value, ok := v.entries[string(key)]
	return append(dst, value...), dirty.SumOf(key, value), ok, nil
}

// checkpoint is one on its way into a vault.
type checkpoint struct {
	store *Store
	vault *vault
	puts  map[string][]byte // nil: deleted
}

func (v *vault) cut(s *Store) *checkpoint {
	c := &checkpoint{s, v, map[string][]byte{}}
	for _, set := range s.Sets() {
		set.Cut(func(key, value []byte, _ dirty.Sum) { c.puts[string(key)] = slices.Clone(value) })
	}
	return c
}

func (c *checkpoint) flush(n int) {
	for _, set := range c.store.Sets() {
		set.Flush(n)
	}
}

func (c *checkpoint) commit() {
	for _, set := range c.store.Sets() {
		for !set.Flush(100) {
		}
	}
	c.vault.mu.Lock()
	maps.Copy(c.vault.entries, c.puts)
	maps.DeleteFunc(c.vault.entries, func(_ string, value []byte) bool { return value == nil }) // deletions
	c.vault.mu.Unlock()
	for _, set := range c.store.Sets() {
		set.Stored()
	}
}

func (c *checkpoint) abandon() {
	for _, set := range c.store.Sets() {
		set.Abandon()
	}
}

// newColdStore is newStore over a vault, with n bytes for users.
func newColdStore(t testing.TB, v *vault, n int64) *Store {
	t.Helper()
	s, err := New(definitions(), Options{SubRows: 4, SeenItems: 8, RecentEvents: 8, Cold: v, UserBytes: n})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// aChunk is what the first slots take; a few users beside them are hot.
const aChunk = slotBytes<<chunkBits + 100*indexBytes

// reopen makes the store anew from what is committed, users left cold.
func reopen(t *testing.T, v *vault, n int64) *Store {
	t.Helper()
	s := newColdStore(t, v, n)
	var digest dirty.Sum
	users := int64(0)
	for key, value := range v.entries {
		sum := dirty.SumOf([]byte(key), value)
		if key[0] == prefixUser {
			digest.Add(sum)
			users++
			continue
		}
		if ok, err := s.Load([]byte(key), value, sum); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	s.users.set.Assume(prefixUser, digest, users)
	s.LoadDone()
	return s
}

// view is all that can be read about a user and an item at an instant.
type view struct {
	profile     Profile
	known       bool
	recent      []RecentEvent
	categories  []CategoryScore
	seen        []SeenItem
	shared, own Vector
}

func look(t *testing.T, q *Query, user string, ref ItemRef, at event.Time, prepare bool) view {
	t.Helper()
	if prepare {
		q.Prepare(user)
	}
	q.Begin(user, device("ios"), at)
	var v view
	shared := q.Shared()
	v.shared = Vector{slices.Clone(shared.Slots), slices.Clone(shared.Values)}
	q.Item(&v.own, ref)
	v.recent, v.categories, v.seen = q.Recent(nil, 5), q.RecentCategories(nil, 3), q.Seen(nil)
	q.Begin(user, device("ios"), at)
	v.profile, v.known = q.Profile()
	for i := range v.profile.Features { // NaN does not equal itself
		v.profile.Features[i].Text += fmt.Sprint(v.profile.Features[i].Number)
		v.profile.Features[i].Number = 0
	}
	if q.Err() != nil {
		t.Fatal(q.Err())
	}
	return v
}

// capture takes the vectors of an exposure and applies it, as the engine does.
func capture(s *Store, q *Query, user, item string, at event.Time) [2]Vector {
	e := &event.Event{Type: "exposure", User: user, Item: item, Time: at, Context: device("ios")}
	ref := s.EnsureItem(item)
	q.Begin(user, e.Context, at)
	var own Vector
	q.Item(&own, ref)
	shared := q.Shared()
	out := [2]Vector{{slices.Clone(shared.Slots), slices.Clone(shared.Values)}, own}
	s.Apply(q, e, ref)
	return out
}

func TestWhoIsInMemoryChangesNothing(t *testing.T) {
	for seed := range uint64(8) {
		whole, v := newStore(t), newVault()
		small := newColdStore(t, v, aChunk)
		twin, q, reader := whole.NewQuery(), small.NewQuery(), small.NewQuery()
		dice := rand.New(rand.NewPCG(seed, 1))
		a, b := rand.New(rand.NewPCG(seed, 2)), rand.New(rand.NewPCG(seed, 2))
		var cut *checkpoint
		var evicted, revived uint64
		least := 99
		upsert(whole, "i0", "c0", 1)
		upsert(small, "i0", "c0", 1)
		at := t0
		for range 2500 {
			end := random(whole, twin, a, 1, at)
			random(small, q, b, 1, at)
			at = end
			user, item := fmt.Sprint("u", dice.IntN(22)), fmt.Sprint("i", dice.IntN(40))
			if got, want := capture(small, q, user, item, at), capture(whole, twin, user, item, at); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d: captured %v, want %v", seed, got, want)
			}
			switch n := dice.IntN(40); {
			case n == 0 && cut == nil:
				cut = v.cut(small)
			case n < 10 && cut != nil:
				cut.flush(dice.IntN(4))
			case n == 10 && cut != nil:
				cut.abandon()
				cut = nil
			case n <= 12 && cut != nil:
				cut.commit()
				cut = nil
			case n == 13:
				small.SetUserBytes(aChunk + dice.Int64N(10_000) - 2000)
			case n == 14 && cut == nil && dice.IntN(9) == 0:
				v.cut(small).commit()
				evicted, revived = evicted+small.UserStats().Evicted, revived+small.UserStats().Revived
				small = reopen(t, v, aChunk)
				q, reader = small.NewQuery(), small.NewQuery()
			case n < 25:
				user, ref := fmt.Sprint("u", dice.IntN(22)), ItemRef(dice.IntN(whole.Items()))
				want := look(t, twin, user, ref, at, false)
				if got := look(t, reader, user, ref, at, dice.IntN(2) == 0); !reflect.DeepEqual(got, want) {
					t.Fatalf("seed %d: %s and item %d:\n%+v\nwant\n%+v", seed, user, ref, got, want)
				}
			}
			least = min(least, small.UserStats().InMemory)
			if got, want := small.UserStats().Known, int64(whole.users.byHash.len()); got != want {
				t.Fatalf("seed %d: %d users are known, want %d", seed, got, want)
			}
		}
		if cut != nil {
			cut.commit()
		}
		v.cut(small).commit()
		if want := flush(whole); !reflect.DeepEqual(v.entries, want) {
			t.Fatalf("seed %d: %d entries are stored, want %d, or they differ", seed, len(v.entries), len(want))
		}
		for i, set := range small.Sets() {
			if twin := whole.Sets()[i]; set.Digest() != twin.Digest() || set.Count() != twin.Count() {
				t.Errorf("seed %d: set %d has %d entries with digest %v, want %d with %v",
					seed, i, set.Count(), set.Digest(), twin.Count(), twin.Digest())
			}
		}
		stats := small.UserStats()
		if evicted, revived = evicted+stats.Evicted, revived+stats.Revived; evicted < 100 || revived < 100 || least > 8 {
			t.Errorf("seed %d: %d evicted, %d revived, at least %d in memory: too little for a test", seed, evicted, revived, least)
		}
	}
}

func TestACaptureAndItsApplyMayHaveAnEvictionBetweenThem(t *testing.T) {
	v := newVault()
	s := newColdStore(t, v, 0)
	q, other := s.NewQuery(), s.NewQuery()
	upsert(s, "a", "x", 1)
	do(s, q, "click", "u", "a", t0)
	v.cut(s).commit()

	q.Begin("u", device("ios"), t0+1)
	var own Vector
	q.Item(&own, 0)
	s.SetUserBytes(1)
	do(s, other, "click", "v", "a", t0+1) // makes room
	do(s, other, "click", "v", "a", t0+1)
	if s.UserStats().Evicted != 1 {
		t.Fatalf("%+v", s.UserStats())
	}
	s.Apply(q, &event.Event{Type: "click", User: "u", Item: "a", Time: t0 + 1, Context: device("ios")}, 0)
	if got := value(t, s, "u", "a", "clicks_1m", t0+1); got != 2 {
		t.Errorf("%v clicks of u, want 2", got)
	}
	if got := value(t, s, "v", "a", "clicks_1m", t0+1); got != 2 {
		t.Errorf("%v clicks of v, want 2", got)
	}
}

func TestAReaderFindsAUserWhoLeavesAfterItHasPrepared(t *testing.T) {
	v := newVault()
	s := newColdStore(t, v, 0)
	q, reader := s.NewQuery(), s.NewQuery()
	upsert(s, "a", "x", 1)
	do(s, q, "click", "u", "a", t0)
	v.cut(s).commit()
	evict := func() {
		t.Helper()
		if u := s.users.find(hashString("u")); u != nil {
			s.version++
			s.users.evict(u)
		}
	}

	reader.Prepare("u")
	evict()
	reader.Begin("u", nil, t0)
	if got := reader.Recent(nil, 9); len(got) != 1 {
		t.Errorf("recent: %v", got)
	}
	do(s, q, "like", "u", "a", t0) // and it comes back while the list is made
	if got := reader.Recent(nil, 9); len(got) != 2 {
		t.Errorf("recent: %v", got)
	}
	reader.Begin("u", nil, t0)
	v.cut(s).commit()
	evict()
	if got := reader.Recent(nil, 9); len(got) != 2 {
		t.Errorf("recent of one who left while the list is made: %v", got)
	}
}

func TestAUserWhoCannotBeReadIsNotOverwritten(t *testing.T) {
	v := newVault()
	s := newColdStore(t, v, 0)
	q := s.NewQuery()
	upsert(s, "a", "x", 1)
	do(s, q, "click", "u", "a", t0)
	v.cut(s).commit()
	s = reopen(t, v, 0)
	before := maps.Clone(v.entries)

	v.broken = errors.New("a flipped bit")
	q = s.NewQuery()
	do(s, q, "click", "u", "a", t0+1)
	if !errors.Is(s.Err(), v.broken) {
		t.Errorf("after Apply: %v", s.Err())
	}
	s = reopen(t, v, 0)
	s.UpsertUser(&event.User{ID: "u", Attrs: event.Attributes{{Key: "age", Value: num(3)}}})
	if !errors.Is(s.Err(), v.broken) {
		t.Errorf("after UpsertUser: %v", s.Err())
	}
	q = s.NewQuery()
	q.Prepare("u")
	q.Begin("u", nil, t0)
	if got := q.Recent(nil, 9); len(got) != 0 || !errors.Is(q.Err(), v.broken) {
		t.Errorf("recent %v, error %v", got, q.Err())
	}
	if _, known := q.Profile(); known {
		t.Error("a user who cannot be read has a profile")
	}
	q.Begin("", nil, t0)
	if q.Err() != nil {
		t.Errorf("the error of one list is the next one's: %v", q.Err())
	}
	v.broken = nil
	v.cut(s).commit()
	if !maps.EqualFunc(v.entries, before, slices.Equal) {
		t.Error("the state has changed")
	}
	if v.entries = map[string][]byte{}; s.UserStats().Known != 1 {
		t.Errorf("%+v", s.UserStats())
	}
}

func TestADamagedUserIsNotRead(t *testing.T) {
	v := newVault()
	s := newColdStore(t, v, 0)
	q := s.NewQuery()
	do(s, q, "click", "u", "a", t0)
	v.cut(s).commit()
	for key, value := range v.entries {
		if key[0] == prefixUser {
			for _, bad := range [][]byte{nil, {9}, value[:len(value)/2], append([]byte{3}, value[1:]...)} {
				v.entries[key] = bad
				s := reopen(t, v, 0)
				if do(s, s.NewQuery(), "click", "u", "a", t0); s.Err() == nil {
					t.Errorf("%d bytes of %d were taken for the user", len(bad), len(value))
				}
			}
		}
	}
}

func TestUsersKeepToTheirMemory(t *testing.T) {
	const limit, users = 2 << 20, 15_000
	v := newVault()
	s := newColdStore(t, v, limit)
	q := s.NewQuery()
	for i := range 50 {
		upsert(s, fmt.Sprint("i", i), fmt.Sprint("c", i%7), 1)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	most, before := int64(0), heap()
	for i := range 30_000 {
		n := int(float64(users) * rng.Float64() * rng.Float64())
		do(s, q, []string{"exposure", "click"}[rng.IntN(2)], fmt.Sprint("u", n), fmt.Sprint("i", rng.IntN(50)), t0+event.Time(i)*1e9)
		if i%300 != 0 {
			continue
		}
		pinned := int64(0)
		for i := range s.users.n {
			if u := s.users.at(i); !s.users.set.Clean(i) {
				pinned += u.bytes
			}
		}
		if excess := s.UserBytes() - limit - pinned; excess > most {
			most = excess
		}
		if s.Full() {
			t.Fatalf("after %d events: nobody can leave, with %d bytes dirty", i, pinned)
		}
		v.cut(s).commit()
	}
	if most > limit/20 {
		t.Errorf("users took up to %d bytes more than %d and what is dirty", most, limit)
	}
	v.entries = nil
	if grown := heap() - before; grown > limit*12/10 {
		t.Errorf("the heap grew by %d bytes, by the estimate it should be %d", grown, s.UserBytes())
	}
	if got := s.UserStats(); got.InMemory > users/2 || got.Bytes < limit/2 {
		t.Errorf("%+v: no test of the limit", got)
	}
}

func TestAFullMemoryWaitsForACheckpoint(t *testing.T) {
	v := newVault()
	s := newColdStore(t, v, 2<<20)
	q := s.NewQuery()
	n := 0
	for ; !s.Full(); n++ {
		if n > 100_000 {
			t.Fatalf("never full: %+v", s.UserStats())
		}
		do(s, q, "click", fmt.Sprint("u", n), "a", t0)
	}
	if s.UserBytes() < 2<<20 {
		t.Errorf("full at %d bytes", s.UserBytes())
	}
	cut := v.cut(s)
	cut.flush(10)
	if !s.Full() {
		t.Error("not full any more before the checkpoint is stored")
	}
	cut.commit()
	if s.Full() {
		t.Error("full still when the checkpoint is stored")
	}
	for i := range 1000 {
		do(s, q, "click", fmt.Sprint("u", i), "a", t0)
		if s.Full() {
			t.Fatal("full again")
		}
	}
	if s.UserBytes() > 2<<20 {
		t.Errorf("%d bytes", s.UserBytes())
	}
}

func TestTheEstimateOfUsersMemoryIsAboutRight(t *testing.T) {
	for _, perUser := range []int{1, 30} {
		s := newStore(t)
		q := s.NewQuery()
		for i := range 60 {
			upsert(s, fmt.Sprint("i", i), fmt.Sprint("c", i%7), 1)
		}
		do(s, q, "click", "u", "i1", t0)
		names := make([]string, 6000)
		for i := range names {
			names[i] = fmt.Sprint("a-user-with-the-number-", i)
		}
		before, estimated := heap(), s.UserBytes()
		rng := rand.New(rand.NewPCG(5, 6))
		for i, name := range names {
			for j := range perUser {
				typ := []string{"exposure", "exposure", "click"}[rng.IntN(3)]
				e := &event.Event{Type: typ, User: name, Time: t0.Add(1), Context: device("ios")}
				q.Begin(name, e.Context, e.Time)
				s.Apply(q, e, ItemRef((i+j*7)%60))
			}
			if i%4 == 0 {
				s.UpsertUser(&event.User{ID: name, Attrs: event.Attributes{{Key: "city", Value: text("Trier")}, {Key: "likes", Value: list("x", "y", "z")}}})
			}
		}
		grown, estimated := heap()-before, s.UserBytes()-estimated
		t.Logf("%d events each: estimated %d bytes, the heap grew by %d", perUser, estimated, grown)
		if estimated < grown*8/10 || estimated > grown*12/10 {
			t.Errorf("%d events each: estimated %d bytes, the heap grew by %d", perUser, estimated, grown)
		}
		runtime.KeepAlive(s)
		runtime.KeepAlive(names)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestReadersSeeOneUserWholeWhileOthersComeAndGo(t *testing.T) {
	const users = 40
	v := newVault()
	s := newColdStore(t, v, aChunk)
	for i := range 2 * users {
		upsert(s, fmt.Sprint("i", i), fmt.Sprint("c", i%7), 1)
	}
	stop := make(chan struct{})
	var writer, readers sync.WaitGroup
	writer.Go(func() {
		q, rng := s.NewQuery(), rand.New(rand.NewPCG(7, 8))
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			u := rng.IntN(users)
			do(s, q, "click", fmt.Sprint("u", u), fmt.Sprint("i", 2*u+rng.IntN(2)), t0+event.Time(i)*1e9)
			if i%50 == 0 {
				v.cut(s).commit()
			}
		}
	})
	for g := range uint64(3) {
		readers.Go(func() {
			q, rng := s.NewQuery(), rand.New(rand.NewPCG(9, g))
			for range 1500 {
				readOne(t, s, q, rng.IntN(users))
			}
		})
	}
	readers.Wait()
	close(stop)
	writer.Wait()
	if got := s.UserStats(); got.Evicted < 100 || got.Revived < 100 {
		t.Errorf("%+v: too few have come and gone", got)
	}
}

// readOne makes a list for user u, who only ever acts on the items 2u and 2u+1, in several stretches.
func readOne(t *testing.T, s *Store, q *Query, u int) {
	id := fmt.Sprint("u", u)
	q.Prepare(id)
	s.RLock()
	q.Begin(id, nil, t0)
	shared := len(q.Shared().Slots)
	s.RUnlock()
	for range 3 {
		runtime.Gosched()
		s.RLock()
		p, known := q.Profile()
		var own Vector
		q.Item(&own, ItemRef(2*u))
		for _, e := range append(p.Recent, q.Recent(nil, 9)...) {
			if int(e.Item)/2 != u {
				t.Errorf("%s did something with item %d", id, e.Item)
			}
		}
		for _, e := range q.Seen(nil) {
			if int(e.Ref)/2 != u {
				t.Errorf("%s saw item %d", id, e.Ref)
			}
		}
		if known && p.ID != id {
			t.Errorf("%s is shown to be %s", id, p.ID)
		}
		if !known && len(p.Recent) > 0 || shared == 0 || q.Err() != nil {
			t.Errorf("%s: known %v, %d recent events, %d slots, error %v", id, known, len(p.Recent), shared, q.Err())
		}
		s.RUnlock()
	}
}

// coldUsers is a store of n users with a history, all cold.
func coldUsers(b *testing.B, n int, limit int64) (*Store, []string) {
	v := newVault()
	s := newColdStore(b, v, limit)
	q, rng := s.NewQuery(), rand.New(rand.NewPCG(1, 1))
	for i := range 40 {
		upsert(s, fmt.Sprint("i", i), fmt.Sprint("c", i%6), 1)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("u", i)
		for j := range 20 {
			do(s, q, []string{"exposure", "click"}[j%2], names[i], fmt.Sprint("i", rng.IntN(40)), t0+event.Time(j)*1e9)
		}
		if i%1000 == 999 {
			v.cut(s).commit()
		}
	}
	v.cut(s).commit()
	return s, names
}

// BenchmarkColdUser reads a user through for a list.
func BenchmarkColdUser(b *testing.B) {
	s, names := coldUsers(b, 20_000, aChunk)
	q := s.NewQuery()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		name := names[i*7919%len(names)]
		q.Prepare(name)
		q.Begin(name, nil, t0)
		q.Shared()
	}
}

// BenchmarkApplyToAColdUser revives a user whom the hand has to make room for. Now and then there is a checkpoint.
func BenchmarkApplyToAColdUser(b *testing.B) {
	s, names := coldUsers(b, 20_000, 4<<20)
	v := s.users.cold.(*vault)
	q := s.NewQuery()
	e := &event.Event{Type: "exposure", Item: "i3", Context: device("ios")}
	ref := s.EnsureItem("i3")
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		e.User = names[i*7919%len(names)]
		e.Time = t0 + event.Time(i)*1e9
		q.Begin(e.User, e.Context, e.Time)
		s.Apply(q, e, ref)
		if i%500 == 499 {
			b.StopTimer()
			v.cut(s).commit()
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(s.UserStats().Revived)/float64(b.N), "revived/op")
}
