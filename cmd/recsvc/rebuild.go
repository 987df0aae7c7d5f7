package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"recsvc/internal/engine"
	"recsvc/internal/state"
)

// openEngine loads the state. One that is damaged is not used: it is rebuilt from the checkpoint before the last, or else
// from the log. One that was made under other definitions is made anew from the log, where the log still has everything.
func (a *app) openEngine() error {
	err := a.endRebuild()
	if err == nil {
		err = a.tryEngine()
	}
	if err == nil {
		err = a.checkMark()
	}
	if errors.Is(err, state.ErrCorrupt) {
		err = a.goBack(err)
	}
	if errors.Is(err, state.ErrCorrupt) {
		err = a.startOver(err)
	}
	if errors.Is(err, engine.ErrDefinitions) {
		err = a.learnAnew(err)
	}
	if err != nil {
		return err
	}
	return a.unmark()
}

// goBack goes back to the checkpoint before the last, if there is one and it is whole.
func (a *app) goBack(damage error) error {
	a.log.Error("the state is damaged: going back to the checkpoint before the last, and on from the log", zap.Error(damage))
	undo, err := a.dropLast()
	if err != nil {
		return fmt.Errorf("%w; there is no checkpoint before it to go back to: %w", damage, err)
	}
	if err = a.tryEngine(); err == nil {
		err = a.checkMark()
	}
	if err == nil {
		if _, ok := a.state.Latest(); !ok && !a.logIsWhole() { // nothing is left, and the log does not make up for it
			err = fmt.Errorf("no checkpoint is left: %w", state.ErrCorrupt)
		}
	}
	if err == nil && !a.logFollows(a.engine.Applied().Offset(0)) {
		err = errors.New("the log no longer holds what came after it")
	}
	if err == nil {
		return nil
	}
	if a.state != nil {
		err = errors.Join(err, a.closeState())
	}
	return fmt.Errorf("%w; nor does the checkpoint before it: %w", damage, errors.Join(err, undo()))
}

// dropLast sets the last checkpoint aside; nothing is removed, since it need not be what is damaged. undo, after which the
// state is closed again, brings it back.
func (a *app) dropLast() (undo func() error, err error) {
	if err := a.closeState(); err != nil {
		a.log.Warn("the damaged state did not close well", zap.Error(err))
	}
	return state.SetAsideNewest(a.stateDir())
}

// startOver sets a damaged state aside and makes it anew: from the newest backup and what the log has after it, where copies are
// configured and there is one, or else from the log, if the log still has everything.
func (a *app) startOver(damage error) error {
	if err := a.closeState(); err != nil {
		a.log.Warn("the damaged state did not close well", zap.Error(err))
	}
	restored, err := a.fetchState()
	if err != nil {
		a.log.Error("no backup could be used", zap.Error(err))
	}
	if !restored && !a.logIsWhole() {
		return fmt.Errorf("%w; the log no longer holds everything, so that the state cannot be made anew from it: restore a backup "+
			"(recsvc restore) beside the log, or move %s away to begin with what the log still has", damage, a.stateDir())
	}
	aside := a.stateDir() + ".damaged"
	if err := errors.Join(os.RemoveAll(aside), os.Rename(a.stateDir(), aside)); err != nil {
		return errors.Join(damage, err)
	}
	if restored {
		if err := a.endRebuild(); err != nil {
			return errors.Join(damage, err)
		}
	}
	a.log.Error("the state is damaged: it was set aside and is made anew", zap.Error(damage), zap.String("aside", aside),
		zap.Bool("from_backup", restored))
	return a.tryEngine()
}

// endRebuild puts a restored state in its place, where there is none: startOver does it last, and the next start where the
// process ended before.
func (a *app) endRebuild() error {
	if err := os.RemoveAll(a.obsolete()); err != nil {
		return err
	}
	if _, err := os.Stat(a.stateDir()); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(filepath.Join(a.rebuilding(), marker)); err != nil { // without it the restore has not come to its end
		return ignoreMissing(err)
	}
	return errors.Join(os.Rename(filepath.Join(a.rebuilding(), stateName), a.stateDir()), syncPath(a.config.Data), os.RemoveAll(a.rebuilding()))
}

func (a *app) rebuilding() string { return filepath.Join(a.config.Data, "rebuilding") }

func (a *app) obsolete() string { return a.stateDir() + ".old" }

// logFollows reports whether the log still holds everything from a record on. Of a Kafka topic its reader knows.
func (a *app) logFollows(record int64) bool { return a.wal == nil || record >= a.wal.First() }

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// fetchState restores the newest backup into a directory beside the state; false: there is none from which the log goes on.
func (a *app) fetchState() (ok bool, err error) {
	c := *a.config
	if c.Backup.To.Directory == "" && c.Backup.To.S3.Bucket == "" {
		return false, nil
	}
	c.Data, c.Backup.RestoreOnEmpty = a.rebuilding(), true
	if err := os.RemoveAll(c.Data); err != nil {
		return false, err
	}
	ok, err = restoreNewest(context.Background(), &c, a.log)
	if ok && err == nil {
		var begin int64
		if begin, err = readLogBegin(c.Data); err == nil && !a.logFollows(begin) {
			err = fmt.Errorf("the newest goes up to record %d, and the log begins at %d only", begin, a.wal.First())
		}
	}
	if err != nil || !ok {
		return false, errors.Join(err, os.RemoveAll(c.Data))
	}
	return true, nil
}

// learnAnew drops a state that was made under other definitions, if the log still has everything.
func (a *app) learnAnew(reason error) error {
	if !a.logIsWhole() {
		return fmt.Errorf("%w; the log no longer holds everything, so that it cannot be made anew: go back to the former "+
			"configuration, or move %s away to begin with what the log still has%s", reason, a.stateDir(), a.archiveHint())
	}
	a.log.Warn("definitions of features or heads have changed: learning anew from the log", zap.Int64("records", a.wal.Next()),
		zap.Strings("models", a.changedModels()))
	// Renamed first: what a removal leaves that is killed cannot be opened.
	if err := errors.Join(a.closeState(), os.Rename(a.stateDir(), a.obsolete()), os.RemoveAll(a.obsolete())); err != nil {
		return err
	}
	return a.tryEngine()
}

// logIsWhole reports whether the log holds everything from its first record on. Of a Kafka topic nobody knows.
func (a *app) logIsWhole() bool { return a.wal != nil && a.wal.First() == 0 }

// closeState closes the state, if it is open.
func (a *app) closeState() error {
	if a.state == nil {
		return nil
	}
	a.state = nil
	return a.closeLast()
}

// The mark lies in the data directory of a server whose scrub found its state damaged: the next start looks at all of it
// before it trusts it.
func (a *app) markPath() string { return filepath.Join(a.config.Data, "DAMAGED") }

func (a *app) mark(damage error) error {
	return os.WriteFile(a.markPath(), []byte(damage.Error()+"\n"), 0o600)
}

func (a *app) unmark() error {
	if err := ignoreMissing(os.Remove(a.markPath())); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}

// checkMark reads the whole state if it is marked as damaged.
func (a *app) checkMark() error {
	reason, err := os.ReadFile(a.markPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	a.log.Warn("the state was found damaged before: reading all of it", zap.String("reason", strings.TrimSpace(string(reason))))
	return a.scrubNow()
}
