// Package rank answers "what should this person see now": recall, filters, scoring, exploration, fallback.
//
// One request is one pass: channels recall candidates from the feature store, the filter and the
// already-seen policy thin them, the model scores them beside the learner, and the ε rule picks each slot
// and states the exact probability with which it did so. The package does no I/O and starts no goroutine;
// time and randomness come in from outside, so that equal requests over equal state give equal lists.
//
// A [Ranker] is safe for concurrent use. It reads the [Store] under its read lock in short chunks, so that
// the single writer never waits longer than one chunk, and it never holds the lock while the model scores.
// Two chunks of one list may therefore see the store a few events apart.
//
// What a stage cannot do in time, the next one makes up for: a channel that runs late is left out, what
// could not be scored is ordered by how strongly it was recalled, without a model popularity decides, and
// an empty pool is filled with the newest items. [List.Degraded] names each step that was taken.
package rank
