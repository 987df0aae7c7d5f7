package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"recsvc/internal/event"
)

// WriterOptions tune a Writer. A zero field takes the default named beside it.
type WriterOptions struct {
	StretchRecords int   // a stretch of the log becomes part of the archive at a time; 1,000,000
	StretchBytes   int64 // or as soon as it has so many bytes in the log, which is what a Writer keeps in memory; 128 MiB
	Workers        int   // files that are written at a time; GOMAXPROCS
}

// Writer adds stretches of one log to an archive. It is used by one goroutine, and by one process at a time: who makes it
// sees to that.
type Writer struct {
	dir   string
	opts  WriterOptions
	pages []Page
	log   int64
	next  int64

	hours   map[hour][]entry
	first   int64 // of the stretch
	records int
	bytes   int64
	added   Added
}

// entry is one record of the stretch at hand, in its binary form.
type entry struct {
	offset  int64
	payload []byte
}

// Added is what a Writer has added to its archive.
type Added struct {
	Records int64
	Parts   int64
	Bytes   int64 // of the parts
}

var (
	// ErrNoArchive reports a directory that holds something else.
	ErrNoArchive = errors.New("it is not empty and holds no archive")
	// ErrOtherLog reports an archive that goes on otherwise than the log.
	ErrOtherLog = errors.New("the archive is of another log")
	// ErrGap reports records that are missing between the archive and what the log still has.
	ErrGap = errors.New("records are missing between the archive and the log")
)

// NewWriter opens an archive, and makes one in a directory that is empty or missing. What an interrupted Writer has left is
// removed.
func NewWriter(dir string, opts WriterOptions) (*Writer, error) {
	if opts.StretchRecords < 0 || opts.StretchBytes < 0 || opts.Workers < 0 {
		return nil, fmt.Errorf("archive: an option is negative: %+v", opts)
	}
	if opts.StretchRecords == 0 {
		opts.StretchRecords = 1_000_000
	}
	if opts.StretchBytes == 0 {
		opts.StretchBytes = 128 << 20
	}
	if opts.Workers == 0 {
		opts.Workers = runtime.GOMAXPROCS(0)
	}
	w := &Writer{dir: dir, opts: opts, hours: map[hour][]entry{}}
	if err := w.open(); err != nil {
		return nil, fmt.Errorf("archive %s: %w", dir, err)
	}
	return w, nil
}

func (w *Writer) open() (err error) {
	w.pages, err = readManifest(w.dir)
	if err == nil {
		if n := len(w.pages); n > 0 {
			w.next, w.log = w.pages[n-1].Next, w.pages[n-1].Log
		}
		return removeOrphans(w.dir, w.next)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == "lost+found" }) // of a disk of its own
	if len(entries) > 0 {
		return ErrNoArchive
	}
	if err := os.Mkdir(filepath.Join(w.dir, manifestDir), 0o755); err != nil {
		return err
	}
	return syncDir(w.dir)
}

// Resume says from which record on the log with the given ID is to be added: behind what the archive has, and at the earliest
// at record first. The log has the records from have on. ErrOtherLog: the archive's records are not those of this log.
// ErrGap: records between the archive and have are lost; gaps allows for that.
func (w *Writer) Resume(log, have, first int64, gaps bool) (from int64, err error) {
	empty := len(w.pages) == 0
	if !empty && w.log != log && have < w.next {
		return 0, fmt.Errorf("archive %s: %w: the log begins at record %d and the archive has all before %d of the log %d; name another directory",
			w.dir, ErrOtherLog, have, w.next, w.log)
	}
	if !empty && have > w.next && !gaps {
		return 0, fmt.Errorf("archive %s: %w: those from %d to %d were removed from the log before they were archived; "+
			"to go on without them, give -append", w.dir, ErrGap, w.next, have-1)
	}
	w.log = log
	w.next = max(w.next, have, first)
	w.first = w.next
	return w.next, nil
}

// Add adds the next record of the log, of which payload is the binary form, which must not change any more. It becomes part
// of the archive with its stretch.
func (w *Writer) Add(ctx context.Context, r *event.Record, payload []byte) error {
	if r.Offset != w.next {
		return fmt.Errorf("archive %s: record %d comes after %d", w.dir, r.Offset, w.next-1)
	}
	if layoutOf(r.Kind) == nil {
		return fmt.Errorf("archive %s: record %d is of the unknown kind %v", w.dir, r.Offset, r.Kind)
	}
	h := hourOf(r)
	w.hours[h] = append(w.hours[h], entry{r.Offset, payload})
	w.next++
	w.records++
	w.bytes += int64(len(payload))
	if w.records < w.opts.StretchRecords && w.bytes < w.opts.StretchBytes {
		return nil
	}
	return w.Flush(ctx)
}

// Flush makes what was added part of the archive, durably.
func (w *Writer) Flush(ctx context.Context) error {
	if w.records == 0 {
		return nil
	}
	page := Page{Format: pageVersion, Log: w.log, First: w.first, Next: w.next, Records: int64(w.records)}
	hours := w.sorted()
	page.Parts = make([]Part, len(hours))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(w.opts.Workers)
	for i, h := range hours {
		g.Go(func() (err error) {
			page.Parts[i], err = w.part(ctx, h)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	if err := w.commit(page); err != nil {
		return fmt.Errorf("archive %s: %w", w.dir, err)
	}
	for _, p := range page.Parts {
		w.added.Records += p.Records
		w.added.Bytes += p.Bytes
		w.added.Parts++
	}
	w.pages = append(w.pages, page)
	w.first, w.records, w.bytes = w.next, 0, 0
	clear(w.hours)
	return nil
}

// sorted returns the hours of the stretch by their first record.
func (w *Writer) sorted() []hour {
	hours := make([]hour, 0, len(w.hours))
	for h := range w.hours {
		hours = append(hours, h)
	}
	slices.SortFunc(hours, func(a, b hour) int {
		if w.hours[a][0].offset < w.hours[b][0].offset {
			return -1
		}
		return 1
	})
	return hours
}

// part writes the records of one hour.
func (w *Writer) part(ctx context.Context, h hour) (Part, error) {
	entries := w.hours[h]
	p := Part{First: entries[0].offset, Last: entries[len(entries)-1].offset, Records: int64(len(entries))}
	p.Path = path.Join(filepath.ToSlash(h.dir()), partName(p.First, p.Last))
	var d event.Decoder
	var err error
	p.Bytes, p.CRC32C, err = writePart(filepath.Join(w.dir, filepath.FromSlash(p.Path)), h.kind, func(add func(*event.Record) error) error {
		for i, e := range entries {
			if i%chunkRows == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			r := event.Record{Offset: e.offset}
			if err := d.DecodeBinary(e.payload, &r); err != nil {
				return fmt.Errorf("record %d: %w", e.offset, err)
			}
			if err := add(&r); err != nil {
				return fmt.Errorf("record %d: %w", e.offset, err)
			}
		}
		return nil
	})
	return p, err
}

// commit gives the parts their names, and then writes the page that makes them part of the archive.
func (w *Writer) commit(page Page) error {
	dirs := map[string]bool{w.dir: true}
	for _, p := range page.Parts {
		path := filepath.Join(w.dir, filepath.FromSlash(p.Path))
		if err := os.Rename(path+tempSuffix, path); err != nil {
			return err
		}
		for dir := filepath.Dir(path); len(dir) > len(filepath.Clean(w.dir)); dir = filepath.Dir(dir) {
			dirs[dir] = true
		}
	}
	for dir := range dirs {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return writePage(w.dir, page)
}

// Added returns what has become part of the archive through this Writer.
func (w *Writer) Added() Added { return w.added }

// Next returns the record that comes next.
func (w *Writer) Next() int64 { return w.next }
