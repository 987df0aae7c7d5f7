package archive

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// column gathers the values of one leaf column of a file that is being written.
type column struct {
	index  int
	values []parquet.Value
}

func (c *column) add(v parquet.Value, repetition, definition int) {
	c.values = append(c.values, v.Level(repetition, definition, c.index))
}

// leafSpec is what a leaf column must be in a file that is read.
type leafSpec struct {
	path     string // names joined by dots
	kinds    []parquet.Kind
	repeated bool
	required bool // a file without it cannot be read; else it is all null
}

func (s leafSpec) names() []string { return strings.Split(s.path, ".") }

// leaf hands out the values of one leaf column of a file, row by row. A column that the file lacks is null everywhere.
type leaf struct {
	spec   leafSpec
	kind   parquet.Kind
	unit   int64 // nanoseconds that one counts for, in a column of instants
	chunks []parquet.ColumnChunk
	pages  parquet.Pages
	page   parquet.Page
	source parquet.ValueReader
	buf    []parquet.Value
	at, n  int
	absent bool
}

const leafValues = 256

// errShortColumn reports a column with fewer values than the file has rows.
var errShortColumn = errors.New("the column ends before the others")

// more reports whether the row goes on with another value.
func (l *leaf) more() (bool, error) {
	if l.absent {
		return false, nil
	}
	switch err := l.fill(); {
	case errors.Is(err, errShortColumn):
		return false, nil
	case err != nil:
		return false, err
	}
	return l.buf[l.at].RepetitionLevel() > 0, nil
}

// next returns the next value. It is good until the next call.
func (l *leaf) next() (parquet.Value, error) {
	if l.absent {
		return parquet.Value{}, nil
	}
	if err := l.fill(); err != nil {
		return parquet.Value{}, err
	}
	v := l.buf[l.at]
	l.at++
	return v, nil
}

// fill makes sure of a value.
func (l *leaf) fill() error {
	for l.at == l.n {
		if l.source == nil {
			if err := l.turn(); err != nil {
				return err
			}
			continue
		}
		n, err := l.source.ReadValues(l.buf)
		l.at, l.n = 0, n
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n == 0 && err == nil {
			return io.ErrNoProgress
		}
		if errors.Is(err, io.EOF) {
			l.source = nil
		}
	}
	return nil
}

// turn goes to the next page.
func (l *leaf) turn() error {
	l.release()
	for {
		if l.pages == nil {
			if len(l.chunks) == 0 {
				return errShortColumn
			}
			l.pages, l.chunks = l.chunks[0].Pages(), l.chunks[1:]
		}
		page, err := l.pages.ReadPage()
		if errors.Is(err, io.EOF) {
			err = l.pages.Close()
			l.pages = nil
			if err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		l.page, l.source = page, page.Values()
		return nil
	}
}

func (l *leaf) release() {
	if l.page != nil {
		parquet.Release(l.page)
		l.page = nil
	}
}

func (l *leaf) close() error {
	l.release()
	l.source, l.chunks, l.at, l.n = nil, nil, 0, 0
	if l.pages == nil {
		return nil
	}
	err := l.pages.Close()
	l.pages = nil
	return err
}

// openLeaf finds a column in a file.
func openLeaf(f *parquet.File, spec leafSpec) (*leaf, error) {
	l := &leaf{spec: spec}
	found := f.Root()
	for _, name := range spec.names() {
		if found = found.Column(name); found == nil {
			break
		}
	}
	if found == nil || !found.Leaf() {
		if spec.required {
			return nil, fmt.Errorf("the column %s is missing", spec.path)
		}
		l.absent = true
		return l, nil
	}
	l.kind = found.Type().Kind()
	if !slices.Contains(spec.kinds, l.kind) {
		return nil, fmt.Errorf("the column %s is of the type %v and must be %s", spec.path, found.Type(), spec.want())
	}
	if repeated := found.MaxRepetitionLevel(); (repeated == 1) != spec.repeated || repeated > 1 {
		return nil, fmt.Errorf("the column %s is nested in %d lists or maps and must be in %d", spec.path, repeated, b2i(spec.repeated))
	}
	l.unit = unitOf(found.Type())
	l.buf = make([]parquet.Value, leafValues)
	for _, group := range f.RowGroups() {
		l.chunks = append(l.chunks, group.ColumnChunks()[found.Index()])
	}
	return l, nil
}

func (s leafSpec) want() string {
	var names []string
	for _, k := range s.kinds {
		names = append(names, k.String())
	}
	return strings.Join(names, " or ")
}

// unitOf returns how many nanoseconds one of an instant's column counts for: microseconds, unless it says otherwise.
func unitOf(t parquet.Type) int64 {
	if logical := t.LogicalType(); logical != nil {
		if stamp, ok := logical.Value.(*format.TimestampType); ok && stamp.Unit.Value != nil {
			return int64(stamp.Unit.Value.Duration())
		}
	}
	return nanosPerMicro
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
