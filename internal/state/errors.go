package state

import "errors"

var (
	// ErrCorrupt reports stored data that is not what was written. The message says which file, and what to do.
	ErrCorrupt = errors.New("state is corrupt")
	// ErrFormat reports data of a version, or of a kind, that this program does not read.
	ErrFormat = errors.New("state has an unknown format")
	// ErrLocked reports a directory that another process has open.
	ErrLocked = errors.New("state directory is in use")
	// ErrDiskFull reports less free space than Options.MinFreeBytes.
	ErrDiskFull = errors.New("not enough free disk space")
	// ErrTooLarge reports an entry or a root above the limits.
	ErrTooLarge = errors.New("too large for a checkpoint")
	// ErrClosed reports a store that was closed, or a checkpoint that was ended.
	ErrClosed = errors.New("closed")
	// ErrBusy reports a checkpoint begun while another is open, or was given up and still has a step in the disk's hands.
	ErrBusy = errors.New("another checkpoint is open")
	// ErrAbandoned reports a checkpoint that its owner gave up.
	ErrAbandoned = errors.New("given up")
	// ErrBacklog reports that no checkpoint can be taken because too many could not be folded.
	ErrBacklog = errors.New("too many checkpoints wait to be folded")
	// ErrNoPrevious reports that there is no earlier checkpoint to go back to.
	ErrNoPrevious = errors.New("no previous checkpoint")
	// ErrNotFound reports a snapshot that does not exist.
	ErrNotFound = errors.New("no such snapshot")
	// ErrBadID reports a string that is no snapshot id.
	ErrBadID = errors.New("not a snapshot id")
)

// remedy ends the messages about corruption.
const remedy = "restore a backup, or replay the log into a new directory"
