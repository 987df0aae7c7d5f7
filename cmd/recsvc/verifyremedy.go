package main

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
)

// remedy says what to do about damage. What is nearest is tried first: a checkpoint before, the log, a backup.
func (v *verifier) remedy(ctx context.Context, name string, d damage) (string, error) {
	switch name {
	case logPart:
		return v.logRemedy(d), nil
	case statePart:
		return v.stateRemedy(ctx, d)
	}
	return "bring its two files back from a backup, or from snapshots/ in the place of the copies; if nobody ever rolled back to it, remove them", nil
}

func (v *verifier) logRemedy(d damage) string {
	const fromCopy = "bring the file back from a copy of the directory"
	switch {
	case !v.stateWhole || v.state == nil:
		return fromCopy + ", or restore a backup into a new directory (recsvc restore): what was logged after it is lost"
	case d.Sequence >= 0 && d.Sequence < v.state.PreviousRecord && d.File != v.lastSegment():
		return fmt.Sprintf("the state has applied what is damaged, and the server can go on. It can no longer learn anew from the log, as after a "+
			"change of definitions: %s if there is one", fromCopy)
	}
	return fmt.Sprintf("%s. If there is none: the state is whole and has applied the records before %d. To go on there, without those after it, "+
		"move %s away and run: printf '{\"record\":%d}' > %s", fromCopy, v.state.Record, filepath.Join(v.dir, logName), v.state.Record,
		filepath.Join(v.dir, logBeginName))
}

// lastSegment is the file that the log is written to.
func (v *verifier) lastSegment() string {
	segments, err := filepath.Glob(filepath.Join(v.dir, logName, "*.wal"))
	if err != nil || len(segments) == 0 {
		return ""
	}
	return segments[len(segments)-1] // sorted
}

func (v *verifier) stateRemedy(ctx context.Context, d damage) (string, error) {
	dir := filepath.Join(v.dir, stateName)
	if d.Format {
		return fmt.Sprintf("use the version of recsvc that wrote it; if only the file FORMAT is damaged, write it: printf 'recsvc state 1\\n' > %s",
			filepath.Join(dir, "FORMAT")), nil
	}
	before, err := v.part(ctx, beforePart)
	if err != nil {
		return "", err
	}
	if s := before.State; len(before.Damage) == 0 && s != nil && s.Epoch > 0 && (v.log == nil || v.log.First <= s.Record) {
		return fmt.Sprintf("roll back: remove %s. Checkpoint %d, at %s, is whole, and the server applies the log from there",
			filepath.Join(dir, s.Newest), s.Epoch, s.Cursor), nil
	}
	if v.log != nil && v.logWhole && v.log.First == 0 {
		return fmt.Sprintf("learn anew: move %s away. The log has everything from its first record on, and the server applies all of it", dir), nil
	}
	return fmt.Sprintf("restore a backup into a new directory (recsvc restore), and copy %s there before the first start", filepath.Join(v.dir, logName)), nil
}

// agreement holds log and state against each other.
func (v *verifier) agreement() {
	n := len(v.report.Findings)
	detail := "nothing to compare"
	if s := v.state; s != nil && v.stateWhole {
		detail = fmt.Sprintf("the state has applied the log before %s", s.Cursor)
		if v.log != nil {
			detail += fmt.Sprintf(", which has %d to %d", v.log.First, v.log.Next)
			v.compare(v.log, s)
		} else {
			v.missingLog(s)
		}
	}
	v.checked(checked{Name: "agreement", Whole: len(v.report.Findings) == n, Detail: detail})
}

func (v *verifier) compare(l *logFacts, s *stateFacts) {
	dir := filepath.Join(v.dir, stateName)
	if v.logWhole && s.Record > l.Next {
		v.found("agreement", fmt.Sprintf("the log ends before record %d, and the state has applied those up to %d: part of the log is lost", l.Next, s.Record),
			fmt.Sprintf("bring the log back from a copy, or move %s away: the server then learns anew from what the log has", dir))
	}
	if l.First > s.Record {
		v.found("agreement", fmt.Sprintf("the log begins with record %d, and the state needs those from %d on", l.First, s.Record),
			fmt.Sprintf("bring the missing segments back from a copy, restore a newer backup, or move %s away: the server then learns anew from what the log has", dir))
	} else if s.PreviousEpoch > 0 && l.First > s.PreviousRecord {
		v.found("agreement", fmt.Sprintf("the log begins with record %d, and to roll back to checkpoint %d those from %d on are needed", l.First, s.PreviousEpoch, s.PreviousRecord),
			"bring the missing segments back from a copy; the server can go on, but not roll back until its next checkpoint")
	}
}

// missingLog judges a state without an embedded log.
func (v *verifier) missingLog(s *stateFacts) {
	first, err := readLogBegin(v.dir)
	switch path := filepath.Join(v.dir, logBeginName); {
	case err != nil:
		v.found("agreement", err.Error(), fmt.Sprintf("write where the log begins: printf '{\"record\":%d}' > %s", s.Record, path))
	case first == s.Record:
		v.note("there is no log yet: the next start begins one at record %d, where the state stands", first)
	case first > 0:
		v.found("agreement", fmt.Sprintf("%s lets a new log begin at record %d, and the state stands at %d", path, first, s.Record), "restore the backup again")
	case v.embedded:
		v.found("agreement", fmt.Sprintf("the log is missing, and the state has applied its records before %d", s.Record),
			fmt.Sprintf("bring it back from a copy; if it is lost, and with it what came after record %d, run: printf '{\"record\":%d}' > %s", s.Record, s.Record, path))
	default:
		v.note("there is no embedded log. With Kafka that is as it should be; say so with -config")
	}
}

// room looks at the free space: a server refuses to start with less than it is told to leave.
func (v *verifier) room() {
	var st syscall.Statfs_t
	if err := syscall.Statfs(v.dir, &st); err != nil {
		v.found("disk", fmt.Sprintf("free space of %s: %v", v.dir, err), "look at the disk")
		return
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	ok := free >= v.free
	if !ok {
		v.found("disk", fmt.Sprintf("%s are free, a server needs %s (limits.free_bytes)", sizeText(free), sizeText(v.free)), "make room on the disk")
	}
	v.checked(checked{Name: "disk", Whole: ok, Detail: sizeText(free) + " free"})
}
