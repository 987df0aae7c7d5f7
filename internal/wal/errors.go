package wal

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed reports the use of a log after Close.
	ErrClosed = errors.New("log is closed")
	// ErrTruncated reports records that retention has removed.
	ErrTruncated = errors.New("records have been removed by retention")
	// ErrAhead reports a place behind the end of the log: the log has lost records, or is another one.
	ErrAhead = errors.New("place lies behind the end of the log")
	// ErrTooLarge reports a payload of more than MaxRecordBytes.
	ErrTooLarge = errors.New("record too large")
	// ErrFull reports a disk without room for the log. It passes when there is room.
	ErrFull = errors.New("the disk is full")
	// ErrInUse reports a directory that another log has open, in this process or another.
	ErrInUse = errors.New("log is in use")
	// ErrCorrupt reports bytes that are not what was written. Every *CorruptError is one.
	ErrCorrupt = errors.New("log is corrupt")
	// ErrVersion reports a segment written by a newer version of this package.
	ErrVersion = errors.New("unknown version")
)

// CorruptError says where a log is damaged, and what its keeper can do.
type CorruptError struct {
	File     string // path of the segment
	Offset   int64  // in bytes, where the damage begins
	Sequence int64  // of the first record that cannot be read; -1: not known
	Reason   string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("wal: segment %s is corrupt at byte %d: %s. %s", e.File, e.Offset, e.Reason, e.advice())
}

// Is makes every CorruptError an ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

func (e *CorruptError) advice() string {
	const restore = "This is not a torn write and nothing was changed: restore the directory from a copy"
	if e.Sequence < 0 {
		return restore
	}
	return fmt.Sprintf("%s, or, to go on with the records before %d only, move the segments after this file and the file %s away and run: truncate -s %d %s",
		restore, e.Sequence, markName, e.Offset, e.File)
}
