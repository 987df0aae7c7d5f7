package state

import (
	"errors"
	"os"
	"syscall"
)

// allocate gives the first n bytes of a file their place on the disk, where the file system can.
func allocate(f *os.File, n int64) error {
	for {
		switch err := syscall.Fallocate(int(f.Fd()), 0, 0, n); {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EOPNOTSUPP):
			return nil
		default:
			return err
		}
	}
}
