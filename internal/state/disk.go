package state

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// syncDir makes the names in dir durable.
func syncDir(dir string) (err error) {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}

// room refuses when the disk of dir has less than atLeast bytes free. badger writes through memory maps, so a full
// disk would kill the process with SIGBUS instead of failing a write.
func room(dir string, atLeast int64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return fmt.Errorf("free space of %s: %w", dir, err)
	}
	if free := int64(st.Bavail) * int64(st.Bsize); free < atLeast {
		return fmt.Errorf("%s has %d MiB free, %d MiB are needed: %w; make room there",
			dir, free>>20, atLeast>>20, ErrDiskFull)
	}
	return nil
}
