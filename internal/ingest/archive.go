package ingest

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"recsvc/internal/archive"
	"recsvc/internal/event"
)

// ArchiveOptions says what is read of an archive. A zero field takes the default named beside it.
type ArchiveOptions struct {
	// Since and Until bound the time of what is read, as in archive.ReaderOptions; 0: no bound.
	Since, Until event.Time
	// Into says, when Run begins, which place the first record gets in the log that it is read into: records that name others by
	// their place are rewritten to match. nil: all records keep the place that they had.
	Into func() int64

	Metrics  *Metrics       // nil: counted, not exported
	Progress func(Progress) // called after each batch, by one goroutine; nil: nobody asks
}

// Archive is a source that reads what `recsvc archive` has written, in the order of the log that it was written from. All that
// a record was it is again: the time of its receipt too, and, unless it is read into another log, its place.
//
// The records were judged when they came into their log, and are not judged again: a stricter configuration since then would
// make another history of them.
type Archive struct {
	reader *archive.Reader
	opts   ArchiveOptions
	total  int64
}

// NewArchive finds the archives, directories of Parquet files, single files or patterns that paths name. What is damaged in
// those with a manifest is found by Run.
func NewArchive(paths []string, opts ArchiveOptions) (*Archive, error) {
	if opts.Metrics == nil {
		opts.Metrics = NewMetrics(nil)
	}
	a := &Archive{opts: opts}
	var err error
	a.reader, err = archive.NewReader(paths, archive.ReaderOptions{Since: opts.Since, Until: opts.Until, Progress: a.progress})
	if err != nil {
		return nil, err
	}
	a.total = a.reader.Summary().Bytes
	return a, nil
}

// Summary says what will be read.
func (a *Archive) Summary() archive.Summary { return a.reader.Summary() }

func (a *Archive) progress(p archive.Progress) {
	if a.opts.Progress != nil {
		a.opts.Progress(Progress{Bytes: p.Bytes, Total: a.total, Records: p.Records})
	}
}

// Run implements Source. It begins at the beginning of what was asked for, but that records before from are left out when they
// keep their places.
func (a *Archive) Run(ctx context.Context, from event.Cursor, out chan<- *Batch) error {
	var moved *relocation
	if a.opts.Into != nil {
		moved = &relocation{next: a.opts.Into()}
	}
	return a.reader.Run(ctx, func(records []event.Record) error {
		if moved == nil {
			records = behind(records, from)
		} else if err := moved.relocate(records); err != nil {
			return err
		}
		if len(records) == 0 {
			return nil
		}
		a.opts.Metrics.handedOut(records)
		return send(ctx, out, &Batch{Records: records})
	})
}

// behind returns the records that are not before the cursor.
func behind(records []event.Record, from event.Cursor) []event.Record {
	kept := records[:0]
	for i := range records {
		if records[i].Offset >= from.Offset(records[i].Partition) {
			kept = append(kept, records[i])
		}
	}
	return kept
}

// relocation follows records from the places that they had to those that they get. Only a purge of dead letters names others
// by their place.
type relocation struct {
	next    int64         // place of the next record
	letters []movedLetter // that have passed, by old and new place alike
}

type movedLetter struct{ was, is int64 }

// relocate rewrites purges to name the new places.
func (m *relocation) relocate(records []event.Record) error {
	for i := range records {
		switch r := &records[i]; {
		case r.Kind == event.KindDeadLetter:
			if n := len(m.letters); n > 0 && m.letters[n-1].was >= r.Offset { // another archive begins
				m.letters = m.letters[:0]
			}
			m.letters = append(m.letters, movedLetter{r.Offset, m.next})
		case r.Kind == event.KindControl && r.Control.Type == event.PurgeControl:
			purge, err := r.Control.Purge()
			if err != nil {
				return fmt.Errorf("record %d of the archive: %w", r.Offset, err)
			}
			r.Control = m.purge(purge).Control()
		}
		m.next++
	}
	return nil
}

// purge returns one of the same letters at their new places; of those that were not read, nothing.
func (m *relocation) purge(p event.Purge) (moved event.Purge) {
	if len(p.Offsets) == 0 {
		moved.Before = m.next
		if i, _ := m.find(p.Before); i < len(m.letters) {
			moved.Before = m.letters[i].is
		}
		return moved
	}
	for _, was := range p.Offsets {
		if i, ok := m.find(was); ok {
			moved.Offsets = append(moved.Offsets, m.letters[i].is)
		}
	}
	return moved
}

// find returns the index of the first letter that was at the place or behind it, and whether it was there.
func (m *relocation) find(was int64) (int, bool) {
	i, ok := slices.BinarySearchFunc(m.letters, was, func(l movedLetter, was int64) int { return cmp.Compare(l.was, was) })
	return i, ok
}
