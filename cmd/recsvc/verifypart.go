package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"recsvc/internal/state"
	"recsvc/internal/wal"
)

// partFlag makes verify do one part of its work and print it as JSON. It is verify's own and shown to nobody.
const partFlag = "-part"

// The parts that have processes of their own.
const (
	logPart       = "log"
	statePart     = "state"
	beforePart    = "state before" // what would be left without the newest delta
	snapshotsPart = "snapshots"
)

// part is what one process has found.
type part struct {
	Detail string
	Bytes  int64
	Damage []damage
	Notes  []string
	Log    *logFacts   // nil: there is no log
	State  *stateFacts // nil: it could not be opened, or holds no checkpoint
}

// damage is one thing that is wrong.
type damage struct {
	What     string
	File     string // of the log
	Sequence int64  // of the first record of the log that cannot be read; -1: not known
	Format   bool   // it may also have been written by another version
}

type logFacts struct{ First, Next int64 }

// stateFacts say where the checkpoints stand. Records are those of partition 0.
type stateFacts struct {
	Epoch, PreviousEpoch   uint64 // PreviousEpoch 0: there is none
	Cursor, Digest, Newest string
	Record, PreviousRecord int64
}

// verifyPart is the whole of such a process.
func verifyPart(ctx context.Context, name, dir string, out io.Writer) error {
	var p part
	var err error
	switch name {
	case logPart:
		p, err = verifyLog(dir)
	case statePart, beforePart:
		p, err = verifyState(ctx, dir, name == beforePart)
	case snapshotsPart:
		p, err = verifySnapshots(dir)
	default:
		err = fmt.Errorf("no part %q", name)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(p)
}

func verifyLog(dir string) (p part, err error) {
	dir = filepath.Join(dir, logName)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		p.Detail = "there is none: with Kafka, or after a restore"
		return p, nil
	}
	r, err := wal.VerifyDir(dir)
	if errors.Is(err, wal.ErrInUse) {
		return p, err
	}
	p.Damage = logDamage(err)
	p.Bytes = r.Bytes
	p.Detail = fmt.Sprintf("%d records in %d segments, from %d up to %d", r.Records, r.Segments, r.First, r.Next)
	if r.Torn.Bytes > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%s ends in %d bytes of a record that was never acknowledged: the next start cuts them off at byte %d",
			r.Torn.File, r.Torn.Bytes, r.Torn.Offset))
	}
	if r.Segments > 0 || err != nil {
		p.Log = &logFacts{First: r.First, Next: r.Next}
	}
	return p, nil
}

// logDamage takes apart the errors that VerifyDir has joined.
func logDamage(err error) (list []damage) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			list = append(list, logDamage(e)...)
		}
		return list
	}
	var corrupt *wal.CorruptError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &corrupt):
		return []damage{{
			What: fmt.Sprintf("%s is corrupt at byte %d: %s", corrupt.File, corrupt.Offset, corrupt.Reason), File: corrupt.File, Sequence: corrupt.Sequence,
		}}
	}
	return []damage{{What: err.Error(), Sequence: -1}}
}

func verifyState(ctx context.Context, dir string, before bool) (p part, err error) {
	dir = filepath.Join(dir, stateName)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		p.Detail = "there is none: the next start learns from the beginning of the log"
		return p, nil
	}
	scratch, err := os.MkdirTemp("", "recsvc-verify-")
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	r, err := state.Inspect(ctx, dir, state.InspectOptions{Scratch: scratch, WithoutNewest: before})
	if errors.Is(err, state.ErrLocked) || errors.Is(err, state.ErrDiskFull) || ctx.Err() != nil {
		return p, err
	}
	if err != nil {
		p.Damage = []damage{{What: oneLine(strings.ReplaceAll(err.Error(), scratch, dir)), Format: errors.Is(err, state.ErrFormat)}}
	}
	p.Bytes = r.Scrub.Bytes
	if r.Latest.Epoch > 0 || r.Newest != "" {
		p.State = &stateFacts{
			Epoch: r.Latest.Epoch, PreviousEpoch: r.Previous.Epoch, Cursor: cursorText(r.Latest.Cursor), Digest: r.Latest.Digest.String(), Newest: r.Newest,
			Record: r.Latest.Cursor.Offset(0), PreviousRecord: r.Previous.Cursor.Offset(0),
		}
	}
	p.Detail = "no checkpoint yet"
	if r.Latest.Epoch > 0 {
		p.Detail = fmt.Sprintf("%d entries of checkpoint %d at %s, of %s, digest %s", r.Scrub.Entries, r.Latest.Epoch, cursorText(r.Latest.Cursor),
			r.Latest.Created.Time().UTC().Format(time.RFC3339), r.Latest.Digest)
	}
	for _, name := range r.Torn {
		p.Notes = append(p.Notes, fmt.Sprintf("%s is a checkpoint that was not finished: the next start removes it", filepath.Join(dir, name)))
	}
	return p, nil
}

// oneLine makes readable what badger says when it is surprised.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 800 {
		s = s[:500] + " … " + s[len(s)-250:]
	}
	return s
}

func verifySnapshots(dir string) (p part, err error) {
	dir = filepath.Join(dir, snapshotName)
	r, err := state.InspectSnapshots(dir)
	if err != nil {
		for line := range strings.Lines(err.Error()) { // one for each
			p.Damage = append(p.Damage, damage{What: strings.TrimSpace(line)})
		}
	}
	p.Bytes = r.Bytes
	p.Detail = fmt.Sprintf("%d snapshots", r.Whole)
	for _, name := range r.Torn {
		p.Notes = append(p.Notes, fmt.Sprintf("%s belongs to a snapshot that was not finished: the next start removes it", filepath.Join(dir, name)))
	}
	return p, nil
}
