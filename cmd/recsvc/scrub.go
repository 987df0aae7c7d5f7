package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/state"
	"recsvc/internal/wal"
)

// scrubber reads everything on disk again and again, at leisure, and compares it with what was written.
type scrubber struct {
	app *app

	mu     sync.Mutex
	status scrubStatus
}

// scrubStatus is how the last pass went.
type scrubStatus struct {
	Running  bool
	Finished time.Time // of the last whole pass; zero: none yet
	Entries  int64     // of the state
	Records  int64     // of the log
	Bytes    int64     // of both
	Took     time.Duration
	State    error // what was found in the state; nil: whole
	Log      error // what was found in the log; nil: whole
}

func (s *scrubber) last() scrubStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *scrubber) set(change func(*scrubStatus)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.status)
}

// ready says why the server should get no traffic yet, if it should not.
func (s *scrubber) ready() error {
	st := s.last()
	switch {
	case st.State != nil:
		return errDamaged
	case s.app.config.Scrub.BeforeReady && st.Finished.IsZero():
		return errors.New("scrubbing: what is on disk is read through before the first answer")
	}
	return nil
}

// errDamaged ends a server whose state is not what was written: it must not be served. The next start rebuilds it.
var errDamaged = errors.New("the state on disk is damaged; start again to rebuild it")

// run makes one pass after the other until ctx ends. It returns errDamaged when the state is damaged. A damaged log is told
// and counted, and the server goes on: what is in the log was applied already.
func (s *scrubber) run(ctx context.Context) error {
	every := s.app.config.Scrub.Every
	if every == 0 {
		return nil
	}
	for {
		if err := s.pass(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		wait := every
		if s.last().Finished.IsZero() { // it could not be read to the end
			wait = min(every, time.Minute)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// pass reads the state, then the log.
func (s *scrubber) pass(ctx context.Context) error {
	start, rate := time.Now(), int64(s.app.config.Scrub.BytesPerSec)
	s.set(func(st *scrubStatus) { st.Running = true })
	defer s.set(func(st *scrubStatus) { st.Running = false })
	inState, err := s.app.state.Scrub(ctx, state.ScrubOptions{BytesPerSecond: rate})
	if ctx.Err() != nil {
		return nil
	}
	if errors.Is(err, state.ErrCorrupt) {
		s.app.log.Error("the state on disk is damaged: stopping, so that nobody is answered from it", zap.Error(err))
		s.set(func(st *scrubStatus) { st.State = err })
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	if err != nil {
		s.app.log.Warn("the state could not be read through", zap.Error(err)) // the disk may be better next time
		return nil
	}
	inLog, err := s.verifyLog(ctx, rate)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		s.app.log.Error("the log on disk is damaged: what is applied is not lost, but it cannot be replayed as a whole. "+
			"Take a backup of the state now, and see docs/operations.md", zap.Error(err))
	}
	s.set(func(st *scrubStatus) {
		*st = scrubStatus{
			Finished: time.Now(), Entries: inState.Entries, Records: inLog.Records, Bytes: inState.Bytes + inLog.Bytes,
			Took: time.Since(start), Log: err,
		}
	})
	s.app.log.Info("everything on disk was read", zap.Int64("entries", inState.Entries), zap.Int64("records", inLog.Records),
		zap.Int64("bytes", inState.Bytes+inLog.Bytes), zap.Duration("took", time.Since(start)))
	return nil
}

func (s *scrubber) verifyLog(ctx context.Context, rate int64) (wal.Report, error) {
	if s.app.wal == nil {
		return wal.Report{}, nil
	}
	return s.app.wal.Verify(ctx, wal.VerifyOptions{BytesPerSecond: rate, MaxAge: s.app.config.Scrub.Every})
}

// scrubNow reads the whole state as fast as it goes.
func (a *app) scrubNow() error {
	_, err := a.state.Scrub(context.Background(), state.ScrubOptions{})
	return err
}
