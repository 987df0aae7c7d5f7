package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"recsvc/internal/event"
)

const (
	formatName = "FORMAT" // says what the directory is
	formatText = "recsvc state 1\n"
	baseName   = "badger"
)

// Store is the state of one server in one directory. It is safe for concurrent use.
type Store struct {
	dir     string
	opts    Options
	db      *badger.DB
	metrics *metrics
	fault   func(step string, after bool) error // Options.Fault

	blocks  sync.Pool      // of *block
	readers sync.WaitGroup // views; added to under mu
	folder  sync.WaitGroup // the fold in progress; added to under mu

	life context.Context // ends when the store begins to close, and with it folds and scrubs
	die  context.CancelFunc

	seed      maphash.Seed // of the deltas' indexes
	filtering sync.Mutex   // held by who makes the filter

	mu       sync.Mutex
	gate     sync.RWMutex // held with mu to change layers, filter and closed: Get takes this one only, and nobody holds it for long
	layers                // what readers see
	filter   atomic.Pointer[filter]
	folded   Meta // the checkpoint up to which badger is whole; Epoch 0: none
	open     *Checkpoint
	folding  bool
	buffered bool     // something was folded: badger has it in memory and in its own log, and not all of it in tables
	retry    retry    // of folds
	foldErr  error    // why the last fold was not made; nil: it was
	stale    []string // folded deltas that could not be removed
	closed   bool
}

// Open opens the state in dir, or makes it when dir is empty or missing, and removes what a torn checkpoint or fold
// left there. It reads descriptions only: Load checks the rest.
//
// Errors: ErrLocked when another process has it open, ErrFormat when it is not ours or of another version, ErrCorrupt
// when it is damaged, ErrDiskFull when there is too little room to work.
func Open(dir string, opts Options) (*Store, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, opts: opts, metrics: newMetrics(opts.Registerer), fault: opts.Fault, seed: maphash.MakeSeed()}
	s.life, s.die = context.WithCancel(context.Background())
	s.blocks.New = func() any { return newBlock() }
	if err := claim(dir); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	if err := s.Room(); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	if s.db, err = openBase(filepath.Join(dir, baseName), opts); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	s.show(layers{base: newBase(s.db)}, nil)
	if err := s.recover(); err != nil {
		s.layers.release()
		return nil, errors.Join(fmt.Errorf("open state: %w", err), s.db.Close())
	}
	return s, nil
}

// claim makes dir a state directory, or checks that it is one.
func claim(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	path := filepath.Join(dir, formatName)
	b, err := os.ReadFile(path)
	if err == nil {
		if string(b) != formatText {
			return fmt.Errorf("%s says %.40q, this program reads %q: %w; if only that file is damaged, write it: printf %q > %s",
				path, b, formatText, ErrFormat, formatText, path)
		}
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n.Name() != formatName+tempSuffix && n.Name() != "lost+found" {
			return fmt.Errorf("%s holds %s but no %s, so it is not a state directory: %w; choose another",
				dir, n.Name(), formatName, ErrFormat)
		}
	}
	return writeFile(dir, formatName, []byte(formatText))
}

// writeFile makes a whole file durable: temporary name, sync, rename, sync of the directory.
func writeFile(dir, name string, b []byte) error {
	temp := filepath.Join(dir, name+tempSuffix)
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// recover finds the checkpoints in the directory, and removes torn and folded ones.
func (s *Store) recover() (err error) {
	if s.folded, err = s.base.meta(); err != nil {
		return err
	}
	names, err := os.ReadDir(s.dir) // sorted, and so ascending by epoch
	if err != nil {
		return err
	}
	for _, n := range names {
		path := filepath.Join(s.dir, n.Name())
		epoch, isDelta := parseDeltaName(n.Name())
		if strings.HasSuffix(n.Name(), tempSuffix) || isDelta && epoch <= s.folded.Epoch {
			if err := os.Remove(path); err != nil {
				return err
			}
			continue
		}
		if !isDelta {
			continue
		}
		d, err := openDelta(path, epoch)
		if err != nil {
			return err
		}
		last := s.latest().Epoch
		s.push(d)
		if d.previous != last {
			return fmt.Errorf("checkpoint %d follows %d, but the last one found is %d: %w; %s",
				epoch, d.previous, last, ErrCorrupt, remedy)
		}
	}
	return nil
}

// latest returns the Meta of the last committed checkpoint; Epoch 0: none. Under mu.
func (s *Store) latest() Meta {
	if n := len(s.deltas); n > 0 {
		return s.deltas[n-1].meta
	}
	return s.folded
}

// Latest returns the description of the last committed checkpoint, or false when there is none yet. Its Cursor,
// Watermarks, Shards and Root are shared: do not change them.
func (s *Store) Latest() (Meta, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.latest()
	return m, m.Epoch > 0
}

// Previous returns the description of the checkpoint before the last, to which Rollback would go back.
func (s *Store) Previous() (Meta, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch n := len(s.deltas); n {
	case 0:
		return Meta{}, false
	case 1:
		return s.folded, s.folded.Epoch > 0
	default:
		return s.deltas[n-2].meta, true
	}
}

// Oldest returns the cursor from which the log must be kept: that of the checkpoint to which Rollback would go back. It is
// empty, so that all of the log is needed, until there are two.
func (s *Store) Oldest() event.Cursor {
	m, _ := s.Previous()
	return m.Cursor
}

// Rollback drops the last checkpoint, so that the one before is the last. It is for one that Load finds damaged, with
// nothing in use of what was loaded and no checkpoint open. It goes back one step: a second one may find that the checkpoint
// is gone already, which Load then reports.
func (s *Store) Rollback() error {
	s.folder.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.deltas)
	switch {
	case s.closed:
		return fmt.Errorf("roll back: %w", ErrClosed)
	case s.open != nil:
		return fmt.Errorf("roll back: %w", ErrBusy)
	case n == 0 || n == 1 && s.folded.Epoch == 0:
		return fmt.Errorf("roll back checkpoint %d: %w", s.latest().Epoch, ErrNoPrevious)
	}
	if err := s.removeLast(); err != nil {
		return fmt.Errorf("roll back checkpoint %d: %w", s.latest().Epoch, err)
	}
	s.pop()
	return nil
}

// removeLast removes the newest delta, after one of a failed checkpoint that may be left behind it.
func (s *Store) removeLast() error {
	last := s.deltas[len(s.deltas)-1]
	err := os.Remove(filepath.Join(s.dir, deltaName(last.meta.Epoch+1)))
	if err == nil {
		err = syncDir(s.dir)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return errors.Join(os.Remove(last.path), syncDir(s.dir))
}

// Room returns ErrDiskFull when less than Options.MinFreeBytes are free.
func (s *Store) Room() error { return room(s.dir, s.opts.MinFreeBytes) }

// Ready says why a checkpoint that is begun now could not be committed: ErrBusy, ErrBacklog, ErrDiskFull, ErrClosed; nil when
// nothing speaks against it. Ask before a cut: what a checkpoint has taken and lost must be put again.
func (s *Store) Ready() error {
	s.mu.Lock()
	err := s.refusal()
	s.mu.Unlock()
	if err == nil {
		err = s.Room()
	}
	return err
}

// refusal says why no checkpoint can begin. Under mu.
func (s *Store) refusal() error {
	switch {
	case s.closed:
		return ErrClosed
	case s.open != nil && s.open.given != nil:
		return fmt.Errorf("%w: it was given up, but the disk still holds it: %v", ErrBusy, s.open.given)
	case s.open != nil:
		return ErrBusy
	case len(s.deltas) >= maxDeltas(s.opts):
		s.startFold()
		return fmt.Errorf("%w: %d; the last fold: %w", ErrBacklog, len(s.deltas), cmp.Or(s.foldErr, errSlow))
	}
	return nil
}

// Close waits for a Commit in progress and for readers, gives up a checkpoint that nobody commits, stops folding and
// scrubbing, and closes. It waits for as long as the disk holds any of these. A second Close does nothing.
//
// ErrDiskFull: there is no room for what badger would write as it closes, which would kill the process. It is left as a kill would leave it,
// locked until the process ends; nothing is lost.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.gate.Lock() // whoever is in Get ends first
	s.closed = true
	s.gate.Unlock()
	s.die()
	open := s.open
	committing := open != nil && open.sealed
	s.mu.Unlock()
	if open != nil {
		if !committing {
			open.giveUp(ErrClosed, "aborted")
		}
		<-open.ended
	}
	s.readers.Wait()
	s.folder.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.layers.release()
	if s.buffered {
		if err := room(s.dir, closingBytes(s.opts)); err != nil {
			return fmt.Errorf("close state: %w; it is left as after a kill", err)
		}
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close state in %s: %w", s.dir, err)
	}
	return nil
}

// closingBytes is what badger may write as it closes: its write buffers, as tables.
func closingBytes(o Options) int64 { return 2 * o.MemTableBytes }
