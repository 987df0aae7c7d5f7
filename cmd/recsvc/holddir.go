package main

import (
	"errors"
	"fmt"
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
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errHeld
	}
	return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), f.Close())
}
