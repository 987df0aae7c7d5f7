package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// reserve takes the place on the disk for all that badger's write-ahead log may grow to, so that no write into its memory map finds the
// disk full. What badger writes to the next log, until reserve is called again, and to its tables still needs room that is free then.
func (s *Store) reserve() (err error) {
	logs, err := filepath.Glob(filepath.Join(s.dir, baseName, "*.mem"))
	if err != nil || len(logs) == 0 {
		return err
	}
	f, err := os.OpenFile(logs[len(logs)-1], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := allocate(f, info.Size()); errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%s: %w: %w", f.Name(), ErrDiskFull, err)
	} else if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return nil
}
