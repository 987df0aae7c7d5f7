package archive

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"recsvc/internal/event"
)

const (
	groupRows      = 128 << 10 // of a row group: what an engine reads at a time, and scans beside others
	chunkRows      = 1 << 10   // that are put into the columns at a time
	dictionaryMax  = 1 << 20   // bytes, after which a column goes on without a dictionary
	kindKey        = "recsvc.kind"
	formatKey      = "recsvc.format"
	formatVersion  = "1"
	tempSuffix     = ".tmp"
	writeBufferMax = 256 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// partEncoder writes records of one kind as a Parquet file.
type partEncoder struct {
	layout *layout
	file   *parquet.GenericWriter[any]
	put    putter
	out    []column   // by index in the schema
	own    [][]column // by field: scratch
	rows   int        // in out
	group  int        // in the row group, those in out included
}

func newPartEncoder(w io.Writer, kind event.Kind) *partEncoder {
	l := layoutOf(kind)
	e := &partEncoder{
		layout: l, out: make([]column, len(l.schema.Columns())),
		file: parquet.NewGenericWriter[any](w, l.schema, parquet.Compression(&parquet.Zstd),
			parquet.DictionaryMaxBytes(dictionaryMax), parquet.DataPageStatistics(true), parquet.CreatedBy("recsvc", formatVersion, ""),
			parquet.KeyValueMetadata(kindKey, kind.String()), parquet.KeyValueMetadata(formatKey, formatVersion)),
	}
	for i := range e.out {
		e.out[i].index = i
	}
	for _, at := range l.places {
		e.own = append(e.own, make([]column, len(at)))
	}
	return e
}

// add writes one record. Its strings must not change until the file is closed.
func (e *partEncoder) add(r *event.Record) error {
	e.put.inexact = false
	for i, f := range e.layout.fields {
		own, at := e.own[i], e.layout.places[i]
		for j, k := range at {
			own[j] = e.out[k]
		}
		f.put(&e.put, r, own)
		for j, k := range at {
			e.out[k] = own[j]
		}
	}
	e.rows++
	e.group++
	if e.rows < chunkRows {
		return nil
	}
	return e.flush()
}

// flush puts what was added into the columns, and ends the row group when it is full.
func (e *partEncoder) flush() error {
	for i, c := range e.file.ColumnWriters() {
		if _, err := c.WriteRowValues(e.out[i].values); err != nil {
			return err
		}
		e.out[i].values = e.out[i].values[:0]
	}
	e.rows = 0
	if e.group < groupRows {
		return nil
	}
	e.group = 0
	return e.file.Flush()
}

func (e *partEncoder) close() error {
	if err := e.flush(); err != nil {
		return err
	}
	return e.file.Close()
}

// checked counts and sums what is written.
type checked struct {
	w     io.Writer
	bytes int64
	sum   uint32
}

func (c *checked) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.bytes += int64(n)
	c.sum = crc32.Update(c.sum, castagnoli, b[:n])
	return n, err
}

// writePart makes a part durable under a temporary name beside its own.
func writePart(path string, kind event.Kind, records func(add func(*event.Record) error) error) (bytes int64, sum uint32, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, 0, err
	}
	file, err := os.OpenFile(path+tempSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	buffered := bufio.NewWriterSize(file, writeBufferMax)
	c := &checked{w: buffered}
	e := newPartEncoder(c, kind)
	for _, step := range []func() error{
		func() error { return records(e.add) }, e.close, buffered.Flush, file.Sync,
	} {
		if err := step(); err != nil {
			return 0, 0, fmt.Errorf("%s: %w", path, err)
		}
	}
	return c.bytes, c.sum, nil
}
