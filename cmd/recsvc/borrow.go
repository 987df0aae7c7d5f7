package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// borrowed is the history of a data directory as a data directory of its own: log and snapshots, but no state. The original,
// which no server may have open meanwhile, is not changed: what never changes is linked, and what an open log may write to is a copy.
// Snapshots, which are opened as an os.Root, are not found through symbolic links: they are hard links, or copies on another disk.
type borrowed struct {
	dir   string
	locks []*os.File
}

// borrowHistory lays the history of a data directory out in a temporary one, which Close removes.
func borrowHistory(from string) (_ *borrowed, err error) {
	if from, err = filepath.Abs(from); err != nil {
		return nil, err
	}
	b := &borrowed{}
	if b.dir, err = os.MkdirTemp("", "recsvc-history-"); err != nil {
		return nil, err
	}
	if err := b.layOut(from); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

func (b *borrowed) layOut(from string) error {
	for _, name := range []string{logName, filepath.Join(stateName, "badger")} {
		lock, err := shareDirectory(filepath.Join(from, name))
		if errors.Is(err, errHeld) {
			return fmt.Errorf("%s is in use by a running server: stop it first, or take a copy", from)
		}
		if err != nil {
			return err
		}
		if lock != nil {
			b.locks = append(b.locks, lock)
		}
	}
	if err := writeMarker(b.dir); err != nil {
		return err
	}
	if err := b.layOutLog(filepath.Join(from, logName)); err != nil {
		return err
	}
	return b.layOutFiles(filepath.Join(from, snapshotName), snapshotName)
}

func (b *borrowed) layOutLog(from string) error {
	entries, err := os.ReadDir(from) // ascending
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return fmt.Errorf("%s holds no log: with Kafka, or after a restore, there is none to read", from)
	}
	if err != nil {
		return err
	}
	to := filepath.Join(b.dir, logName)
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	last := ""
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".wal") {
			last = e.Name()
		}
	}
	for _, e := range entries {
		old, made := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		switch {
		case e.Name() != last && strings.HasSuffix(e.Name(), ".wal"):
			err = os.Symlink(old, made)
		case e.Type().IsRegular():
			err = copyFile(old, made)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// layOutFiles gives all files of a directory, which may be missing, their second name.
func (b *borrowed) layOutFiles(from, name string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return ignoreMissing(err)
	}
	to := filepath.Join(b.dir, name)
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		old, made := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if os.Link(old, made) == nil {
			continue
		}
		if err := copyFile(old, made); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Close gives up the locks and removes the temporary directory.
func (b *borrowed) Close() error {
	var errs []error
	for _, lock := range b.locks {
		errs = append(errs, lock.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

// wholeLog refuses a log that has lost its beginning: what comes out of the rest would not be what was captured live.
func (a *app) wholeLog() error {
	if a.logIsWhole() {
		return nil
	}
	return fmt.Errorf("the log begins at record %d: what came before it was dropped by log.retain_bytes or log.retain_age, and features cannot be "+
		"recomputed without it", a.wal.First())
}
