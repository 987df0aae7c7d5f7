// Package wal is the embedded log: an ordered, durable sequence of opaque records in one directory.
//
// Records are numbered from 0, or from [Options.First], without a gap. [Log.Append] gives a batch its place in the sequence and
// returns. One goroutine writes whatever has gathered with a single write(2) and wakes the readers; another
// calls fdatasync(2) as long as something written is not durable and wakes those who wait in [Log.Wait]. Any
// number of appenders so share one sync, and a record can be read some tens of microseconds after it was
// appended however slow the disk is: a reader that must not run ahead of the disk asks [Log.Durable].
//
// What is promised:
//
//   - When Wait(next) returns nil, every record below next survives the loss of the process and of power.
//   - Records come back in the order of their sequence, bit for bit, or with an error; never others in their
//     place, never with one left out.
//   - After a failed write or sync the log has failed for good. A second fsync after a failed one can return
//     success for pages that the kernel has thrown away, so nothing is retried: the owner closes the log and
//     opens it again, and what was not acknowledged may be gone or may be there, whole. Open writes again what it
//     does not know to have been durable before it relies on it.
//   - A write that finds the disk full is no such failure. Nobody is acknowledged, [Log.Append] returns [ErrFull]
//     at once, and when there is room the log goes on by itself.
//   - A reader that retention has overtaken gets [ErrTruncated], never the next record that is left.
//
// [Open] cuts a torn tail (the remains of a write that was under way when the machine stopped) and refuses
// every other damage in what it reads: all headers, the size of every segment and the whole of the last one.
// The records of older segments are checked whenever they are read, and all of them by [Log.Verify] at a given
// pace. [VerifyDir] checks a log that nobody has open, and changes nothing:
//
//	report, err := wal.VerifyDir(dir) // func VerifyDir(dir string) (Report, error)
//
// A mark beside the segments says how far the log was durable; no damage below it is taken for a torn write. What
// cannot be told apart is damage to a record that was never acknowledged and a torn write of it: that
// record is cut, and [Log.Repaired] says so. After a loss of power the mark may be some 30 s old: then the same holds
// for the very last record of the log, acknowledged or not, and for a cut where a record ends.
//
// The layout on disk is drawn in docs/format-wal.md. Linux is what it is made for; it also runs on other
// systems with flock(2).
package wal
