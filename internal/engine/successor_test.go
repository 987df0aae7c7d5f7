package engine

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
	"recsvc/internal/features"
)

// drawDefinitions leaves some of the definitions out and changes others.
func drawDefinitions(rng *rand.Rand) []features.Definition {
	var out []features.Definition
	have := map[string]bool{}
	for _, d := range definitions() {
		if rng.IntN(4) == 0 || slices.ContainsFunc(d.Inputs, func(in string) bool { return !have[in] }) {
			continue
		}
		switch {
		case rng.IntN(2) == 0:
		case d.Window > 0:
			d.Window, d.Slide = time.Duration(1+rng.IntN(5))*time.Minute, 10*time.Second
		case d.Kind == "rate":
			d.Scope = [][]string{{"context.tab"}, {"item", "context.tab"}, {"user"}, {"item.categories[0]"}}[rng.IntN(4)]
		case d.Kind == "count" || d.Kind == "time_since":
			d.On = features.On("click", "view")
		}
		have[d.Name] = true
		out = append(out, d)
	}
	return out
}

var oldHash, newHash = [32]byte{1}, [32]byte{2}

func under(hash [32]byte) func(*Options) {
	return func(o *Options) { o.Definitions, o.Declared = hash, []byte{hash[0]} }
}

// successorOf is one under the given definitions, with a way to bring it up to a place of the log.
func (l *live) successorOf(defs []features.Definition) (*Successor, func(to event.Cursor) error) {
	l.t.Helper()
	opts := rigOptions()
	under(newHash)(&opts)
	s := must(NewSuccessor(rigParts(l.t, defs), opts))(l.t)
	return s, func(to event.Cursor) error {
		_, err := s.Apply(l.log, to)
		return err
	}
}

// takeOver brings the successor up to the writer and lets it take over.
func (l *live) takeOver(s *Successor, advance func(to event.Cursor) error) {
	l.t.Helper()
	for {
		err := errors.Join(advance(l.Applied()), s.Compare(l.Engine))
		done := false
		if err == nil {
			done, err = l.TakeOver(l.t.Context(), s, advance)
		}
		if err != nil {
			l.t.Fatal(err)
		}
		if done {
			return
		}
	}
}

// withList puts a served list of items into a log that nothing else names.
func withList(log []event.Record, at int, items ...string) []event.Record {
	var list []event.ServedItem
	for _, id := range items {
		list = append(list, event.ServedItem{Item: id})
	}
	out := place(nil, log[:at]...)
	out = place(out, servedRecord("a list", "u1", "home", log[at].Received, list...))
	return place(out, log[at:]...)
}

func featuresDigest(e *Engine) (d dirty.Sum, n int64) {
	for _, set := range e.Features.Sets() {
		d.Add(set.Digest())
		n += set.Count()
	}
	return d, n
}

func TestFeaturesThatHaveTakenOverAreWhatAFreshReplayMakesThem(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 21))
		before, after := drawDefinitions(rng), drawDefinitions(rng)
		log := withList(makeTraffic(seed, 500), 60, "only", "ever", "listed")
		dir := t.TempDir()
		l := must(tryRigOf(t, dir, before, under(oldHash)))(t).follow()
		s, advance := l.successorOf(after)
		at := rng.IntN(len(log))
		for i := 0; i < len(log); {
			end := min(len(log), i+1+rng.IntN(60))
			if i < at {
				end = min(end, at)
			}
			l.hand(log[i:end]...)
			switch i = end; {
			case i == at:
				l.takeOver(s, advance)
				if l.Definitions() != newHash {
					t.Fatal("the definitions are the old ones still")
				}
			case rng.IntN(4) == 0:
				if _, err := l.Checkpoint(t.Context()); err != nil {
					t.Fatal(err)
				}
			case i < at && rng.IntN(3) == 0:
				if err := advance(l.Applied()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if at == 0 { // nothing was ever applied before it
			l.takeOver(s, advance)
		}
		live := l.Engine
		ended := l.stop()

		fresh := must(tryRigOf(t, t.TempDir(), after, under(newHash)))(t)
		fresh.run(log)
		got, entries := featuresDigest(live)
		want, n := featuresDigest(fresh.Engine)
		if got != want || entries != n {
			t.Errorf("seed %d, at %d of %d: digest %v of %d entries, a fresh replay %v of %d", seed, at, len(log), got, entries, want, n)
		}
		again := must(tryRigOf(t, dir, after, under(newHash)))(t)
		if c, _ := again.LastCheckpoint(); c.Digest != ended.checkpoint.Digest {
			t.Errorf("seed %d: read back with digest %v, written with %v", seed, c.Digest, ended.checkpoint.Digest)
		}
		if meta, _ := again.store.Latest(); string(meta.Root) != "\x02" {
			t.Errorf("seed %d: the checkpoint says that it was made under %q", seed, meta.Root)
		}
		if err := again.close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATakeoverKeepsWeightsAndWhatIsPending(t *testing.T) {
	log := makeTraffic(3, 400)[:300]
	l := must(tryRigOf(t, t.TempDir(), definitions(), under(oldHash)))(t).follow()
	l.append(log...)
	weights := func() (d dirty.Sum) {
		must(l.Checkpoint(t.Context()))(t)
		for _, set := range l.Models[0].Sets() {
			d.Add(set.Digest())
		}
		return d
	}
	want, before := l.Status(), weights()
	s, advance := l.successorOf(definitions()[6:10])
	l.takeOver(s, advance)
	if after := weights(); after != before || before == (dirty.Sum{}) {
		t.Errorf("weights with digest %v, before it %v", after, before)
	}
	if got := l.Status(); got.Pending != want.Pending || got.Pending == 0 || got.Applied != want.Applied || got.Dedup != want.Dedup {
		t.Errorf("%d pending, %d applied, %d ids; before it %d, %d, %d", got.Pending, got.Applied, got.Dedup, want.Pending, want.Applied, want.Dedup)
	}
	l.stop()
}

func TestATakeoverThatNoCheckpointHoldsHasNotHappened(t *testing.T) {
	log, dir := makeTraffic(5, 300), t.TempDir()
	var broken atomic.Bool
	r := must(tryRigOf(t, dir, definitions(), under(oldHash), func(o *Options) {
		o.Durable = func(context.Context, event.Cursor) error {
			if broken.Load() {
				return errors.New("no power")
			}
			return nil
		}
	}))(t)
	l := r.follow()
	l.append(log[:200]...)
	last := must(l.Checkpoint(t.Context()))(t)
	s, advance := l.successorOf(definitions()[6:10])
	l.append(log[200:250]...)
	broken.Store(true)
	l.takeOver(s, advance)
	l.append(log[250:]...)
	l.once.Do(func() { close(l.batches) })
	if err := <-l.ended; err == nil {
		t.Fatal("the last checkpoint was written")
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tryRigOf(t, dir, definitions()[6:10], under(newHash)); !errors.Is(err, ErrDefinitions) {
		t.Errorf("opened under the new definitions: %v", err)
	}
	again := must(tryRigOf(t, dir, definitions(), under(oldHash)))(t)
	if c, _ := again.LastCheckpoint(); c.Digest != last.Digest || c.Cursor.String() != last.Cursor.String() {
		t.Errorf("the state is that of %s with %v, want %s with %v", c.Cursor, c.Digest, last.Cursor, last.Digest)
	}
	got := again.run(log)
	want := must(tryRigOf(t, t.TempDir(), definitions(), under(oldHash)))(t).run(log)
	got.sameAs(t, want)
}

func TestASuccessorOfAnotherLogDoesNotTakeOver(t *testing.T) {
	log := makeTraffic(7, 300)
	l := must(tryRigOf(t, t.TempDir(), definitions(), under(oldHash)))(t).follow()
	l.append(log...)
	for name, tc := range map[string]struct {
		skip int
		to   event.Cursor
	}{
		"the log has lost its beginning": {skip: 40, to: l.Applied()},
		"it has stopped on its way":      {to: event.Cursor{{Offset: 100}}},
	} {
		s, _ := l.successorOf(definitions()[6:10])
		done, err := l.TakeOver(t.Context(), s, func(event.Cursor) error {
			_, err := s.Apply(l.log[tc.skip:], tc.to)
			return err
		})
		if done || err == nil || l.Definitions() != oldHash {
			t.Errorf("%s: done %v, error %v", name, done, err)
		}
	}
	got := l.stop()
	want := must(tryRigOf(t, t.TempDir(), definitions(), under(oldHash)))(t).run(log)
	got.sameAs(t, want)
}

// A record that rolls back names the definitions of the moment: a start from a checkpoint of before would pass it over.
func TestAfterATakeoverNothingIsRolledBackBeforeACheckpointKnowsOfIt(t *testing.T) {
	log := makeTraffic(9, 200)
	l := must(tryRigOf(t, t.TempDir(), definitions(), under(oldHash)))(t).follow()
	l.append(log...)
	old := l.takeSnapshot().ID
	s, advance := l.successorOf(definitions()[6:10])
	l.takeOver(s, advance)
	if _, err := l.BeginRestore(old); !errors.Is(err, ErrSnapshot) {
		t.Errorf("a snapshot of the old definitions may be restored: %v", err)
	}
	if meta, ok := l.store.Latest(); !ok || meta.Definitions != newHash {
		t.Errorf("the last checkpoint is of definitions %x", meta.Definitions[0])
	}
	control, err := l.BeginRestore(l.takeSnapshot().ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := control.Text("definitions"); got != l.definitions.Load().String() {
		t.Errorf("the record names the definitions %s", got)
	}
	l.stop()
}
