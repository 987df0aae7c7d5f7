package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"recsvc/internal/dirty"
)

// InspectOptions of one inspection.
type InspectOptions struct {
	Scratch       string // an empty directory for what badger has to write; the caller removes it
	WithoutNewest bool   // look at what would be left if the newest delta were removed
}

// InspectReport says what there is, as far as it could be found out.
type InspectReport struct {
	Latest   Meta        // Epoch 0: there is no checkpoint
	Previous Meta        // to which Rollback would go back; Epoch 0: none
	Newest   string      // file name of the newest delta; empty: none
	Torn     []string    // names of what Open would remove: a checkpoint that was not finished
	Scrub    ScrubReport // of the reading of everything
}

// Inspect scrubs a state that nobody has open, and changes nothing in its directory: neither a torn checkpoint is removed nor a
// write-ahead log replayed. badger cannot do that: it refuses to open read-only what was not closed. So it is given
// a directory of its own, in which the large files, which never change once they are written, are links to ours, and the
// others copies, about 100 MB at most; and it compacts nothing, since it truncates the tables that it drops.
//
// Errors: ErrLocked when a server has it open; ErrFormat and ErrCorrupt as Open and Scrub have them; badger may also panic in
// goroutines of its own, or die of SIGBUS, when its files are damaged.
func Inspect(ctx context.Context, dir string, opts InspectOptions) (report InspectReport, err error) {
	lock, err := shareBase(dir)
	if err != nil {
		return report, fmt.Errorf("inspect state: %w", err)
	}
	if lock != nil {
		defer func() { err = errors.Join(err, lock.Close()) }()
	}
	report.Newest, report.Torn, err = layOut(dir, opts)
	if err != nil {
		return report, fmt.Errorf("inspect state: %w", err)
	}
	s, err := openStill(opts.Scratch)
	if err != nil {
		return report, fmt.Errorf("inspect state: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	report.Latest, _ = s.Latest()
	report.Previous, _ = s.Previous()
	report.Scrub, err = s.Scrub(ctx, ScrubOptions{})
	return report, err
}

// shareBase takes the lock that badger takes, in the form in which others may look too. nil: there is no database.
func shareBase(dir string) (*os.File, error) {
	f, err := os.Open(filepath.Join(dir, baseName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%s: %w by another process", dir, ErrLocked)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// layOut makes the scratch directory look like dir.
func layOut(dir string, opts InspectOptions) (newest string, torn []string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", nil, err
	}
	if err := checkFormat(dir); err != nil {
		return "", nil, err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return "", nil, err
	}
	for _, n := range names { // ascending
		if _, ok := parseDeltaName(n.Name()); ok {
			newest = n.Name()
		} else if strings.HasSuffix(n.Name(), tempSuffix) {
			torn = append(torn, n.Name())
		}
	}
	for _, n := range names {
		_, isDelta := parseDeltaName(n.Name())
		if !isDelta || opts.WithoutNewest && n.Name() == newest {
			continue
		}
		if err := os.Symlink(filepath.Join(dir, n.Name()), filepath.Join(opts.Scratch, n.Name())); err != nil {
			return "", nil, err
		}
	}
	if err := writeFile(opts.Scratch, formatName, []byte(formatText)); err != nil {
		return "", nil, err
	}
	return newest, torn, layOutBase(filepath.Join(dir, baseName), filepath.Join(opts.Scratch, baseName))
}

func checkFormat(dir string) error {
	path := filepath.Join(dir, formatName)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is missing, so that the directory is taken for another program's: %w; if all else is whole, write it: "+
			"printf %q > %s", path, ErrFormat, formatText, path)
	case err != nil:
		return err
	case string(b) != formatText:
		return fmt.Errorf("%s says %.40q, this program reads %q: %w", path, b, formatText, ErrFormat)
	}
	return nil
}

func layOutBase(from, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	names, err := os.ReadDir(from)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, n := range names {
		old, made := filepath.Join(from, n.Name()), filepath.Join(to, n.Name())
		switch {
		case n.Name() == "LOCK" || !n.Type().IsRegular():
			continue
		case strings.HasSuffix(n.Name(), ".sst"):
			err = os.Symlink(old, made)
		default:
			err = copyWithHoles(old, made)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyWithHoles copies a file and leaves out what is zero: badger's logs are mostly room for more.
func copyWithHoles(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	buf, zero := make([]byte, 64<<10), make([]byte, 64<<10)
	for off := int64(0); ; {
		n, err := in.Read(buf)
		if n > 0 && !bytes.Equal(buf[:n], zero[:n]) {
			if _, err := out.WriteAt(buf[:n], off); err != nil {
				return err
			}
		}
		off += int64(n)
		if errors.Is(err, io.EOF) {
			return out.Truncate(off)
		}
		if err != nil {
			return err
		}
	}
}

// openStill is Open for a store that is only read, and whose badger compacts nothing.
func openStill(dir string) (*Store, error) {
	opts, err := Options{}.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, opts: opts, metrics: newMetrics(nil), seed: maphash.MakeSeed()}
	s.life, s.die = context.WithCancel(context.Background())
	s.blocks.New = func() any { return newBlock() }
	if err := s.Room(); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, baseName)
	if s.db, err = openChecked(path, badgerOptions(path, opts).WithNumCompactors(0).WithCompactL0OnClose(false)); err != nil {
		return nil, fmt.Errorf("database: %w: %w; %s", ErrCorrupt, err, remedy)
	}
	s.show(layers{base: newBase(s.db)}, nil)
	if err := s.recover(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// SnapshotsReport says what is in a directory of snapshots.
type SnapshotsReport struct {
	Whole int
	Bytes int64    // of the whole ones' contents
	Torn  []string // names of what NewSnapshots would remove: snapshots that were not finished
}

// InspectSnapshots reads all snapshots in dir, which may be missing, and changes nothing there. The error is one for each that is
// damaged, joined.
func InspectSnapshots(dir string) (report SnapshotsReport, err error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return report, nil
	}
	if err != nil {
		return report, fmt.Errorf("inspect snapshots: %w", err)
	}
	s := &Snapshots{dir: dir, root: root}
	defer func() { err = errors.Join(err, s.Close()) }()
	if report.Torn, err = s.torn(); err != nil {
		return report, fmt.Errorf("inspect snapshots: %w", err)
	}
	metas, err := s.List()
	errs := []error{err}
	for _, m := range metas {
		_, content, err := s.Open(m.ID)
		if err == nil {
			err = content.Close()
			report.Whole++
			report.Bytes += m.Bytes
		}
		errs = append(errs, err)
	}
	return report, errors.Join(errs...)
}

// torn names what clean would remove.
func (s *Snapshots) torn() (torn []string, err error) {
	names, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		id, isContent := strings.CutSuffix(n.Name(), contentSuffix)
		_, err := s.root.Lstat(id + descriptionSuffix)
		if strings.HasSuffix(n.Name(), tempSuffix) || isContent && errors.Is(err, fs.ErrNotExist) {
			torn = append(torn, n.Name())
		}
	}
	return torn, nil
}

// Read hands the entries of the last checkpoint of a state that nobody has open to fn, but those of tables that skip names, in the
// order and on the terms of Store.LoadTables, and says which checkpoint it is. Like Inspect it changes nothing in the directory.
func Read(dir, scratch string, skip func(prefix byte) bool, fn func(key, value []byte, sum dirty.Sum) error) (meta Meta, err error) {
	lock, err := shareBase(dir)
	if err != nil {
		return meta, fmt.Errorf("read state: %w", err)
	}
	if lock != nil {
		defer func() { err = errors.Join(err, lock.Close()) }()
	}
	if _, _, err := layOut(dir, InspectOptions{Scratch: scratch}); err != nil {
		return meta, fmt.Errorf("read state: %w", err)
	}
	s, err := openStill(scratch)
	if err != nil {
		return meta, fmt.Errorf("read state: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	meta, ok := s.Latest()
	if !ok {
		return meta, fmt.Errorf("read state: %s holds no checkpoint", dir)
	}
	return meta, s.LoadTables(skip, fn)
}
