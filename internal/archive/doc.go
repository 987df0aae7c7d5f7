// Package archive writes the records of a log as Parquet files that any engine can query, and reads them back as the
// records that they were, bit for bit and in the order of the log.
//
// An archive is a directory:
//
//	kind=event/date=2022-04-10/hour=13/part-<first>-<last>.parquet   records first to last of one kind and hour, in log order
//	_manifest/<first>-<next>.json                                    the parts of one stretch of the log, with their checksums
//	_snapshots/                                                      the model snapshots that restores in the log name
//
// The hour is UTC: of the event's own time for events, of the time of a served list or a tick, of receipt for all else. The
// files of a stretch come into being first, the manifest's page for it last: what no page names is not in the archive, and
// is removed by the next [Writer]. So a [Writer] that is stopped at any moment goes on behind the last whole stretch, and
// nothing is ever in the archive twice.
//
// The columns are in docs/archive.md, and, as code that both directions share, in columns.go.
package archive
