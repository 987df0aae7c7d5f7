// Package clickrate runs the jobs of [recsvc/internal/tools/stream] as Flink ran them: events as typed values in memory, one
// worker for each part of the users, a fresh value after every event, and checkpoints beside.
//
// A [Worker] uses the feature store and the state store as the engine does, and nothing else of the server: no log, no join, no
// model. Its outputs add up to the checksum that Flink's do.
package clickrate
