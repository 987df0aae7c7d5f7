package wal

import (
	"os"
	"syscall"
)

// datasync flushes content and size but not the times, which saves a write of the inode.
func datasync(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err != syscall.EINTR {
			return err
		}
	}
}
