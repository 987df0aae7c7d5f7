package wal

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// ErrReadOnly reports a write to a log that was opened to be read only, and the end of what such a log holds.
var ErrReadOnly = errors.New("log was opened to be read only")

// surveys is how often OpenReadOnly looks at a directory in which segments come and go before it believes what it sees.
const surveys = 5

// OpenReadOnly opens the log in dir as far as its mark says that it was durable, and changes nothing: no lock is taken, and
// nothing is cut or written again. So it also works on a copy that may not be written to, and beside a server that has the log
// open: what that server appends later is not seen, and a segment that its retention removes is an fs.ErrNotExist to the
// reader that comes to it. What a process that was killed has written and not synced is not seen either, until the next
// Open has made it durable.
//
// A Reader returns ErrReadOnly at the end, where it would wait for more; so does Append.
func OpenReadOnly(dir string, opts Options) (l *Log, err error) {
	opts, err = opts.withDefaults()
	if err != nil {
		return nil, err
	}
	for range surveys { // a server that has the log open may begin a segment, and remove one, between two looks at it
		if l, err = openReadOnly(dir, opts); err == nil {
			return l, nil
		}
	}
	return nil, err
}

func openReadOnly(dir string, opts Options) (*Log, error) {
	found, err := look(opts.FS, dir)
	if err != nil {
		return nil, err
	}
	if len(found.segments) == 0 {
		return nil, fmt.Errorf("wal: %s holds no log", dir)
	}
	last := found.last()
	next, end, err := durableEnd(opts.FS, *last, found.durable())
	if err != nil {
		return nil, err
	}
	last.bytes = end
	l := newLog(dir, nil, opts)
	l.log, l.seed, l.segments = last.log, last.seed(), found.segments
	l.next, l.written, l.durable = next, next, next
	l.closed, l.err = true, fmt.Errorf("wal: %s: %w", dir, ErrReadOnly)
	l.stop = sync.OnceValue(func() error { return nil })
	l.count()
	return l, nil
}

// durableEnd returns where the durable part of the last segment ends: the sequence after it, and the byte.
func durableEnd(files FS, s segment, durable int64) (next, end int64, err error) {
	file, err := files.OpenFile(s.path, os.O_RDONLY, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("wal: open last segment: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size() // younger than the mark
	if err != nil {
		return 0, 0, fmt.Errorf("wal: segment %s: %w", s.path, err)
	}
	scan := scanner{file: file, seed: s.seed(), off: headerBytes, next: s.base, recycle: true}
	for scan.next < durable && scan.off < size {
		if err := scan.step(size); isBadRecord(err) {
			return 0, 0, scan.corrupt(s.path, fmt.Sprintf("%v, and all before %d were durable", err, durable))
		} else if err != nil {
			return 0, 0, fmt.Errorf("wal: segment %s: %w", s.path, err)
		}
	}
	if scan.next < durable {
		return 0, 0, scan.corrupt(s.path, fmt.Sprintf("it is missing, and all before %d were durable", durable))
	}
	return scan.next, scan.off, nil
}

// ID tells this log from every other: the instant at which it began, in nanoseconds since 1970. A copy has the same.
func (l *Log) ID() int64 { return l.log }
