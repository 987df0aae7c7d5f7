package ingest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"

	"recsvc/internal/event"
)

// FilesOptions names what is read. A zero field takes the default named beside it.
type FilesOptions struct {
	Items  []string // catalogue files, read first, in their order
	Users  []string // profile files, read next
	Events []string // behaviour events, merged by time

	MaxRecordBytes int            // longer lines become dead letters; 256 KiB
	Workers        int            // goroutines that decode; GOMAXPROCS
	Metrics        *Metrics       // nil: counted, not exported
	Progress       func(Progress) // called after each batch, by one goroutine; nil: nobody asks
}

// Progress tells how far a Files source has come.
type Progress struct {
	Bytes   int64 // read from the files, as they are on disk
	Total   int64 // the files' lengths when the source was made
	Records int64 // handed out, dead letters included
}

// Files is a source that reads NDJSON files, plain or gzip: the catalogue first, then the profiles, then the events of
// all event files in one merge by time (ties by file, then line; a file is never sorted).
//
// An event without a time takes that of the accepted record before it in its file. What is refused becomes a dead letter
// in its place, with file and line. Received is the event's time, for the catalogue that of the first event of all, so
// that the same files always make the same records.
type Files struct {
	opts      FilesOptions
	validator *Validator
	total     int64
	read      atomic.Int64
	records   int64
}

// NewFiles checks the options, and that the files are there. It does not keep them open.
func NewFiles(v *Validator, opts FilesOptions) (*Files, error) {
	setDefault(&opts.MaxRecordBytes, defaultRecordBytes)
	workers, err := workerCount(opts.Workers)
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	opts.Workers = workers
	if opts.MaxRecordBytes < 0 {
		return nil, fmt.Errorf("files: option MaxRecordBytes is negative: %d", opts.MaxRecordBytes)
	}
	if opts.Metrics == nil {
		opts.Metrics = NewMetrics(nil)
	}
	f := &Files{opts: opts, validator: v}
	for _, paths := range [...][]string{opts.Items, opts.Users, opts.Events} {
		for _, path := range paths {
			info, err := os.Stat(path)
			if err != nil {
				return nil, fmt.Errorf("files: %w", err)
			}
			f.total += info.Size()
		}
	}
	return f, nil
}

// openLines opens a file and says whether it is compressed by its first bytes, not by its name.
func (f *Files) openLines(path string, chunk int) (*lineReader, io.Closer, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	src := bufio.NewReaderSize(&countingReader{file, &f.read}, 64<<10)
	r := &lineReader{src: src, chunk: chunk, limit: f.opts.MaxRecordBytes}
	if head, _ := src.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		if r.src, err = gzip.NewReader(src); err != nil {
			return nil, nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
		}
	}
	return r, file, nil
}

// countingReader adds up what is read.
type countingReader struct {
	r io.Reader
	n *atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// fileChunk is what became of a chunk of lines.
type fileChunk struct {
	recs     []event.Record // Received is as yet unset
	timeless map[int]fileLine
}

// fileLine is the line of an event without a time, in case that there is none to give it.
type fileLine struct {
	line int64
	text []byte
}

// decodeFile reads a file and hands its records to consume, in order. It blocks.
func (f *Files) decodeFile(ctx context.Context, kind event.Kind, path string, plan filePlan, consume func(fileChunk) error) error {
	lines, file, err := f.openLines(path, plan.chunk)
	if err != nil {
		return err
	}
	err = pipeline[lineChunk, fileChunk]{
		workers: plan.workers,
		produce: func(_ context.Context, emit func(lineChunk) error) error { return eachChunk(path, lines, emit) },
		worker: func() func(lineChunk) (fileChunk, error) {
			d := &lineDecoder{files: f, kind: kind, name: filepath.Base(path)}
			return func(c lineChunk) (fileChunk, error) { return d.decode(c), nil }
		},
		consume: consume,
	}.run(ctx)
	return errors.Join(err, file.Close())
}

func eachChunk(path string, lines *lineReader, emit func(lineChunk) error) error {
	for {
		c, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: after line %d: %w", path, lines.line, err)
		}
		if err := emit(c); err != nil {
			return err
		}
	}
}

// filePlan divides workers and memory among files that are read at the same time.
type filePlan struct {
	workers int
	chunk   int // bytes read at a time
}

const (
	filesMemory   = 8 << 20 // bytes of text in hand for all files together, about
	maxChunkBytes = 256 << 10
	minChunkBytes = 32 << 10
)

func (f *Files) plan(files int) filePlan {
	files = max(files, 1)
	return filePlan{
		workers: max(1, f.opts.Workers/files),
		chunk:   max(minChunkBytes, min(maxChunkBytes, filesMemory/files)),
	}
}

// lineDecoder turns lines of one file into records. One per goroutine.
type lineDecoder struct {
	files   *Files
	kind    event.Kind
	name    string
	decoder event.Decoder
	size    int // bytes of a record in the chunk before: about what the next one will have
}

// decode decodes the lines of a chunk. What is refused is a dead letter among them.
func (d *lineDecoder) decode(c lineChunk) fileChunk {
	out := fileChunk{recs: make([]event.Record, 0, len(c.data)/max(d.size, 64)+1)}
	if c.size > 0 {
		out.recs = append(out.recs, d.letter(c.line, c.data, c.size, tooLong(c.size, d.files.opts.MaxRecordBytes)))
	} else {
		c.eachLine(func(line int64, text []byte) { d.line(&out, line, text) })
	}
	m := d.files.opts.Metrics
	m.received[d.kind].Add(float64(len(out.recs)))
	m.decoded(&d.decoder.Counts)
	if len(out.recs) > 0 {
		d.size = len(c.data) / len(out.recs)
	}
	return out
}

func (d *lineDecoder) line(out *fileChunk, line int64, text []byte) {
	out.recs = append(out.recs, event.Record{})
	rec := &out.recs[len(out.recs)-1]
	if err := d.record(text, rec); err != nil {
		*rec = d.letter(line, text, int64(len(text)), err)
		return
	}
	if rec.Kind == event.KindEvent && rec.Event.Time == 0 {
		if out.timeless == nil {
			out.timeless = make(map[int]fileLine)
		}
		out.timeless[len(out.recs)-1] = fileLine{line, text}
	}
}

func (d *lineDecoder) record(text []byte, rec *event.Record) error {
	if limit := d.files.opts.MaxRecordBytes; len(text) > limit {
		return tooLong(int64(len(text)), limit)
	}
	if err := d.decoder.DecodeJSON(d.kind, text, rec); err != nil {
		return err
	}
	return d.files.validator.Replay(rec)
}

func (d *lineDecoder) letter(line int64, text []byte, size int64, err error) event.Record {
	rec := fileLetter(d.name, line, text, size, err)
	rec.DeadLetter.Place = placeOf(rec.DeadLetter.Place, d.kind.String())
	return rec
}

func fileLetter(name string, line int64, text []byte, size int64, err error) event.Record {
	return letterRecord("file", fmt.Sprintf("%s:%d", name, line), text, size, err)
}

func tooLong(size int64, limit int) error {
	return &event.Error{Reason: event.ReasonTooLarge, Detail: fmt.Sprintf("%d bytes, more than %d", size, limit)}
}

// letterRecord makes a dead letter. It keeps text, the start of it if it is long.
func letterRecord(source, place string, text []byte, size int64, err error) event.Record {
	return event.Record{Kind: event.KindDeadLetter, DeadLetter: &event.DeadLetter{
		Source: source, Reason: reasonOf(err), Detail: err.Error(), Place: place,
		Bytes: text[:min(len(text), event.MaxDeadLetterBytes)], Size: size,
	}}
}
