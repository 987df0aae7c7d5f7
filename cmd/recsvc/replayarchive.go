package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"recsvc/internal/ingest"
)

// isArchive reports whether -from names an archive, or Parquet files of one, and not a file of events.
func isArchive(path string) bool {
	info, err := os.Stat(path)
	switch {
	case filepath.Ext(path) == ".parquet":
		return true
	case err == nil:
		return info.IsDir()
	}
	return strings.ContainsAny(path, "*?[")
}

// archives returns how many of the sources are archives.
func (f *replayFlags) archives() (n int) {
	for _, path := range f.from {
		if isArchive(path) {
			n++
		}
	}
	return n
}

// check refuses flags that do not go together.
func (f *replayFlags) check() error {
	switch n := f.archives(); {
	case n == 0 && (f.since.set || f.until.set):
		return errors.New("replay: -since and -until are for archives; files of events are replayed whole")
	case n > 0 && n < len(f.from):
		return errors.New("replay: -from names archives and files of events: replay them one after the other, with -data and -append")
	case n > 0 && len(f.items)+len(f.users) > 0:
		return errors.New("replay: an archive holds its catalogue and profiles: leave out -items and -users")
	case f.since.set && f.until.set && f.since.at >= f.until.at:
		return fmt.Errorf("replay: nothing lies between -since %s and -until %s", f.since.String(), f.until.String())
	}
	return nil
}

// history is the source that -from names.
func (a *app) history(f replayFlags, shown *bar, std stdio) (ingest.Source, error) {
	if f.archives() == 0 {
		return ingest.NewFiles(a.validator, ingest.FilesOptions{
			Items: f.items, Users: f.users, Events: f.from, MaxRecordBytes: int(a.config.Limits.RecordBytes),
			Metrics: a.metrics, Progress: shown.update,
		})
	}
	src, err := ingest.NewArchive(f.from, ingest.ArchiveOptions{
		Since: f.since.at, Until: f.until.at, Into: a.wal.Next, Metrics: a.metrics, Progress: shown.update,
	})
	if err != nil {
		return nil, err
	}
	for _, g := range src.Summary().Gaps {
		fmt.Fprintf(std.err, "recsvc replay: the archive lacks the records %d to %d of its log: what is learned is not what that log says\n", g.First, g.Next-1)
	}
	for _, dir := range f.from {
		if err := fetchArchivedSnapshots(dir, a.snapshots); err != nil {
			return nil, err
		}
	}
	return src, nil
}
