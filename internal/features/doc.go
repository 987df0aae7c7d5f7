// Package features turns behaviour into the numbers that a model learns from.
//
// Features are declared ([Definition]) and compiled once ([New]); the same compiled form captures training
// vectors, serves requests and replays history. State lives in rows of 64-bit words, one row per scope key:
// a user's rows (its own and those of every tuple that starts with it) hang together in one entity, an item's
// in another, and every other tuple is an entity of its own. One lookup per entity, not one per feature.
//
// Items, groups and event types are in memory whole. Users need not be: those who are in the last checkpoint just as they
// are may leave ([Options].UserBytes) and are read back when they are needed ([Options].Cold). Who is in memory never
// changes a value.
//
// The package also keeps what recall reads: the catalogue, trending scores, co-visitation, and what each
// user has done and seen lately. It does no I/O, save through Cold, and reads no clock: every instant comes
// from a record.
//
// [Store] is written by one goroutine, the engine's, under its write lock; readers hold the read lock for short
// stretches. Windows decay on read: nothing has to happen for time to pass.
package features
