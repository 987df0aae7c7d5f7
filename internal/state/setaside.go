package state

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// damagedSuffix marks a checkpoint that was set aside. Open passes it over.
const damagedSuffix = ".damaged"

// SetAsideNewest renames the newest checkpoint in dir, so that the next Open gives the one before. It is Rollback for a state
// that Open refuses, because the file is damaged where Open looks. undo takes it back; ErrNoPrevious: there is no such file.
// Whether there is a checkpoint before it, Open tells.
func SetAsideNewest(dir string) (undo func() error, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*"+deltaSuffix))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("set aside the newest checkpoint in %s: %w", dir, cmp.Or(err, ErrNoPrevious))
	}
	path := paths[len(paths)-1] // sorted by name, and so by epoch
	rename := func(from, to string) error {
		if err := errors.Join(os.Rename(from, to), syncDir(dir)); err != nil {
			return fmt.Errorf("set aside the newest checkpoint in %s: %w", dir, err)
		}
		return nil
	}
	undo = func() error { return rename(path+damagedSuffix, path) }
	if err := rename(path, path+damagedSuffix); err != nil {
		return nil, errors.Join(err, undo())
	}
	return undo, nil
}
