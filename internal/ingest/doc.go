// Package ingest brings records into the log and out of it again.
//
// In: [Intake] judges what came over HTTP, record by record, and a [Log] gives what it accepted a durable place. Out: a
// [Source] hands the records of the log, or of files, to the one writer in batches and in order, decoding ahead of it in
// parallel. The two meet in the log only: the live path is the recovery path.
//
// What cannot be decoded or is refused becomes a dead letter, which is a record of the log like any other: it is durable
// with the answer that reports it, and [DeadLetters] is a function of the log.
//
// [Clock], [Dedup] and [DeadLetters] are state of the writer: they see records in log order, read no wall clock, and are
// kept in checkpoints through [recsvc/internal/dirty]. Their methods belong to the writer's goroutine except where they
// say otherwise.
package ingest
