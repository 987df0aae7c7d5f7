package crash

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// session is a short life of a server on a machine where something is to fail: everything that touches a disk, a restart
// and enough checkpoints for a fold among it. It is judged as a simulation is.
func session(t *testing.T, arm func(s *simulation)) *simulation {
	s := &simulation{
		t: t, machine: newMachine(t), rng: rand.New(rand.NewPCG(1, 2)), traffic: newTraffic(1), ledger: newLedger(),
	}
	s.machine.look = s.look
	defer func() {
		if s.server != nil { // the test has failed
			_ = s.abandon()
		}
	}()
	s.lastMayFail = true
	arm(s)
	s.start()
	checkpoint := func() { s.checkpoint() }
	post := func() { s.deliver(s.traffic.next()) }
	for _, step := range []func(){
		func() { s.deliver(s.traffic.catalogue()) }, post, checkpoint, s.serve, post, checkpoint, s.reopen, post, checkpoint, s.snapshot,
		s.serve, s.restore, checkpoint, func() { s.deliver(s.traffic.tick(time.Minute)) }, checkpoint, post, checkpoint,
	} {
		step()
		s.recover()
	}
	s.settle()
	s.faults += s.machine.disk.faults
	return s
}

// reopen is a restart that keeps the fault that is still to come.
func (s *simulation) reopen() {
	s.t.Helper()
	if s.recover() {
		return
	}
	if err := s.stop(); err != nil && !errors.Is(err, errFault) {
		s.t.Fatalf("stop: %v", err)
	}
	s.server = nil
	d := s.machine.disk
	s.faults += d.faults
	s.machine.disk = d.image()
	s.machine.disk.failAt, s.machine.disk.fault = d.failAt, d.fault
	s.start()
}

// One after the other, every operation of the log's disk fails once, and every step of a checkpoint or fold. Whether the
// process goes on or has to be started again: it ends in the state of the twin.
func TestTheNthFailureOfADiskCostsNothingButTime(t *testing.T) {
	stride := Times(5, 1)
	logs, checkpoints := 0, 0
	for n, failed := 1, true; failed; n += stride {
		s := session(t, func(s *simulation) { s.machine.disk.failAt, s.machine.disk.fault = n, errFault })
		if failed = s.faults > 0; failed {
			logs++
		}
	}
	for n, failed := int64(1), true; failed; n += int64(stride) {
		s := session(t, func(s *simulation) { s.faultLeft.Store(n) })
		if failed = s.faultLeft.Load() <= 0; failed {
			checkpoints++
		}
	}
	if logs < 10 || checkpoints < 10 {
		t.Errorf("only %d operations of the log and %d steps of checkpoints have failed: the session does too little", logs, checkpoints)
	}
	Count(t, "n-th I/O error of the log survived", logs)
	Count(t, "n-th failed step of a checkpoint or fold survived", checkpoints)
}
