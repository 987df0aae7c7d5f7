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
	err := a.tryEngine()
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
	if err == nil {
		return nil
	}
	if a.state != nil {
		err = errors.Join(err, a.closeState())
	}
	return fmt.Errorf("%w; nor does the checkpoint before it: %w", damage, errors.Join(err, undo()))
}

// dropLast takes the last checkpoint away. undo, after which the state is closed again, brings it back where that is possible.
func (a *app) dropLast() (undo func() error, err error) {
	if a.state == nil {
		return state.SetAsideNewest(a.stateDir())
	}
	err = a.state.Rollback()
	return func() error { return nil }, errors.Join(err, a.closeState())
}

// startOver sets a damaged state aside and makes it anew: from the newest backup and what the log has after it, where copies are
// configured and there is one, or else from the log, if the log still has everything.
func (a *app) startOver(damage error) error {
	if err := a.closeState(); err != nil {
		a.log.Warn("the damaged state did not close well", zap.Error(err))
	}
	restored, err := a.fetchState()
	if err != nil {
		a.log.Error("no backup could be fetched", zap.Error(err))
	}
	if restored == "" && !a.logIsWhole() {
		return fmt.Errorf("%w; the log no longer holds everything, so that the state cannot be made anew from it: restore a backup "+
			"(recsvc restore) beside the log, or move %s away to begin with what the log still has", damage, a.stateDir())
	}
	aside := a.stateDir() + ".damaged"
	if err := errors.Join(os.RemoveAll(aside), os.Rename(a.stateDir(), aside)); err != nil {
		return errors.Join(damage, err)
	}
	if restored != "" {
		if err := errors.Join(os.Rename(filepath.Join(restored, "state"), a.stateDir()), os.RemoveAll(restored)); err != nil {
			return errors.Join(damage, err)
		}
	}
	a.log.Error("the state is damaged: it was set aside and is made anew", zap.Error(damage), zap.String("aside", aside),
		zap.Bool("from_backup", restored != ""))
	return a.tryEngine()
}

// fetchState restores the newest backup into a directory beside the state and returns its name; "": there is none.
func (a *app) fetchState() (dir string, err error) {
	c := *a.config
	if c.Backup.To.Directory == "" && c.Backup.To.S3.Bucket == "" {
		return "", nil
	}
	c.Data, c.Backup.RestoreOnEmpty = filepath.Join(a.config.Data, "rebuilding"), true
	if err := os.RemoveAll(c.Data); err != nil {
		return "", err
	}
	ok, err := restoreNewest(context.Background(), &c, a.log)
	if err != nil || !ok {
		return "", errors.Join(err, os.RemoveAll(c.Data))
	}
	return c.Data, nil
}

// learnAnew drops a state that was made under other definitions, if the log still has everything.
func (a *app) learnAnew(reason error) error {
	if !a.logIsWhole() {
		return fmt.Errorf("%w; the log no longer holds everything, so that it cannot be made anew: go back to the former "+
			"configuration, or move %s away to begin with what the log still has", reason, a.stateDir())
	}
	a.log.Warn("definitions of features or heads have changed: learning anew from the log", zap.Int64("records", a.wal.Next()))
	if err := errors.Join(a.closeState(), os.RemoveAll(a.stateDir())); err != nil {
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
	if err := os.Remove(a.markPath()); err != nil && !errors.Is(err, os.ErrNotExist) {
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
