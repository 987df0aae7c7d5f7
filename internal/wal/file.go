package wal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// FS is what a log asks of a file system; tests put faults into it. The lock on the directory is not part of it.
type FS interface {
	OpenFile(name string, flag int, perm os.FileMode) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	List(dir string) ([]string, error) // names, in any order
	SyncDir(dir string) error          // makes created, renamed and removed names durable
}

// File is one open file. ReadAt may be called beside WriteAt and Sync.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error // makes the content durable, and the size; not the times
}

// OS is the file system of the operating system.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Rename(from, to string) error { return os.Rename(from, to) }
func (osFS) Remove(name string) error     { return os.Remove(name) }

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

type osFile struct{ *os.File }

func (f osFile) Sync() error {
	if err := datasync(f.File); err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// lockDir takes the lock of dir, exclusive (LOCK_EX) or shared (LOCK_SH). The kernel drops it when the file is closed or the process ends,
// however it ends.
func lockDir(dir string, how int) (*os.File, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("wal: open directory: %w", err)
	}
	err = syscall.Flock(int(d.Fd()), how|syscall.LOCK_NB)
	if err == nil {
		return d, nil
	}
	closed := d.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("wal: %s: %w: another process, or another log of this one, has it open", dir, ErrInUse)
	}
	return nil, errors.Join(fmt.Errorf("wal: lock directory %s: %w", dir, err), closed)
}
