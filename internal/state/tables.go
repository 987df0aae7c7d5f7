package state

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
)

// checkTables opens the tables that badger's MANIFEST names, and closes them. badger opens them on goroutines of its own, where the panic
// that a damaged one causes ends the process; and it goes on without a table whose index does not match its checksum. Here both
// are errors. It reads what badger reads: the index, the first block and the last.
func checkTables(dir string, opts badger.Options) error {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	manifest, _, err := badger.ReplayManifestFile(f, 0, opts)
	if err != nil {
		return nil // badger says it, too
	}
	for _, id := range slices.Sorted(maps.Keys(manifest.Tables)) {
		path := table.NewFilename(id, dir)
		if err := checkTable(path, id); err != nil && !errors.Is(err, fs.ErrNotExist) { // nor does badger open without it
			return fmt.Errorf("table %s: %w", path, err)
		}
	}
	return nil
}

func checkTable(path string, id uint64) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return errors.New("it is empty")
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, syscall.Munmap(data)) }()
	defer func() {
		if recover() != nil { // what badger says then is of no help
			err = errors.New("its index or its last block is damaged")
		}
	}()
	_, err = table.OpenInMemoryTable(data, id, &table.Options{Compression: options.None})
	return err
}
