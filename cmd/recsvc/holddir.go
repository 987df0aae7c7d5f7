package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

var errHeld = errors.New("another process has it open")

// holdDirectory locks a directory for this process until the file is closed, or the process ends. It is the lock that the log
// and badger take too, each on its own directory.
func holdDirectory(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return flock(f, syscall.LOCK_EX)
}

// shareDirectory is holdDirectory for who only reads: others may too. A directory that is missing is nobody's: nil.
func shareDirectory(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return flock(f, syscall.LOCK_SH)
}

// flock returns f with the lock, or closes it.
func flock(f *os.File, how int) (*os.File, error) {
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errHeld
	}
	return nil, errors.Join(fmt.Errorf("%s: %w", f.Name(), err), f.Close())
}
