package engine

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeebo/xxh3"

	battery "recsvc/internal/crash"
	"recsvc/internal/dirty"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/model"
	"recsvc/internal/state"
)

// orderly is a log of the catalogue, of events in the order of their times, each with an id and none of them late, and of a last
// tick. Lists were ranked elsewhere.
func orderly(seed uint64, n int) []event.Record {
	var log, events []event.Record
	seen := map[string]bool{}
	for _, r := range makeTraffic(seed, n) {
		switch e := r.Event; {
		case r.Kind == event.KindItem && r.Received == start:
			log = place(log, r)
		case e != nil && e.ID != "" && !seen[e.ID] && e.Time >= r.Received.Add(-time.Second):
			seen[e.ID] = true
			r.Received = max(r.Received, e.Time)
			events = append(events, r)
		}
	}
	slices.SortStableFunc(events, func(a, b event.Record) int { return cmp.Compare(a.Event.Time, b.Event.Time) })
	log = place(log, events...)
	last := events[len(events)-1].Event.Time
	return place(log, tick(last.Add(dwellWindow+lateness+time.Second)))
}

// view is what readers are shown in the end: features by name, for every user and item, and the counts of items.
func (r *rig) view(now event.Time) map[string]float64 {
	view := map[string]float64{}
	for u := range 25 {
		for i := range 40 {
			user, item := fmt.Sprintf("u%d", u), fmt.Sprintf("i%d", i)
			maps.Copy(view, r.named(user, item, now))
		}
	}
	r.Features.RLock()
	defer r.Features.RUnlock()
	for i := range 40 {
		item := fmt.Sprintf("i%d", i)
		if ref, ok := r.Features.LookupItem(item); ok {
			r.Features.Counts(ref, func(kind string, n uint64) { view[item+" "+kind] = float64(n) })
		}
	}
	return view
}

// named evaluates the features of one pair.
func (r *rig) named(user, item string, now event.Time) map[string]float64 {
	q := r.Features.NewQuery()
	q.Trace(true)
	r.Features.RLock()
	defer r.Features.RUnlock()
	ref, ok := r.Features.LookupItem(item)
	if !ok {
		return nil
	}
	out := map[string]float64{}
	add := func(names []string, v model.Vector) {
		for i, name := range names {
			x := float64(v.Slots[i]) // a category
			if i < len(v.Values) {
				x = float64(v.Values[i])
			}
			out[user+" "+item+" "+name] = x
		}
	}
	q.Begin(user, event.Attributes{{Key: "tab", Value: number(1)}}, now)
	shared := model.Vector(q.Shared())
	add(slices.Clone(q.SlotNames()), shared)
	var own model.Vector
	q.Item((*features.Vector)(&own), ref)
	add(slices.Clone(q.SlotNames()), own)
	return out
}

// agree compares two views. What counts and sums whole numbers must be equal; what fades is a sum of rounded numbers.
func agree(t *testing.T, what string, got, want map[string]float64, except ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
	}
	for name, x := range want {
		if slices.Contains(except, name[strings.LastIndexByte(name, ' ')+1:]) {
			continue
		}
		if y := got[name]; math.Abs(x-y) > 1e-4*max(1, math.Abs(x)) {
			t.Errorf("%s: %s is %v, want %v", what, name, y, x)
			return
		}
	}
}

// seen runs a log and says what is to be seen of it afterwards.
func seen(t *testing.T, log []event.Record, change ...func(*Options)) (outcomeOf, map[string]float64) {
	t.Helper()
	r := openRig(t, t.TempDir(), change...)
	if err := r.Run(t.Context(), &memory{log: log}); err != nil {
		t.Fatal(err)
	}
	view := r.view(log[len(log)-1].Tick.Time)
	for name, x := range view {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Errorf("%s is %v", name, x)
		}
	}
	for u := range 25 {
		for _, p := range r.predict(fmt.Sprintf("u%d", u), "i1", log[len(log)-1].Tick.Time) {
			if !(p > 0 && p < 1) {
				t.Errorf("u%d: prediction %v", u, p)
			}
		}
	}
	return r.outcome(), view
}

// counts are what becomes of exposures, without what tells in which order that became known.
func counts(c feedback.Counters) string {
	s := fmt.Sprintf("%d exposures", c.Exposures)
	for _, h := range c.Heads {
		s += fmt.Sprintf(", %s: %d positive, %d negative, %d pending", h.Name, h.Positive, h.Negative, h.Pending)
	}
	return s
}

func TestShufflingWithinTheLatenessChangesNoWindow(t *testing.T) {
	log := orderly(31, 4000)
	want, view := seen(t, log)
	if want.heads[0].Positives < 50 || want.status.Applied < 2000 {
		t.Fatalf("the stream does too little: %+v", want.status)
	}
	for seed := range uint64(battery.Times(2, 40)) {
		got, shuffled := seen(t, shuffle(log, seed))
		agree(t, fmt.Sprintf("seed %d", seed), shuffled, view, "user_last") // a sequence is in the order of arrival
		if got.status.Delayed > 0 || counted(got.status) != counted(want.status) {
			t.Errorf("seed %d: %+v, in order %+v", seed, got.status, want.status)
		}
		if g, w := counts(got.joined), counts(want.joined); g != w {
			t.Errorf("seed %d: %s; in order %s", seed, g, w)
		}
	}
}

// shuffle lets every event arrive up to the lateness after its time.
func shuffle(log []event.Record, seed uint64) []event.Record {
	rng := rand.New(rand.NewPCG(seed, 3))
	log = slices.Clone(log)
	first := slices.IndexFunc(log, func(r event.Record) bool { return r.Event != nil })
	events := log[first : len(log)-1]
	for i := range events {
		events[i].Received = events[i].Event.Time.Add(time.Duration(rng.Int64N(int64(lateness))))
	}
	slices.SortStableFunc(events, func(a, b event.Record) int { return cmp.Compare(a.Received, b.Received) })
	return place(nil, log...)
}

// interleaved deals the events of a log out to partitions by their user, and mixes the partitions: each keeps its order and comes
// up to lag behind the others, now more and now less. The catalogue comes first, and each partition has a last tick.
func interleaved(log []event.Record, partitions int32, lag time.Duration, seed uint64) (out []event.Record) {
	rng := rand.New(rand.NewPCG(seed, 4))
	behind := make([]time.Duration, partitions)
	var events []event.Record
	last := log[len(log)-1]
	for _, r := range log {
		if r.Event == nil {
			continue
		}
		r.Partition = int32(xxh3.HashString(r.Event.User) % uint64(partitions))
		if rng.IntN(20) == 0 {
			behind[r.Partition] = time.Duration(rng.Int64N(int64(lag)))
		}
		r.Received = r.Event.Time.Add(behind[r.Partition])
		events = append(events, r)
	}
	arrived := make([]event.Time, partitions)
	for i, r := range events { // later than what came before it in its partition
		arrived[r.Partition] = max(arrived[r.Partition]+1, r.Received)
		events[i].Received = arrived[r.Partition]
	}
	slices.SortStableFunc(events, func(a, b event.Record) int { return cmp.Compare(a.Received, b.Received) })
	out = slices.DeleteFunc(slices.Clone(log), func(r event.Record) bool { return r.Item == nil })
	out = append(out, events...)
	next := make([]int64, partitions)
	for p := range partitions {
		last.Partition = p
		out = append(out, last)
	}
	for i := range out {
		out[i].Offset = next[out[i].Partition]
		next[out[i].Partition]++
	}
	return out
}

// The order between partitions is not fixed. What belongs to one user is: it is the same in every run. So are whole numbers;
// weights depend on the order in which they are learned: they are finite, and AUC and log-loss agree within 0.05. (A partition that
// is further behind the others than the label windows are long can change which of two exposures an outcome without a
// request belongs to.)
func TestFourPartitionsAgreeInAllButTheOrderOfLearning(t *testing.T) {
	log := orderly(32, 4000)
	want, view := seen(t, log)
	for seed := range uint64(battery.Times(2, 40)) {
		got, mixed := seen(t, interleaved(log, 4, 30*time.Second, seed))
		what := fmt.Sprintf("seed %d", seed)
		agree(t, what, mixed, view)
		if g, w := got.status.Applied-3, want.status.Applied; g != w || got.status.Duplicate+got.status.Late+got.status.DeadLettered > 0 {
			t.Errorf("%s: %d applied, want %d: %+v", what, g, w, got.status) // there are four ticks
		}
		if g, w := counts(got.joined), counts(want.joined); g != w {
			t.Errorf("%s: %s; in one partition %s", what, g, w)
		}
		for i, h := range got.heads {
			w := want.heads[i]
			if h.N != w.N || h.Positives != w.Positives || math.Abs(h.AUC-w.AUC) > 0.05 || math.Abs(h.LogLoss-w.LogLoss) > 0.05 {
				t.Errorf("%s, head %d: %+v, in one partition %+v", what, i, h, w)
			}
		}
	}
}

// tables are the digests of a state by the prefix of their keys, but for the counters of records and the dead letters, which hold
// their places in the log.
func tables(t *testing.T, dir string) map[byte]dirty.Sum {
	t.Helper()
	store := must(state.Open(dir, state.Options{MemTableBytes: 8 << 20, MinFreeBytes: 1}))(t)
	defer store.Close()
	meta, _ := store.Latest()
	out := map[byte]dirty.Sum{}
	for _, s := range meta.Shards {
		if s.Prefix != prefixTally && s.Prefix != 'l' {
			out[s.Prefix] = s.Digest
		}
	}
	return out
}

// Each event comes k times, its copies up to some minutes after it, also behind a restart. Only the counts of duplicates tell.
func TestEventsThatComeAgainChangeNothing(t *testing.T) {
	log := makeTraffic(33, 3000)
	once := t.TempDir()
	want := openRig(t, once).run(log)
	for _, k := range []int{2, 3, 5} {
		copies := duplicated(log, k)
		dir := t.TempDir()
		openRig(t, dir).run(copies[:len(copies)/3])
		openRig(t, dir).run(copies[:2*len(copies)/3], 7)
		got := openRig(t, dir).run(copies)
		if g, w := tables(t, dir+"/state"), tables(t, once+"/state"); !maps.Equal(g, w) {
			t.Errorf("%d times: the tables have digests %v, want %v", k, g, w)
		}
		s, w := got.status, want.status
		if s.Applied != w.Applied || s.DeadLettered != w.DeadLettered || s.Applied+s.Duplicate+s.Late+s.DeadLettered != uint64(len(copies)) || s.Late < w.Late {
			t.Errorf("%d times: %+v, once %+v", k, s, w)
		}
		for i := range want.heads {
			if got.heads[i] != want.heads[i] {
				t.Errorf("%d times, head %d: %+v, want %+v", k, i, got.heads[i], want.heads[i])
			}
		}
	}
}

// duplicated repeats every event that has an id, so that it comes k times.
func duplicated(log []event.Record, k int) (out []event.Record) {
	rng := rand.New(rand.NewPCG(uint64(k), 5))
	later := map[int][]event.Record{}
	for i, r := range log {
		out = append(out, r)
		for _, again := range later[i] {
			again.Received = r.Received
			out = append(out, again)
		}
		if r.Event == nil || r.Event.ID == "" {
			continue
		}
		for range k - 1 {
			at := min(len(log)-2, i+rng.IntN(200))
			if at <= i {
				out = append(out, r)
				continue
			}
			later[at] = append(later[at], r)
		}
	}
	return place(nil, out...)
}

// Beyond the horizon nobody remembers an id: then the event is too late, and has no effect either.
func TestAnEventThatComesAgainBeyondTheHorizonIsLate(t *testing.T) {
	first := teach("u1", "i1", 0, 20)
	for i := range first {
		first[i].Event.ID = fmt.Sprint(i)
	}
	log := place(nil, first...)
	log = place(log, behaviour("view", "u2", "i2", at((horizon+time.Minute).Seconds())))
	again := place(slices.Clone(log), first...)
	dir := t.TempDir()
	want, got := openRig(t, dir).run(log), openRig(t, t.TempDir()).run(again, 9)
	if got.status.Late != uint64(len(first)) || got.status.Duplicate != 0 || got.status.Applied != want.status.Applied {
		t.Errorf("%+v", got.status)
	}
	if got.heads[0].N != want.heads[0].N || got.heads[0].LogLoss != want.heads[0].LogLoss {
		t.Errorf("learned again: %+v, once %+v", got.heads[0], want.heads[0])
	}
}
