// Package crash holds the battery: tests of what the whole server keeps when it is killed, when its disk fails or fills, and
// when its files are damaged. All of them judge by the same law: the state equals that of a naive twin, one engine that
// was never interrupted, over the records that the log has.
//
// `make test` runs the battery in its short form, `make crash` in the long one; both print what was survived. The tests
// that need real processes are in cmd/recsvc (crash_*_test.go), those of the engine alone in internal/engine. This package's
// own tests run the server without HTTP: intake, embedded log, engine and state, over a disk in memory that loses what was
// not synced.
//
// [Times] and [Count] are for tests only; no part of the server imports this package.
package crash
