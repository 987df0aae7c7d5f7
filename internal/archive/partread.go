package archive

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"runtime/debug"

	"github.com/parquet-go/parquet-go"

	"recsvc/internal/event"
)

// ErrDamaged reports a file that is not what was written, or is no part of an archive.
var ErrDamaged = errors.New("damaged")

// partReader reads the records of one file. It is used by one goroutine.
type partReader struct {
	path   string
	file   *os.File
	layout *layout
	leaves [][]*leaf // by field
	take   taker
	rows   int64 // in all
	row    int64 // of the next record, from 0
	last   int64 // offset of the record before
}

// guard turns a panic of the Parquet library over a damaged file into an error.
func guard(path string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%s: %w: the Parquet reader gave up: %v\n%s", path, ErrDamaged, p, debug.Stack())
	}
}

// openParquet opens a file after it has looked at what the library takes on trust.
func openParquet(path string) (file *os.File, f *parquet.File, err error) {
	defer guard(path, &err)
	if file, err = os.Open(path); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	size, err := checkFooter(file)
	if err == nil {
		f, err = parquet.OpenFile(file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	}
	if err != nil {
		return file, nil, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	return file, f, nil
}

// checkFooter holds the length of the footer against that of the file, and returns the latter.
func checkFooter(file *os.File) (size int64, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	var tail [8]byte
	if info.Size() < 12 {
		return 0, fmt.Errorf("no Parquet file has %d bytes", info.Size())
	}
	if _, err := file.ReadAt(tail[:], info.Size()-8); err != nil {
		return 0, err
	}
	if string(tail[4:]) != "PAR1" {
		return 0, errors.New("it does not end like a Parquet file")
	}
	if n := int64(binary.LittleEndian.Uint32(tail[:])); n > info.Size()-12 {
		return 0, fmt.Errorf("its footer of %d bytes does not fit into %d", n, info.Size())
	}
	return info.Size(), nil
}

// checkSum reads a whole file and holds it against what the manifest says of it.
func checkSum(path string, p *Part) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, file)
	switch {
	case err != nil:
		return err
	case n != p.Bytes:
		return fmt.Errorf("%s: %w: it has %d bytes and had %d", path, ErrDamaged, n, p.Bytes)
	case sum.Sum32() != p.CRC32C:
		return fmt.Errorf("%s: %w: it does not match its checksum in the manifest", path, ErrDamaged)
	}
	return nil
}

// kindOf returns what kind of record a file holds: as it says itself, or else as its path does.
func kindOf(path string, f *parquet.File) (event.Kind, error) {
	if v, ok := f.Lookup(formatKey); ok && v != formatVersion {
		return 0, fmt.Errorf("%s is of version %.20q of the archive: this program reads version %s", path, v, formatVersion)
	}
	if name, ok := f.Lookup(kindKey); ok {
		k, err := event.ParseKind(name)
		if err != nil || name == "" || layoutOf(k) == nil {
			return 0, fmt.Errorf("%s: %w: it says that it holds records of the kind %.40q", path, ErrDamaged, name)
		}
		return k, nil
	}
	if s := parseSpan(path); s.kind != 0 {
		return s.kind, nil
	}
	return 0, fmt.Errorf("%s is no part of an archive: neither it nor a directory kind=… says what its records are", path)
}

// openPart opens a file and checks its columns.
func openPart(path string) (p *partReader, err error) {
	defer guard(path, &err)
	file, f, err := openParquet(path)
	if err != nil {
		return nil, err
	}
	p = &partReader{path: path, file: file, rows: f.NumRows(), last: -1, take: taker{types: map[string]string{}}}
	kind, err := kindOf(path, f)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	p.layout = layoutOf(kind)
	for _, field := range p.layout.fields {
		var own []*leaf
		for _, spec := range field.leaves {
			l, err := openLeaf(f, spec)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("%s: as records of the kind %v: %w", path, kind, err), p.close())
			}
			own = append(own, l)
		}
		p.leaves = append(p.leaves, own)
	}
	return p, nil
}

// read returns up to n records, none at the end.
func (p *partReader) read(n int) (records []event.Record, err error) {
	defer guard(p.path, &err)
	n = int(min(int64(n), p.rows-p.row))
	if n <= 0 {
		return nil, p.ended()
	}
	records = make([]event.Record, 0, n)
	for range n {
		r := blank(p.layout.kind)
		for i, f := range p.layout.fields {
			if err := f.take(&p.take, &r, p.leaves[i]); err != nil {
				return nil, fmt.Errorf("%s: %w: row %d, column %s: %w", p.path, ErrDamaged, p.row, f.members[0].name, err)
			}
		}
		if r.Offset <= p.last {
			return nil, fmt.Errorf("%s: %w: row %d is record %d and comes after record %d: sort the file by %s", p.path, ErrDamaged,
				p.row, r.Offset, p.last, offsetColumn)
		}
		p.last = r.Offset
		p.row++
		records = append(records, r)
	}
	return records, nil
}

// ended checks that no column goes on beyond the last row.
func (p *partReader) ended() error {
	for i, own := range p.leaves {
		for _, l := range own {
			if l.absent {
				continue
			}
			if err := l.fill(); !errors.Is(err, errShortColumn) {
				return fmt.Errorf("%s: %w: the column %s goes on beyond the last row", p.path, ErrDamaged, p.layout.fields[i].members[0].name)
			}
		}
	}
	return nil
}

func (p *partReader) close() (err error) {
	defer guard(p.path, &err)
	for _, own := range p.leaves {
		for _, l := range own {
			err = errors.Join(err, l.close())
		}
	}
	return errors.Join(err, p.file.Close())
}

// offsetsOf returns the places of the first and the last record of a file, and how many there are, by reading that column.
func offsetsOf(path string) (first, last, rows int64, err error) {
	defer guard(path, &err)
	file, f, err := openParquet(path)
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := kindOf(path, f); err != nil {
		return 0, 0, 0, err
	}
	l, err := openLeaf(f, offsetLeaf)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("%s: %w", path, err)
	}
	defer func() { err = errors.Join(err, l.close()) }()
	for ; rows < f.NumRows(); rows++ {
		n, err := takeOffset(l)
		if err != nil {
			return 0, 0, 0, fmt.Errorf("%s: %w: row %d, column %s: %w", path, ErrDamaged, rows, offsetColumn, err)
		}
		if rows == 0 {
			first = n
		}
		last = max(last, n)
	}
	return first, last, rows, nil
}
