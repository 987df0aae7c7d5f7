// Package engine is the single writer: one goroutine that takes the log's records one at a time, in order, and
// carries each through features, feedback and model.
//
// [Engine.Run] reads a source and applies; nothing else changes state. Readers stand beside it: they take the feature
// store's read lock for a moment, load weights atomically, and learn from [Engine.Wait] that a record is in. What the
// writer does depends on the log alone: it reads no clock (save to measure itself), draws no random number and ranges
// over no map, so that the same log makes the same state, bit for bit.
//
// Checkpoints are cut between two records. A cut is an epoch number; the entries that were dirty are encoded a few at a
// time between the records that follow, or just before one of them changes, and written by another goroutine.
package engine
