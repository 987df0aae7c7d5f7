package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

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
// It reads the whole last segment, cuts a torn tail from it (see Log.Repaired), writes again what is not known to have
// been durable and syncs it: when Open returns, all that can be read is durable. Any other damage is refused with a
// *CorruptError, and nothing is changed.
func Open(dir string, opts Options) (*Log, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := makeDir(dir, opts.FS); err != nil {
		return nil, fmt.Errorf("wal: create directory: %w", err)
	}
	lock, err := lockDir(dir, syscall.LOCK_EX)
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
		closing:  make(chan struct{}),
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
	found, err := look(l.opts.FS, l.dir)
	if err != nil {
		return err
	}
	for _, path := range found.temps {
		if err := l.opts.FS.Remove(path); err != nil {
			return fmt.Errorf("wal: remove what is left of a segment: %w", err)
		}
	}
	if len(found.segments) == 0 {
		return l.begin()
	}
	l.log, l.seed, l.segments = found.last().log, found.last().seed(), found.segments
	if err := l.resume(found); err != nil {
		return err
	}
	l.count()
	return nil
}

// begin creates the first segment of a new log.
func (l *Log) begin() error {
	l.log = l.opts.Clock().UnixNano()
	h := header{log: l.log, base: l.opts.First, previous: -1}
	file, s, err := l.create(h)
	if err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	l.seed, l.active, l.segments = h.seed(), file, []segment{s}
	l.next, l.written, l.durable = h.base, h.base, h.base
	if l.marked, err = l.createMark(); err != nil {
		return errors.Join(fmt.Errorf("wal: %w", err), file.Close())
	}
	l.count()
	return nil
}

// create makes a segment file durable with its header.
func (l *Log) create(h header) (File, segment, error) {
	h.created = l.opts.Clock().UnixNano()
	s := segment{header: h, path: filepath.Join(l.dir, segmentName(h.base)), bytes: headerBytes}
	file, err := l.createFile(s.path, h.append(nil))
	return file, s, err
}

// createFile makes a file durable with its first content, under a temporary name first: one that has its name is whole.
func (l *Log) createFile(path string, content []byte) (File, error) {
	temp := path + tempSuffix
	file, err := l.opts.FS.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	_, err = file.WriteAt(content, 0)
	for _, step := range []func() error{
		file.Sync,
		func() error { return l.opts.FS.Rename(temp, path) },
		func() error { return l.opts.FS.SyncDir(l.dir) },
	} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create %s: %w", path, err), file.Close())
	}
	return file, nil
}

// resume reads the last segment, cuts its torn tail, and makes durable all that it then holds.
func (l *Log) resume(found survey) (err error) {
	s := found.last()
	file, err := l.opts.FS.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("wal: open last segment: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	end, err := readTail(file, *s, found.durable())
	if err != nil {
		return err
	}
	if first, oldest := l.opts.First, l.segments[0].base; first != 0 && (first < oldest || first > end.next) {
		return fmt.Errorf("wal: %s holds records %d to %d and cannot go on at %d, where its owner stands: it is another log, or has lost a part",
			l.dir, oldest, end.next, first)
	}
	if end.torn > 0 {
		if err := file.Truncate(end.off); err != nil {
			return fmt.Errorf("wal: cut torn end of %s: %w", s.path, err)
		}
		l.repair = Repair{File: s.path, Offset: end.off, Bytes: end.torn}
		s.bytes = end.off
	}
	if err := l.harden(file, *s, end.doubt); err != nil {
		return err
	}
	l.active, l.next, l.written, l.durable = file, end.next, end.next, end.next
	return l.openMark(found.mark != nil)
}

// harden makes a segment durable. What was not known to be durable from byte doubt on is written again: after a failed
// sync the kernel takes for clean what it has lost, so that another sync would not write it. The directory is synced as
// well: the process before may have failed to.
func (l *Log) harden(file File, s segment, doubt int64) error {
	buf := make([]byte, min(readBytes, s.bytes-doubt))
	for doubt < s.bytes {
		n, err := file.ReadAt(buf[:min(int64(len(buf)), s.bytes-doubt)], doubt)
		if n == 0 {
			return fmt.Errorf("wal: read end of %s: %w", s.path, err)
		}
		if _, err := file.WriteAt(buf[:n], doubt); err != nil {
			return fmt.Errorf("wal: write end of %s again: %w", s.path, err)
		}
		doubt += int64(n)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("wal: sync %s: %w", s.path, err)
	}
	if err := l.opts.FS.SyncDir(l.dir); err != nil {
		return fmt.Errorf("wal: sync %s: %w", l.dir, err)
	}
	return nil
}

// openMark opens the mark, or makes one where a log has none yet, and writes into it how much is durable.
func (l *Log) openMark(exists bool) (err error) {
	if !exists {
		l.marked, err = l.createMark()
	} else if l.marked, err = l.opts.FS.OpenFile(filepath.Join(l.dir, markName), os.O_RDWR, 0); err == nil {
		if err = l.note(l.durable); err != nil {
			err = errors.Join(err, l.marked.Close())
		}
	}
	if err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	return nil
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
