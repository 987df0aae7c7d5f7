package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Repair is what Open cut from the end of a log: a write that was never completed, and so never acknowledged.
type Repair struct {
	File   string // path of the segment
	Offset int64  // where it now ends, in bytes
	Bytes  int64  // how many were cut
}

// Open opens the log in dir, and creates both where there is none. The directory is locked against a second
// Open (ErrInUse) until Close.
//
// It reads the whole last segment, cuts a torn tail from it (see Log.Repaired) and syncs it: when Open
// returns, all that can be read is durable. Any other damage is refused with a *CorruptError, and nothing is
// changed.
func Open(dir string, opts Options) (*Log, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := makeDir(dir, opts.FS); err != nil {
		return nil, fmt.Errorf("wal: create directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	l := newLog(dir, lock, opts)
	if err := l.load(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	l.loops.Go(l.writeLoop)
	l.loops.Go(l.syncLoop)
	return l, nil
}

// newLog returns a log that has yet to load its directory.
func newLog(dir string, lock *os.File, opts Options) *Log {
	l := &Log{
		dir: dir, opts: opts, lock: lock,
		metrics:  newMetrics(opts.Registerer),
		budget:   semaphore.NewWeighted(opts.BufferBytes),
		filling:  &group{},
		upcoming: newRound(),
	}
	l.toWrite.L, l.toSync.L = &l.mu, &l.mu
	l.stop = sync.OnceValue(l.shut)
	return l
}

func makeDir(dir string, files FS) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return files.SyncDir(filepath.Dir(dir))
}

// load finds the segments and readies the last one to be written on.
func (l *Log) load() error {
	bases, err := l.list()
	if err != nil {
		return fmt.Errorf("wal: list %s: %w", l.dir, err)
	}
	if len(bases) == 0 {
		return l.begin()
	}
	var last header
	for _, base := range bases {
		if last, err = l.admit(base, last); err != nil {
			return err
		}
	}
	l.log, l.seed = last.log, last.seed()
	if err := l.resume(); err != nil {
		return err
	}
	l.count()
	return nil
}

// list returns the bases of the segments, sorted, and removes what a crash left of a segment being created.
func (l *Log) list() ([]int64, error) {
	names, err := l.opts.FS.List(l.dir)
	if err != nil {
		return nil, err
	}
	var bases []int64
	for _, name := range names {
		if base, ok := parseSegmentName(name); ok {
			bases = append(bases, base)
		} else if strings.HasSuffix(name, segmentSuffix+tempSuffix) {
			if err := l.opts.FS.Remove(filepath.Join(l.dir, name)); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(bases)
	return bases, nil
}

// begin creates the first segment of a new log.
func (l *Log) begin() error {
	now := l.opts.Clock().UnixNano()
	h := header{log: now, previous: -1}
	file, s, err := l.create(h)
	if err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	l.log, l.seed, l.active, l.segments = now, h.seed(), file, []segment{s}
	l.count()
	return nil
}

// create makes a segment file durable with its header, under a temporary name first: a segment that has its
// name has a whole header.
func (l *Log) create(h header) (File, segment, error) {
	h.created = l.opts.Clock().UnixNano()
	s := segment{path: filepath.Join(l.dir, segmentName(h.base)), base: h.base, created: h.created, bytes: headerBytes}
	temp := s.path + tempSuffix
	file, err := l.opts.FS.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, segment{}, fmt.Errorf("create segment: %w", err)
	}
	_, err = file.WriteAt(h.append(nil), 0)
	for _, step := range []func() error{
		file.Sync,
		func() error { return l.opts.FS.Rename(temp, s.path) },
		func() error { return l.opts.FS.SyncDir(l.dir) },
	} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		return nil, segment{}, errors.Join(fmt.Errorf("create segment %s: %w", s.path, err), file.Close())
	}
	return file, s, nil
}

// admit reads the header of one segment, holds it against the header of the one before, if there is one, and
// appends it to l.segments.
func (l *Log) admit(base int64, before header) (header, error) {
	path := filepath.Join(l.dir, segmentName(base))
	corrupt := func(offset int64, format string, args ...any) error {
		return &CorruptError{File: path, Offset: offset, Sequence: -1, Reason: fmt.Sprintf(format, args...)}
	}
	h, size, err := l.readHeader(path)
	if errors.Is(err, ErrVersion) {
		return header{}, fmt.Errorf("wal: segment %s: %w", path, err)
	}
	var bad *headerError
	if errors.As(err, &bad) {
		return header{}, corrupt(0, "%v", bad.cause)
	}
	if err != nil {
		return header{}, fmt.Errorf("wal: read segment: %w", err)
	}
	if h.base != base {
		return header{}, corrupt(0, "its header says that it begins at record %d", h.base)
	}
	if n := len(l.segments); n > 0 {
		prev := l.segments[n-1]
		switch {
		case h.log != before.log:
			return header{}, corrupt(0, "it belongs to another log than %s", prev.path)
		case h.previous != prev.base:
			return header{}, corrupt(0, "the segment before it, %s, is missing", segmentName(h.previous))
		case h.previousBytes != prev.bytes:
			return header{}, &CorruptError{File: prev.path, Offset: min(prev.bytes, h.previousBytes), Sequence: -1,
				Reason: fmt.Sprintf("it has %d bytes and was closed with %d", prev.bytes, h.previousBytes)}
		}
	}
	l.segments = append(l.segments, segment{path: path, base: base, created: h.created, bytes: size})
	return h, nil
}

// headerError sets a header that is not one apart from a file that cannot be read.
type headerError struct{ cause error }

func (e *headerError) Error() string { return e.cause.Error() }
func (e *headerError) Unwrap() error { return e.cause }

func (l *Log) readHeader(path string) (h header, size int64, err error) {
	file, err := l.opts.FS.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return header{}, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if size, err = file.Size(); err != nil {
		return header{}, 0, err
	}
	b := make([]byte, headerBytes)
	n, err := file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return header{}, 0, err
	}
	if h, err = decodeHeader(b[:n]); err != nil {
		return header{}, 0, &headerError{err}
	}
	return h, size, nil
}

// resume reads the last segment, cuts its torn tail and syncs it.
func (l *Log) resume() error {
	s := &l.segments[len(l.segments)-1]
	file, err := l.opts.FS.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("wal: open last segment: %w", err)
	}
	next, err := l.mend(file, s)
	if err == nil {
		if err = file.Sync(); err != nil { // the process before may have ended between write and sync
			err = fmt.Errorf("wal: sync %s: %w", s.path, err)
		}
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	l.active, l.next, l.written, l.durable = file, next, next, next
	return nil
}

// mend finds the end of the last segment, cutting a torn tail, and returns the sequence after it.
func (l *Log) mend(file File, s *segment) (int64, error) {
	scan := scanner{file: file, seed: l.seed, off: headerBytes, next: s.base, recycle: true}
	bad := scan.all(s.bytes)
	if bad == nil {
		return scan.next, nil
	}
	if !isBadRecord(bad) {
		return 0, fmt.Errorf("wal: segment %s: %w", s.path, bad)
	}
	tail := make([]byte, s.bytes-scan.off)
	if _, err := file.ReadAt(tail, scan.off); err != nil {
		return 0, fmt.Errorf("wal: segment %s: read its end: %w", s.path, err)
	}
	if errors.Is(bad, errFlags) || errors.Is(bad, errSequence) { // its checksum holds: it was written so
		return 0, scan.corrupt(s.path, bad.Error())
	}
	if !isTorn(tail, scan.off, l.seed, scan.next) {
		return 0, scan.corrupt(s.path, bad.Error()+", and whole records follow it")
	}
	if err := file.Truncate(scan.off); err != nil {
		return 0, fmt.Errorf("wal: cut torn end of %s: %w", s.path, err)
	}
	l.repair = Repair{File: s.path, Offset: scan.off, Bytes: s.bytes - scan.off}
	s.bytes = scan.off
	return scan.next, nil
}

// count sets the gauges once the segments are known.
func (l *Log) count() {
	size := int64(0)
	for _, s := range l.segments {
		size += s.bytes
	}
	l.metrics.segments.Set(float64(len(l.segments)))
	l.metrics.size.Set(float64(size))
}
