package wal

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

var errFault = errors.New("injected fault")

// memFS is a disk in memory that knows what has been synced and can lose the rest. fault, if set, is asked
// before each operation. A write that fails has written its first half, or as much as a shortWrite says. A sync that
// fails has written nothing, and what it should have written is taken for clean, as Linux does: another one does not
// write it either.
type memFS struct {
	fault func(op, path string) error

	mu     sync.Mutex
	names  map[string]*memData
	synced map[string]*memData // names as of the last SyncDir
	torn   int                 // files that lost something in the power loss that made this disk
}

type memData struct {
	data, synced []byte
	dirty        map[int]bool // pages of data that the next sync writes
}

const pageBytes = 4096

// touch makes a range of data dirty.
func (d *memData) touch(from, to int) {
	if d.dirty == nil {
		d.dirty = map[int]bool{}
	}
	for page := from / pageBytes; page*pageBytes < to; page++ {
		d.dirty[page] = true
	}
}

// clean writes the dirty pages.
func (d *memData) clean() {
	synced := make([]byte, len(d.data))
	copy(synced, d.synced)
	for page := range d.dirty {
		if at := page * pageBytes; at < len(d.data) {
			copy(synced[at:], d.data[at:min(at+pageBytes, len(d.data))])
		}
	}
	d.synced, d.dirty = synced, nil
}

// shortWrite is a fault of a write that takes n bytes.
type shortWrite struct {
	n   int
	err error
}

func (e shortWrite) Error() string { return e.err.Error() }
func (e shortWrite) Unwrap() error { return e.err }

func newMemFS() *memFS { return &memFS{names: map[string]*memData{}} }

func (m *memFS) ask(op, path string) error {
	if m.fault == nil {
		return nil
	}
	return m.fault(op, path)
}

func (m *memFS) OpenFile(name string, flag int, _ os.FileMode) (File, error) {
	if err := m.ask("open", name); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.names[name]
	switch {
	case d == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case d == nil:
		d = &memData{}
		m.names[name] = d
	case flag&os.O_TRUNC != 0:
		d.data = nil
	}
	return &memFile{m, name, d}, nil
}

func (m *memFS) Rename(from, to string) error {
	if err := m.ask("rename", from); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.names[to] = m.names[from]
	delete(m.names, from)
	return nil
}

func (m *memFS) Remove(name string) error {
	if err := m.ask("remove", name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.names, name)
	return nil
}

func (m *memFS) List(dir string) ([]string, error) {
	if err := m.ask("list", dir); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for path := range m.names {
		names = append(names, filepath.Base(path))
	}
	return names, nil
}

func (m *memFS) SyncDir(dir string) error {
	if err := m.ask("syncdir", dir); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.synced = maps.Clone(m.names)
	return nil
}

// powerLoss returns what the disk may hold after the power failed: each name as it is or was at the last
// SyncDir, of each file all that was synced, and of the rest any of the sectors.
func (m *memFS) powerLoss(rng *rand.Rand) *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := newMemFS()
	both := maps.Clone(m.synced)
	if both == nil {
		both = map[string]*memData{}
	}
	maps.Copy(both, m.names)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		d := m.names[name]
		if d != m.synced[name] && rng.IntN(2) == 0 {
			d = m.synced[name]
		}
		if d == nil {
			continue
		}
		size := len(d.data)
		if n := len(d.data) - len(d.synced); n > 0 && rng.IntN(2) == 0 {
			size -= rng.IntN(n + 1)
		}
		got := make([]byte, size)
		copy(got, d.synced)
		for at := 0; at < size; at += sectorBytes {
			if d.dirty[at/pageBytes] && rng.IntN(2) == 0 {
				copy(got[at:min(at+sectorBytes, size)], d.data[at:])
			}
		}
		after.names[name] = &memData{data: got, synced: bytes.Clone(got)}
		if !bytes.Equal(got, d.data) {
			after.torn++
		}
	}
	return after
}

type memFile struct {
	fs   *memFS
	name string
	*memData
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.fs.ask("read", f.name); err != nil {
		return 0, err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return bytes.NewReader(f.data).ReadAt(b, off)
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	err := f.fs.ask("write", f.name)
	var short shortWrite
	if errors.As(err, &short) {
		b = b[:min(short.n, len(b))]
	} else if err != nil {
		b = b[:len(b)/2]
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if grow := int(off) + len(b) - len(f.data); grow > 0 {
		f.data = append(f.data, make([]byte, grow)...)
	}
	f.touch(int(off), int(off)+len(b))
	return copy(f.data[off:], b), err
}

func (f *memFile) Sync() error {
	err := f.fs.ask("sync", f.name)
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err != nil {
		f.dirty = nil
		return err
	}
	f.clean()
	return nil
}

func (f *memFile) Truncate(size int64) error {
	if err := f.fs.ask("truncate", f.name); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.data = f.data[:size]
	return nil
}

func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.data)), f.fs.ask("size", f.name)
}

func (f *memFile) Close() error { return f.fs.ask("close", f.name) }
