package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/snapshot"
	"recsvc/internal/state"
)

var (
	oneSeed = flag.Uint64("seed", 0, "run the simulation of this seed alone")
	verbose = flag.Bool("story", false, "tell what the simulation of -seed does")
)

// TestSimulation runs the whole server without HTTP under operations and faults drawn from a seed, and then holds what it
// has become against its clients' ledgers, a recount of its log and the naive twin. The seed of a failure is in its name:
//
//	go test -race -run TestSimulation ./internal/crash -seed 17 -story
func TestSimulation(t *testing.T) {
	var all tallies
	seeds := make(chan uint64)
	go func() {
		defer close(seeds)
		if *oneSeed != 0 {
			seeds <- *oneSeed
			return
		}
		for i := range Times(200, 2000) {
			seeds <- uint64(i + 1)
		}
	}()
	t.Run("seeds", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("worker", func(t *testing.T) {
				t.Parallel()
				for seed := range seeds {
					t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { all.add(simulate(t, seed)) })
				}
			})
		}
	})
	Count(t, "simulation: seeds run", all.seeds)
	Count(t, "simulation: kills and power losses survived", all.kills)
	Count(t, "simulation: kills within a step of a checkpoint survived", all.torn)
	Count(t, "simulation: I/O errors injected", all.faults)
	Count(t, "simulation: full disks survived", all.fulls)
	Count(t, "simulation: checkpoints made to fail", all.failed)
	Count(t, "simulation: damaged checkpoints gone back from", all.rollbacks)
	Count(t, "simulation: damaged checkpoints refused with a remedy that works", all.refusals)
	Count(t, "simulation: models rolled back through the log", all.restores)
	Count(t, "simulation: records in the logs", all.records)
}

// patience is how long an engine may take for a few records. Nothing is measured by it.
const patience = 30 * time.Second

// tallies are what the simulations have survived together.
type tallies struct {
	mu                                                                                sync.Mutex
	seeds, kills, torn, faults, failed, rollbacks, refusals, records, fulls, restores int
}

func (a *tallies) add(b *tallies) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seeds++
	a.kills += b.kills
	a.torn += b.torn
	a.faults += b.faults
	a.failed += b.failed
	a.rollbacks += b.rollbacks
	a.refusals += b.refusals
	a.fulls += b.fulls
	a.restores += b.restores
	a.records += b.records
}

// simulation is one run.
type simulation struct {
	tallies
	t *testing.T
	*server
	machine *machine
	rng     *rand.Rand
	traffic *traffic
	ledger  *ledger
	unsent  []post // not acknowledged yet
	snaps   []string

	stepsLeft atomic.Int64 // steps until the process dies in one; 0: it does not
	faultLeft atomic.Int64 // steps of the state until one fails; 0: none does
	diedIn    atomic.Pointer[string]
	damaged   string // file that was damaged last

	lastMayFail bool // once, the checkpoint at the end of the server
}

// simulate runs one seed.
func simulate(t *testing.T, seed uint64) *tallies {
	s := &simulation{
		t: t, machine: newMachine(t), rng: rand.New(rand.NewPCG(seed, 2)), traffic: newTraffic(seed), ledger: newLedger(),
	}
	s.machine.look = s.look
	if *verbose {
		s.machine.logger = zaptest.NewLogger(t)
	}
	if seed%2 == 0 { // most users and impressions are cold
		s.machine.budget = budget{users: 4 << 10, joins: 16 << 10}
		s.machine.interval = 20 * time.Millisecond // the writer may have to wait for a checkpoint
	}
	defer func() {
		if s.server != nil { // the test has failed
			_ = s.abandon()
		}
	}()
	s.start()
	s.deliver(s.traffic.catalogue())
	for range 20 + s.rng.IntN(40) {
		s.operation()
		s.recover()
	}
	s.machine.disk.change(func() { s.machine.disk.dieAt, s.machine.disk.failAt, s.machine.disk.full = 0, 0, false })
	s.stepsLeft.Store(0)
	s.faultLeft.Store(0)
	s.recover()
	s.settle()
	return &s.tallies
}

// look is told of every step of a checkpoint, and of the engine.
func (s *simulation) look(step string) error {
	if _, dead := s.machine.disk.isDead(); dead {
		return errDead
	}
	if s.stepsLeft.Load() > 0 && !strings.Contains(step, "apply record") && s.stepsLeft.Add(-1) == 0 {
		s.diedIn.Store(&step)
		s.machine.disk.kill()
		return errDead
	}
	if strings.HasPrefix(step, "state:") && s.faultLeft.Load() > 0 && s.faultLeft.Add(-1) == 0 {
		return errFault
	}
	return nil
}

func (s *simulation) say(format string, args ...any) {
	if *verbose {
		s.t.Logf(format, args...)
	}
}

// start opens the server on what is there.
func (s *simulation) start() {
	s.t.Helper()
	for tries := 0; s.server == nil; tries++ {
		server, err := s.machine.start()
		switch {
		case err == nil:
			s.server = server
		case tries > 30 || !s.remedy(err):
			s.t.Fatalf("start: %v", err)
		}
	}
	server := s.server
	s.say("started at %s, the log has %d to %d", server.Applied(), server.wal.First(), server.wal.Next())
	if server.rolledBack {
		s.rollbacks++
	}
}

// remedy does what an operator would do about a server that does not start, and reports whether that is something.
func (s *simulation) remedy(err error) bool {
	s.say("it does not start: %v", err)
	if s.damaged != "" && errors.Is(err, state.ErrCorrupt) && strings.Contains(err.Error(), filepath.Base(s.damaged)) {
		s.refusals++
		return os.Remove(s.damaged) == nil // as the message says
	}
	if _, dead := s.machine.disk.isDead(); dead || errors.Is(err, errFault) || errors.Is(err, syscall.ENOSPC) {
		s.next()
		return true
	}
	return false
}

// next puts the disks before the next process.
func (s *simulation) next() {
	d := s.machine.disk
	d.kill()
	s.faults += d.faults
	s.machine.disk, _ = d.isDead()
	s.stepsLeft.Store(0)
	if d.full && s.rng.IntN(2) == 0 {
		s.say("the disk stays full")
		s.machine.disk.full, s.machine.disk.fault = true, d.fault
	}
}

// operation is the next thing that happens.
func (s *simulation) operation() {
	if s.full() && s.rng.IntN(3) == 0 {
		s.say("there is room again")
		s.machine.disk.change(func() { s.machine.disk.full = false })
		s.fulls++
	}
	switch x := 100 * s.rng.Float64(); {
	case x < 56:
		s.deliver(s.traffic.next())
	case x < 66:
		s.serve()
	case x < 70:
		s.deliver(s.traffic.tick(time.Duration(s.rng.Int64N(int64(3 * time.Minute)))))
	case x < 80:
		s.checkpoint()
	case x < 81:
		s.failing.Store(true)
		s.checkpoint()
		s.failing.Store(false)
	case x < 83:
		s.faultLeft.Store(1 + s.rng.Int64N(20))
		s.checkpoint()
	case x < 84:
		s.say("killed")
		s.machine.disk.change(func() { s.machine.disk.power = nil })
		s.machine.disk.kill()
	case x < 86:
		s.say("power loss")
		s.machine.disk.change(func() { s.machine.disk.power = rand.New(rand.NewPCG(s.rng.Uint64(), 3)) })
		s.machine.disk.kill()
	case x < 88:
		n := 1 + s.rng.IntN(30)
		power := rand.New(rand.NewPCG(s.rng.Uint64(), 3))
		if s.rng.IntN(2) == 0 {
			power = nil
		}
		s.say("to die in operation %d of the disk, power loss %v", n, power != nil)
		s.machine.disk.change(func() { s.machine.disk.dieAt, s.machine.disk.power = n, power })
	case x < 90:
		n := int64(1 + s.rng.IntN(60))
		s.say("to die in step %d", n)
		s.machine.disk.change(func() { s.machine.disk.power = nil })
		s.stepsLeft.Store(n)
		s.checkpoint()
	case x < 92:
		n := 1 + s.rng.IntN(20)
		s.say("operation %d of the disk is to fail", n)
		s.machine.disk.change(func() { s.machine.disk.failAt, s.machine.disk.fault = n, errFault })
	case x < 93:
		s.say("disk full")
		s.machine.disk.change(func() { s.machine.disk.full, s.machine.disk.fault = true, syscall.ENOSPC })
	case x < 94:
		s.restart(nil)
	case x < 95:
		s.restart(s.damage)
	case x < 96:
		s.snapshot()
	case x < 98:
		s.restore()
	case x < 99:
		s.purge()
	default:
		s.scrub()
	}
}

// deliver sends a post, and those before it that are not acknowledged.
func (s *simulation) deliver(p post) {
	s.t.Helper()
	for posts := append(s.unsent, p); len(posts) > 0; posts = posts[1:] {
		s.unsent = posts
		if !s.send(posts[0]) {
			if posts[0].once {
				s.unsent = posts[1:]
			}
			return
		}
	}
	s.unsent = nil
}

// send sends a post once and reports whether it is acknowledged.
func (s *simulation) send(p post) bool {
	s.t.Helper()
	recs, err := p.judged(s.intake, s.traffic.now)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(recs) == 0 {
		return true
	}
	s.ledger.send(recs)
	ctx, cancel := context.WithTimeout(s.t.Context(), s.patience())
	defer cancel()
	cursor, err := s.log.Append(ctx, recs)
	if err == nil {
		err = s.log.Wait(ctx, cursor)
	}
	if err != nil {
		s.say("not acknowledged: %v", err)
		return false
	}
	s.ledger.ack(recs)
	if s.rng.IntN(4) > 0 {
		s.await(cursor)
	}
	return true
}

// full reports whether the disk is.
func (s *simulation) full() (full bool) {
	s.machine.disk.change(func() { full = s.machine.disk.full })
	return full
}

// patience is how long a client waits: until it knows, but on a full disk there is nothing to know.
func (s *simulation) patience() time.Duration {
	if s.full() {
		return 2 * time.Millisecond
	}
	return patience
}

// await returns when the engine has applied what is before the cursor, or has ended.
func (s *simulation) await(c event.Cursor) {
	if s.full() {
		return
	}
	for deadline := time.Now().Add(patience); ; {
		ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Millisecond)
		err := s.Wait(ctx, c)
		cancel()
		_, dead := s.machine.disk.isDead()
		switch {
		case err == nil:
			return
		case dead || !errors.Is(err, context.DeadlineExceeded):
			s.say("not applied: %v", err)
			return
		case time.Now().After(deadline):
			s.t.Errorf("the engine does not get from %s to %s: %+v", s.Applied(), c, s.Status().Memory)
			return
		}
	}
}

// serve answers with a list, which takes its place in the log but is not waited for, and what people make of it.
func (s *simulation) serve() {
	s.await(s.log.End())
	p, items, user, request := s.traffic.list(s.score)
	s.ledger.send(p.recs)
	ctx, cancel := context.WithTimeout(s.t.Context(), s.patience())
	defer cancel()
	if _, err := s.log.Append(ctx, p.recs); err != nil {
		s.say("list not logged: %v", err)
	}
	s.deliver(body(event.KindEvent, s.traffic.shown(request, user, items)))
}

// checkpoint forces one. Whether it fails is the engine's own business: nothing may be lost by it.
func (s *simulation) checkpoint() {
	c, err := s.Checkpoint(s.t.Context())
	if errors.Is(err, errFault) {
		s.failed++
	}
	s.say("checkpoint %d of %s: %v", c.Epoch, c.Cursor, err)
}

// snapshot keeps the model.
func (s *simulation) snapshot() {
	meta := state.SnapshotMeta{ID: fmt.Sprintf("s%d", len(s.snaps)), Created: time.Unix(0, 0).UTC()}
	err := s.server.snaps.Create(&meta, func(w io.Writer) error {
		return s.WriteSnapshot(s.t.Context(), w, func(event.Cursor) (d snapshot.Description, err error) { return d, nil })
	})
	s.say("snapshot %s: %v", meta.ID, err)
	if err == nil {
		s.snaps = append(s.snaps, meta.ID)
	}
}

// restore rolls the model back through the log.
func (s *simulation) restore() {
	if len(s.snaps) == 0 {
		return
	}
	id := s.snaps[s.rng.IntN(len(s.snaps))]
	control, err := s.BeginRestore(id)
	if err != nil {
		s.t.Fatalf("restore %s: %v", id, err)
	}
	s.say("restore %s", id)
	s.restores++
	s.deliver(post{recs: []event.Record{{Kind: event.KindControl, Received: s.traffic.now, Control: control}}})
}

// purge lets all dead letters go through the log.
func (s *simulation) purge() {
	purge := event.Purge{Before: s.log.End().Offset(0)}
	s.deliver(post{recs: []event.Record{{Kind: event.KindControl, Received: s.traffic.now, Control: purge.Control()}}})
}

// scrub reads and checks all that the state rests on.
func (s *simulation) scrub() {
	r, err := s.store.Scrub(s.t.Context(), state.ScrubOptions{})
	s.say("scrub of checkpoint %d: %v", r.Epoch, err)
	if _, dead := s.machine.disk.isDead(); err != nil && !dead {
		s.t.Errorf("scrub: %v", err)
	}
}

// restart stops the server in good order, does something to what lies on its disks, and starts it again.
func (s *simulation) restart(damage func()) {
	s.t.Helper()
	if s.recover() {
		return
	}
	if s.full() {
		return
	}
	s.machine.disk.change(func() { s.machine.disk.failAt, s.machine.disk.dieAt = 0, 0 })
	s.stepsLeft.Store(0)
	err := s.stop()
	s.server = nil
	if err != nil && !errors.Is(err, errFault) { // one that came just before
		s.t.Fatalf("stop: %v", err)
	}
	s.faults += s.machine.disk.faults
	s.machine.disk = s.machine.disk.image()
	if damage != nil {
		damage()
	}
	s.start()
}

// damage flips a byte of the newest checkpoint, if it is a file of its own and not the only one.
func (s *simulation) damage() {
	deltas, err := filepath.Glob(filepath.Join(s.machine.dir, "state", "*.delta"))
	if err != nil || len(deltas) < 2 {
		return
	}
	slices.Sort(deltas)
	path := deltas[len(deltas)-1]
	b, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	at := s.rng.IntN(len(b))
	b[at] ^= 1 << s.rng.IntN(8)
	s.say("byte %d of %s flipped", at, filepath.Base(path))
	s.damaged = path
	if err := os.WriteFile(path, b, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// recover starts the next process where the one before is dead or has failed, and reports whether it was.
func (s *simulation) recover() bool {
	s.t.Helper()
	failed := s.wal.Err()
	_, dead := s.machine.disk.isDead()
	var ended error
	select {
	case <-s.ended:
		ended = s.endedWith
	default:
	}
	if !dead && failed == nil && ended == nil {
		return false
	}
	if !dead && !errors.Is(errors.Join(failed, ended), errFault) && !errors.Is(errors.Join(failed, ended), syscall.ENOSPC) {
		s.t.Fatalf("the server has failed by itself: the log %v, the engine %v", failed, ended)
	}
	if !dead {
		s.machine.disk.change(func() { s.machine.disk.power = nil })
	} else {
		s.kills++
	}
	if step := s.diedIn.Swap(nil); step != nil {
		s.torn++
		s.say("died %s", *step)
	}
	err := s.abandon()
	s.server = nil
	s.next()
	s.say("the engine ended with %v", err)
	s.start()
	return true
}

// settle ends the run in good order and judges it.
func (s *simulation) settle() {
	s.t.Helper()
	joined, settled := feedback.Counters{}, false
	for tries := 0; !settled; tries++ {
		if tries > 4 {
			s.t.Fatal("the server does not come to rest")
		}
		for s.wal.Err() == nil && s.wal.Full() != nil {
			time.Sleep(time.Millisecond) // it goes on by itself
		}
		s.deliver(s.traffic.tick(s.Longest() + lateness + time.Second))
		s.await(s.log.End())
		var err error
		joined, err = s.Feedback(s.t.Context())
		for err == nil {
			if _, err = s.Checkpoint(s.t.Context()); !errors.Is(err, state.ErrBusy) {
				break
			}
			err = nil // one that was given up leaves the disk in its own time
		}
		settled = !s.recover() && len(s.unsent) == 0 && err == nil
	}
	end := s.wal.Next()
	if err := s.end(); !errors.Is(err, context.Canceled) {
		s.t.Fatalf("the engine ended with %v", err)
	}
	again := func() { // what failed was the last checkpoint, or the log's last sync
		s.lastMayFail = false
		s.server = nil
		s.next()
		s.start()
		s.settle()
	}
	if c, _ := s.LastCheckpoint(); c.Cursor.Offset(0) != end {
		if s.lastMayFail {
			_ = s.close()
			again()
			return
		}
		s.t.Fatalf("the last checkpoint is of %s, the log ends at %d", c.Cursor, end)
	}
	got, err := outcomeOf(s.Engine, s.store)
	if err := errors.Join(err, s.close()); err != nil {
		if s.lastMayFail && errors.Is(err, errFault) {
			again()
			return
		}
		s.t.Fatal(err)
	}
	status := s.Status()
	s.server = nil

	recs, err := s.machine.records(end)
	if err != nil {
		s.t.Fatal(err)
	}
	s.records = len(recs)
	s.ledger.check(s.t, recs)
	if err := joined.Check(); err != nil {
		s.t.Error(err)
	}
	for _, h := range joined.Heads {
		if h.Pending != 0 {
			s.t.Errorf("head %s: %d pending after the last tick", h.Name, h.Pending)
		}
	}
	if sum := got.Counts[0] + got.Counts[1] + got.Counts[2] + got.Counts[3]; sum != uint64(len(recs)) {
		s.t.Errorf("received %d records, %v make %d", len(recs), got.Counts, sum)
	}
	if status.Gaps != 0 || status.RecordsLaw != nil {
		s.t.Errorf("%d places of the log hold no record; %v", status.Gaps, status.RecordsLaw)
	}
	if want := recount(recs); [4]uint64(got.Counts[:4]) != want {
		s.t.Errorf("applied, duplicate, late, dead letters: %v, a recount of the log has %v", got.Counts[:4], want)
	}
	if d := got.differences(s.machine.twin(s.t, recs)); d != "" {
		s.t.Errorf("%s", d)
	}
}
