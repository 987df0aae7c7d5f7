package state

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"go.uber.org/zap"

	"recsvc/internal/dirty"
)

// In badger an entry has the key 'e' ‖ key and the value version u8 | sum 16 | value. The key 'm' holds the Meta of the
// checkpoint up to which deltas are folded in.
const (
	entryPrefix   = 'e'
	baseEntryV1   = 1
	baseEntryHead = 1 + dirty.SumBytes
)

var metaKey = []byte{'m'}

// openBase opens badger in dir, which it locks.
func openBase(dir string, opts Options) (*badger.DB, error) {
	db, err := badger.Open(badgerOptions(dir, opts))
	switch {
	case err == nil:
		return db, nil
	case strings.Contains(err.Error(), "Cannot acquire directory lock"):
		return nil, fmt.Errorf("%s: %w by another process; stop it first, or choose another directory", dir, ErrLocked)
	default:
		return nil, fmt.Errorf("database in %s: %w: %w; %s", dir, ErrCorrupt, err, remedy)
	}
}

func badgerOptions(dir string, opts Options) badger.Options {
	o := badger.DefaultOptions(dir).
		WithMemTableSize(opts.MemTableBytes).
		WithNumMemtables(2).
		WithNumCompactors(2).
		WithNumGoroutines(2).
		WithBaseTableSize(4 << 20).
		WithBaseLevelSize(64 << 20).
		WithBlockSize(32 << 10).       // room for pages of weights: at 4 KiB tables are built in three times their size
		WithValueThreshold(1 << 20).   // above MaxValueBytes: nothing goes to the value log
		WithValueLogFileSize(4 << 20). // of which twice as much is mapped
		WithCompression(options.None).
		WithBlockCacheSize(0). // useless without compression
		WithIndexCacheSize(16 << 20).
		WithDetectConflicts(false). // one writer
		WithMetricsEnabled(false).  // they are global
		WithSyncWrites(true).       // db.Sync does not reach a write buffer that was rotated out
		WithLogger(nil)
	if opts.Log != nil {
		o = o.WithLogger(badgerLog{opts.Log.Sugar()})
	}
	return o
}

// badgerLog passes on what needs attention. badger's Info tells of every flush.
type badgerLog struct{ log *zap.SugaredLogger }

func (l badgerLog) Errorf(f string, v ...any)   { l.log.Errorf("badger: "+f, v...) }
func (l badgerLog) Warningf(f string, v ...any) { l.log.Warnf("badger: "+f, v...) }
func (l badgerLog) Infof(string, ...any)        {}
func (l badgerLog) Debugf(string, ...any)       {}

// readBaseMeta returns the Meta of the last fold, or false when there was none.
func readBaseMeta(db *badger.DB) (meta Meta, ok bool, err error) {
	err = db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(metaKey)
		if err != nil {
			return err
		}
		return item.Value(func(b []byte) error {
			meta, err = decodeMeta(b)
			return err
		})
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return Meta{}, false, nil
	}
	if err != nil {
		return Meta{}, false, fmt.Errorf("database's own checkpoint: %w; %s", err, remedy)
	}
	return meta, true, nil
}

func appendBaseKey(dst, key []byte) []byte { return append(append(dst, entryPrefix), key...) }

func appendBaseValue(dst []byte, r record) []byte {
	return append(r.sum.AppendTo(append(dst, baseEntryV1)), r.value...)
}

// baseCursor walks through badger's entries under a prefix in the order of their keys.
type baseCursor struct {
	it     *badger.Iterator
	opened bool
	ok     bool // the fields below are an entry
	record
	buf []byte // key ‖ value
}

func newBaseCursor(txn *badger.Txn, prefix []byte) *baseCursor {
	o := badger.IteratorOptions{Prefix: appendBaseKey(nil, prefix)} // values lie beside the keys: no prefetching
	return &baseCursor{it: txn.NewIterator(o)}
}

func (c *baseCursor) close() { c.it.Close() }

// next moves to the next entry and checks it. Damaged tables can make badger panic.
func (c *baseCursor) next() (err error) {
	defer func() {
		if r := recover(); r != nil {
			c.ok, err = false, fmt.Errorf("database: badger: %v: %w; %s", r, ErrCorrupt, remedy)
		}
	}()
	if c.opened {
		c.it.Next()
	} else {
		c.it.Rewind()
		c.opened = true
	}
	if c.ok = c.it.Valid(); !c.ok {
		return nil
	}
	item := c.it.Item()
	c.buf = append(c.buf[:0], item.Key()[1:]...)
	n := len(c.buf)
	err = item.Value(func(b []byte) error {
		if len(b) < baseEntryHead || b[0] != baseEntryV1 {
			return fmt.Errorf("value's header: %w", ErrCorrupt)
		}
		c.sum = dirty.DecodeSum(b[1:])
		c.buf = append(c.buf, b[baseEntryHead:]...)
		return nil
	})
	c.key, c.value = c.buf[:n:n], c.buf[n:]
	if err == nil && dirty.SumJoined(c.buf, n) != c.sum {
		err = fmt.Errorf("checksum differs: %w", ErrCorrupt)
	}
	if err != nil {
		return fmt.Errorf("database: entry %x: %w; %s", c.key, err, remedy)
	}
	return nil
}
