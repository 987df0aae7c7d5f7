// Package state keeps what the server has learned on disk: checkpoints, and snapshots of its models.
//
// A checkpoint is the set of entries (key, value) that changed since the one before, with a [Meta] that says up to where
// in the log it goes. It is written by [Store.Begin], [Checkpoint.Put] and [Checkpoint.Commit] as one atomic step: after a crash
// at any point [Store.Load] gives exactly the entries of the last committed checkpoint.
//
// On disk a checkpoint is first a delta: one file of checksummed blocks, written to a temporary name, synced and
// renamed. Older deltas are folded together, each key's newest version only, into a badger database that holds one key
// per entry. The newest delta always stays a file, so that the checkpoint before it can still be gone back to
// ([Store.Rollback]). docs/format-state.md draws the layout; docs/adr/0002-checkpoints.md says why it is not all in badger.
//
// Every entry carries its [dirty.Sum], which is checked whenever it is read. Load also checks the number of entries and
// the sum of their sums, table by table, against the Meta, so that nothing that the disk or badger lost goes unnoticed. [Store.Scrub]
// does that beside a running server, and reads what Load does not need, too. [Store.Get] looks a single entry up.
//
// A checkpoint that fails or is given up costs itself only: the next one takes its place. A fold that fails is tried again
// later. Neither needs a restart.
//
// A Store is safe for concurrent use. One checkpoint is written at a time.
package state
