package state

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// owner is a naive twin of what owns entries: it puts again what a lost checkpoint took. The cursor of each checkpoint that it tries
// is another one, and names what the state was then.
type owner struct {
	live, stored map[string]string           // now; as of the last checkpoint that was committed
	tried        map[int64]map[string]string // by cursor
	cursor       int64                       // of the last one tried
	committed    int64                       // of the last one committed
}

func newOwner() *owner {
	return &owner{live: map[string]string{}, stored: map[string]string{}, tried: map[int64]map[string]string{0: {}}}
}

// change changes, adds and removes some entries of three tables.
func (o *owner) change() {
	rng := rand.New(rand.NewPCG(uint64(o.cursor), 11))
	for range 40 {
		key := fmt.Sprintf("%c%d", "abw"[rng.IntN(3)], rng.IntN(60))
		if rng.IntN(3) == 0 {
			delete(o.live, key)
		} else {
			o.live[key] = strings.Repeat(string(binary.BigEndian.AppendUint64(nil, rng.Uint64())), rng.IntN(100))
		}
	}
}

// put puts what differs from the last committed checkpoint.
func (o *owner) put(c *Checkpoint) {
	for key, value := range o.live {
		if old, ok := o.stored[key]; !ok || old != value {
			c.Put([]byte(key), []byte(value), dirty.SumOf([]byte(key), []byte(value)))
		}
	}
	for key := range o.stored {
		if _, ok := o.live[key]; !ok {
			c.Put([]byte(key), nil, dirty.Sum{})
		}
	}
}

func (o *owner) commit(ctx context.Context, s *Store) error {
	o.cursor++
	o.change()
	now := maps.Clone(o.live)
	o.tried[o.cursor] = now
	m := Meta{Cursor: event.Cursor{{Partition: 0, Offset: o.cursor}}, Entries: int64(len(now))}
	m.Digest, m.Shards = describe(now)
	c := s.Begin()
	o.put(c)
	err := c.Commit(ctx, m)
	if err == nil {
		o.stored, o.committed = now, o.cursor
	}
	return err
}

// verify compares the store with what its cursor says that it holds, bit for bit, and entry for entry.
func (o *owner) verify(s *Store) error {
	meta, _ := s.Latest()
	want := o.tried[meta.Cursor.Offset(0)]
	got := map[string]string{}
	err := s.Load(func(key, value []byte, _ dirty.Sum) error { got[string(key)] = string(value); return nil })
	if err != nil {
		return err
	}
	if !maps.Equal(got, want) {
		return fmt.Errorf("checkpoint %d holds %d entries, not the %d of cursor %s", meta.Epoch, len(got), len(want), meta.Cursor)
	}
	for i := range 3 * 60 {
		key := fmt.Sprintf("%c%d", "abw"[i/60], i%60)
		value, _, ok, err := s.Get(nil, []byte(key))
		if wanted, has := want[key]; err != nil || ok != has || string(value) != wanted {
			return fmt.Errorf("entry %s: got %d bytes, %v, %v; want %d, %v", key, len(value), ok, err, len(wanted), has)
		}
	}
	return nil
}

var errInjected = errors.New("injected")

// nthFault fails the n-th thing that happens: before a step, or after it.
type nthFault struct {
	mu       sync.Mutex
	n, calls int
	also     string // this step fails too, from then on
	at       string // what failed; "" so far
	counted  map[string]bool
}

func (f *nthFault) hook(p string, after bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at != "" && p == f.also {
		return errInjected
	}
	if f.calls++; f.calls != f.n {
		return nil
	}
	f.at = fmt.Sprintf("%s, after: %v", p, after)
	f.counted[f.at] = true
	return errInjected
}

func (f *nthFault) failed() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

// TestTheNthFaultOfTheDiskCostsOneCheckpointAtMost fails the n-th step of a run of checkpoints and folds, for every n, until a run
// sees no fault. The process goes on, the next checkpoint succeeds, and whenever the directory is opened it holds a
// checkpoint that is whole, no older than the last one committed.
func TestTheNthFaultOfTheDiskCostsOneCheckpointAtMost(t *testing.T) {
	counted := map[string]bool{}
	stride := 1
	if testing.Short() {
		stride = 7
	}
	runs := 0
	for _, mode := range []struct {
		also   string
		reopen bool
	}{{"", false}, {"", true}, {string(stepDiscard), true}} {
		for n, failed := 1, true; failed; n += stride {
			fault := &nthFault{n: n, also: mode.also, counted: counted}
			what := fmt.Sprintf("n %d, %+v", n, mode)
			failed = nthFaultRun(t, fault, mode.reopen, what) != ""
			runs++
		}
	}
	t.Logf("%d runs", runs)
	if testing.Short() {
		return
	}
	for _, p := range Steps() {
		for _, after := range []bool{false, true} {
			if at := fmt.Sprintf("%s, after: %v", p, after); !counted[at] {
				t.Errorf("%s was never made to fail", at)
			}
		}
	}
}

func nthFaultRun(t *testing.T, fault *nthFault, reopen bool, what string) (failed string) {
	t.Helper()
	dir := t.TempDir()
	opts := folding()
	opts.Fault = fault.hook
	s := openStore(t, dir, opts)
	o := newOwner()
	for i := range 5 { // the third begins a fold
		before := fault.failed()
		err := o.commit(context.Background(), s)
		s.folder.Wait()
		failed = fault.failed()
		what := what + ": " + failed
		if err != nil && (before != "" || !errors.Is(err, errInjected)) {
			t.Fatalf("%s: checkpoint %d: %v", what, i, err)
		}
		if err := o.verify(s); err != nil {
			t.Fatalf("%s: checkpoint %d: %v", what, i, err)
		}
		if meta, _ := s.Latest(); meta.Cursor.Offset(0) != o.committed {
			t.Fatalf("%s: cursor is %s, %d was committed", what, meta.Cursor, o.committed)
		}
		if reopen && failed != "" {
			break
		}
	}
	closeStore(t, s)
	s = openStore(t, dir, folding())
	meta, _ := s.Latest()
	if at := meta.Cursor.Offset(0); at < o.committed || !reopen && at != o.committed {
		t.Fatalf("%s: %s: opened at cursor %d, %d was committed", what, failed, at, o.committed)
	}
	if err := o.verify(s); err != nil {
		t.Fatalf("%s: %s: opened again: %v", what, failed, err)
	}
	// What was found is what its owner begins with.
	o.live = maps.Clone(o.tried[meta.Cursor.Offset(0)])
	o.stored = maps.Clone(o.live)
	for range 3 {
		must(t, o.commit(context.Background(), s))
		s.folder.Wait()
	}
	if err := o.verify(s); err != nil {
		t.Fatalf("%s: %s: going on: %v", what, failed, err)
	}
	for _, name := range fileNames(t, dir) {
		if epoch, isDelta := parseDeltaName(name); strings.HasSuffix(name, tempSuffix) || isDelta && epoch <= s.folded.Epoch {
			t.Errorf("%s: %s: %s was left", what, failed, name)
		}
	}
	closeStore(t, s)
	return failed
}

// hangAt makes a store hang at one step until release is closed; entered is closed when it does.
func hangAt(s *Store, at step, after bool) (entered, release chan struct{}) {
	entered, release = make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.fault = func(p string, isAfter bool) error {
		if p == string(at) && isAfter == after {
			once.Do(func() { close(entered); <-release })
		}
		return nil
	}
	return entered, release
}

func TestACommitThatHangsIsGivenUpInTimeAndNeverShown(t *testing.T) {
	for _, p := range steps[:slices.Index(steps, stepPublish)+1] {
		for _, after := range []bool{false, true} {
			if p == stepPublish && after {
				continue // committed
			}
			t.Run(fmt.Sprintf("%s, after: %v", p, after), func(t *testing.T) {
				dir := t.TempDir()
				s := openStore(t, dir, small())
				o := newOwner()
				must(t, o.commit(context.Background(), s))
				entered, release := hangAt(s, p, after)
				ctx, cancel := context.WithCancel(context.Background())
				go func() { <-entered; cancel() }()
				if err := o.commit(ctx, s); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), string(p)) {
					t.Fatalf("commit: %v", err)
				}
				hanging := s.open
				if err := s.Ready(); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), string(p)) {
					t.Errorf("ready: %v", err)
				}
				if err := o.commit(context.Background(), s); !errors.Is(err, ErrBusy) {
					t.Errorf("the next commit: %v", err)
				}
				must(t, o.verify(s))
				close(release)
				<-hanging.Done()
				must(t, o.verify(s))
				if got := fileNames(t, dir); !slices.Equal(got, []string{deltaName(1), formatName, baseName}) {
					t.Errorf("files are %q", got)
				}
				must(t, s.Ready())
				must(t, o.commit(context.Background(), s))
				must(t, o.verify(s))
				if meta, _ := s.Latest(); meta.Epoch != 2 {
					t.Errorf("epoch is %d, want 2", meta.Epoch)
				}
			})
		}
	}
}

func TestAHangingDiskHoldsNeitherPutNorAbandon(t *testing.T) {
	opts := small()
	opts.QueueBytes = 2 * blockTarget
	s := openStore(t, t.TempDir(), opts)
	entered, release := hangAt(s, stepWrite, false)
	c := s.Begin()
	put := make(chan struct{})
	go func() {
		defer close(put)
		for i := range 10 {
			c.Put([]byte{byte(i)}, make([]byte, 512<<10), dirty.Sum{})
		}
	}()
	<-entered
	c.Abandon()
	<-put
	if err := c.Commit(context.Background(), Meta{}); !errors.Is(err, ErrAbandoned) {
		t.Errorf("got %v", err)
	}
	close(release)
	<-c.Done()
	must(t, newOwner().commit(context.Background(), s))
}

func TestAFoldThatFailsIsTriedAgainAtLongerAndLongerIntervals(t *testing.T) {
	s := openStore(t, t.TempDir(), folding())
	o := newOwner()
	var attempts []int64
	broken := true
	s.fault = func(p string, after bool) error {
		if p == string(stepFoldMark) && broken && !after {
			attempts = append(attempts, o.cursor)
			return errInjected
		}
		return nil
	}
	for range 50 {
		must(t, o.commit(context.Background(), s))
		s.folder.Wait()
	}
	if want := []int64{3, 6, 11, 20, 37}; !slices.Equal(attempts, want) {
		t.Errorf("tried at checkpoints %v, want %v", attempts, want)
	}
	must(t, o.verify(s))
	broken = false
	for len(s.deltas) > 2 && o.cursor < 60 {
		must(t, o.commit(context.Background(), s))
		s.folder.Wait()
	}
	must(t, o.verify(s))
	if len(s.deltas) > 2 || s.retry != (retry{}) {
		t.Errorf("%d deltas, %+v", len(s.deltas), s.retry)
	}
}

func TestTooManyUnfoldedCheckpointsRefuseMoreUntilAFoldSucceeds(t *testing.T) {
	s := openStore(t, t.TempDir(), folding())
	entered, release := hangAt(s, stepFoldWrite, false)
	o := newOwner()
	var err error
	for err == nil && o.cursor < 200 {
		err = o.commit(context.Background(), s)
	}
	<-entered
	if !errors.Is(err, ErrBacklog) || !errors.Is(s.Ready(), ErrBacklog) || len(s.deltas) != maxDeltas(s.opts) {
		t.Errorf("with %d deltas: %v", len(s.deltas), err)
	}
	must(t, o.verify(s))
	close(release)
	s.folder.Wait()
	must(t, o.commit(context.Background(), s))
	must(t, o.verify(s))
}

func TestAnIndexThatTakesTooMuchMemorySetsOffAFold(t *testing.T) {
	opts := small()
	opts.FoldCheckpoints, opts.IndexBytes = 500, 3000 // of some 40 records each
	s := openStore(t, t.TempDir(), opts)
	o := newOwner()
	for range 12 {
		must(t, o.commit(context.Background(), s))
		s.folder.Wait()
	}
	if s.folded.Epoch == 0 || indexBytes(s.deltas) > 5000 {
		t.Errorf("folded up to %d, the indexes take %d bytes", s.folded.Epoch, indexBytes(s.deltas))
	}
	must(t, o.verify(s))
}

func TestAFoldAfterAPauseTakesABoundedPart(t *testing.T) {
	s := &Store{opts: Options{FoldBytes: 10}}
	var waiting []*delta
	for range 9 {
		waiting = append(waiting, &delta{meta: Meta{Bytes: 6}})
	}
	if got := len(s.batch(waiting)); got != 3 {
		t.Errorf("%d of 9 are folded, want 3", got)
	}
	waiting[0].meta.Bytes = 1000
	if got := len(s.batch(waiting)); got != 1 {
		t.Errorf("%d are folded, want the large one", got)
	}
	if got := len(s.batch(waiting[1:3])); got != 2 {
		t.Errorf("%d are folded, want both", got)
	}
}

func TestRollbackRemovesWhatAFailedCheckpointLeft(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, small())
	o := newOwner()
	must(t, o.commit(context.Background(), s))
	must(t, o.commit(context.Background(), s))
	s.fault = func(p string, _ bool) error {
		if p == string(stepSyncDir) || p == string(stepDiscard) {
			return errInjected
		}
		return nil
	}
	if err := o.commit(context.Background(), s); !errors.Is(err, errInjected) {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, deltaName(3))); err != nil {
		t.Fatal("nothing was left: the test shows nothing")
	}
	must(t, s.Rollback())
	closeStore(t, s)
	s = openStore(t, dir, small())
	if meta, _ := s.Latest(); meta.Epoch != 1 {
		t.Errorf("epoch is %d, want 1", meta.Epoch)
	}
	must(t, o.verify(s))
}

func TestStepsAreNamedOnceAndTakenInOrder(t *testing.T) {
	s := openStore(t, t.TempDir(), folding())
	var taken []string
	s.fault = func(p string, after bool) error {
		if !after && !slices.Contains(taken, p) {
			taken = append(taken, p)
		}
		return nil
	}
	o := newOwner()
	for range 3 {
		must(t, o.commit(context.Background(), s))
		s.folder.Wait()
	}
	if !slices.Equal(taken, Steps()) {
		t.Errorf("taken were %q, listed are %q", taken, Steps())
	}
}
