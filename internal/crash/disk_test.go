package crash

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

	"recsvc/internal/wal"
)

var (
	errDead  = errors.New("the process is dead")
	errFault = errors.New("injected fault")
)

// sector is what a disk writes whole or not at all.
const sector = 512

// disk is a disk in memory for the log. It knows what was synced, and an image of it after a power loss may lack the rest.
// It can fail single operations, and end the process that it belongs to in the middle of one.
type disk struct {
	mu     sync.Mutex
	names  map[string]*inode
	synced map[string]*inode // names as of the last SyncDir

	dead    bool
	dieAt   int        // operations until the process dies; 0: it does not
	power   *rand.Rand // it dies of a power loss; nil: it is killed
	failAt  int        // operations until one fails; 0: none does
	fault   error      // with which
	full    bool       // writes fail until it is false
	ops     int
	faults  int // that were injected
	died    func()
	leaving *disk // what the next process finds
}

type inode struct{ data, synced []byte }

func newDisk() *disk { return &disk{names: map[string]*inode{}, synced: map[string]*inode{}} }

// ask decides about an operation. Under mu.
func (d *disk) ask(op string) error {
	if d.dead {
		return errDead
	}
	d.ops++
	if d.dieAt > 0 {
		if d.dieAt--; d.dieAt == 0 {
			d.die()
			return errDead
		}
	}
	if d.failAt > 0 {
		if d.failAt--; d.failAt == 0 {
			d.faults++
			return d.fault
		}
	}
	if d.full && (op == "write" || op == "create") {
		d.faults++
		return d.fault
	}
	return nil
}

// die ends the process: nothing reaches the disk any more. Under mu.
func (d *disk) die() {
	if d.dead {
		return
	}
	d.dead = true
	d.leaving = d.image()
	if d.died != nil {
		d.died()
	}
}

// kill ends the process now.
func (d *disk) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.die()
}

// isDead reports whether the process was ended, and what it has left.
func (d *disk) isDead() (*disk, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.leaving, d.dead
}

// change does something to the disk between two operations.
func (d *disk) change(fn func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fn()
}

// image is what the next process finds: after a kill everything, after a power loss the names as they are or were at the
// last SyncDir, of each file all that was synced, and of the rest any of the sectors.
func (d *disk) image() *disk {
	after := newDisk()
	names := d.names
	if d.power != nil && d.power.IntN(2) == 0 {
		names = d.synced
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		n := names[name]
		got := bytes.Clone(n.data)
		if d.power != nil {
			got = n.lose(d.power)
		}
		after.names[name] = &inode{data: got, synced: bytes.Clone(got)}
	}
	after.synced = maps.Clone(after.names)
	return after
}

func (n *inode) lose(rng *rand.Rand) []byte {
	size := len(n.data)
	if unsynced := size - len(n.synced); unsynced > 0 && rng.IntN(2) == 0 {
		size -= rng.IntN(unsynced + 1)
	}
	got := make([]byte, size)
	copy(got, n.synced)
	for at := 0; at < size; at += sector {
		if rng.IntN(2) == 0 {
			copy(got[at:min(at+sector, size)], n.data[at:])
		}
	}
	return got
}

// OpenFile implements wal.FS, as the methods below do.
func (d *disk) OpenFile(name string, flag int, _ os.FileMode) (wal.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	op := "open"
	if flag&os.O_CREATE != 0 {
		op = "create"
	}
	if err := d.ask(op); err != nil {
		return nil, err
	}
	n := d.names[name]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n == nil:
		n = &inode{}
		d.names[name] = n
	case flag&os.O_TRUNC != 0:
		n.data = nil
	}
	return &file{d, n}, nil
}

func (d *disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("rename"); err != nil {
		return err
	}
	d.names[to] = d.names[from]
	delete(d.names, from)
	return nil
}

func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("remove"); err != nil {
		return err
	}
	delete(d.names, name)
	return nil
}

func (d *disk) List(string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("list"); err != nil {
		return nil, err
	}
	var names []string
	for path := range d.names {
		names = append(names, filepath.Base(path))
	}
	return names, nil
}

func (d *disk) SyncDir(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("syncdir"); err != nil {
		return err
	}
	d.synced = maps.Clone(d.names)
	return nil
}

// file is one open file of a disk.
type file struct {
	disk *disk
	*inode
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.ask("read"); err != nil {
		return 0, err
	}
	return bytes.NewReader(f.data).ReadAt(b, off)
}

// WriteAt has written half of what it was given when it fails.
func (f *file) WriteAt(b []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.dead {
		return 0, errDead
	}
	put := func(b []byte) int {
		if grow := int(off) + len(b) - len(f.data); grow > 0 {
			f.data = append(f.data, make([]byte, grow)...)
		}
		return copy(f.data[off:], b)
	}
	if f.disk.dieAt == 1 || f.disk.failAt == 1 || f.disk.full {
		n := put(b[:len(b)/2])
		if err := f.disk.ask("write"); err != nil {
			return n, err
		}
	} else if err := f.disk.ask("write"); err != nil {
		return 0, err
	}
	return put(b), nil
}

func (f *file) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.ask("sync"); err != nil {
		return err
	}
	f.synced = bytes.Clone(f.data)
	return nil
}

func (f *file) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.ask("truncate"); err != nil {
		return err
	}
	f.data = f.data[:size]
	return nil
}

func (f *file) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.data)), f.disk.ask("size")
}

func (f *file) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.disk.ask("close")
}
