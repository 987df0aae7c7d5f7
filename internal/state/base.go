package state

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

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
	db, err := openChecked(dir, badgerOptions(dir, opts))
	switch {
	case err == nil:
		return db, nil
	case strings.Contains(err.Error(), "Cannot acquire directory lock"):
		return nil, fmt.Errorf("%s: %w by another process; stop it first, or choose another directory", dir, ErrLocked)
	case denied(err):
		return nil, fmt.Errorf("database in %s: %w", dir, err)
	default:
		return nil, fmt.Errorf("database in %s: %w: %w; %s", dir, ErrCorrupt, err, remedy)
	}
}

// openChecked is badger.Open for tables that may be damaged.
func openChecked(dir string, opts badger.Options) (*badger.DB, error) {
	if err := checkTables(dir, opts); err != nil {
		return nil, err
	}
	return badger.Open(opts)
}

// denied reports whether the system has refused something, which says nothing about what is stored. badger passes on the text of an
// error only.
func denied(err error) bool {
	for _, why := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EIO,
	} {
		if strings.Contains(err.Error(), why.Error()) {
			return true
		}
	}
	return false
}

func badgerOptions(dir string, opts Options) badger.Options {
	return badger.DefaultOptions(dir).
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
		WithLogger(badgerLog{opts.Log.Sugar()})
}

// badgerLog passes on what needs attention. badger's Info tells of every flush.
type badgerLog struct{ log *zap.SugaredLogger }

func (l badgerLog) Errorf(f string, v ...any)   { l.log.Errorf("badger: "+f, v...) }
func (l badgerLog) Warningf(f string, v ...any) { l.log.Warnf("badger: "+f, v...) }
func (l badgerLog) Infof(string, ...any)        {}
func (l badgerLog) Debugf(string, ...any)       {}

// meta returns the Meta of the last fold; Epoch 0: there was none.
func (b *base) meta() (meta Meta, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("database's own checkpoint: badger: %v: %w; %s", r, ErrCorrupt, remedy)
		}
	}()
	item, err := b.txn.Get(metaKey)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return Meta{}, nil
	}
	if err == nil {
		err = item.Value(func(b []byte) error {
			meta, err = decodeMeta(b)
			return err
		})
	}
	if err != nil {
		return Meta{}, fmt.Errorf("database's own checkpoint: %w; %s", err, remedy)
	}
	return meta, nil
}

func appendBaseKey(dst, key []byte) []byte { return append(append(dst, entryPrefix), key...) }

func appendBaseValue(dst []byte, r record) []byte {
	return append(r.sum.AppendTo(append(dst, baseEntryV1)), r.value...)
}

func decodeBaseValue(b []byte) (sum dirty.Sum, value []byte, err error) {
	if len(b) < baseEntryHead || b[0] != baseEntryV1 {
		return dirty.Sum{}, nil, fmt.Errorf("value's header: %w", ErrCorrupt)
	}
	return dirty.DecodeSum(b[1:]), b[baseEntryHead:], nil
}

// baseCursor walks through badger's entries in the order of their keys: those under a prefix, without the tables to skip.
type baseCursor struct {
	it     *badger.Iterator
	skip   *tables
	opened bool
	ok     bool // the fields below are an entry
	record
	buf []byte // key ‖ value
}

func (b *base) cursor(want selection) *baseCursor {
	o := badger.IteratorOptions{Prefix: appendBaseKey(nil, want.prefix)} // values lie beside the keys: no prefetching
	return &baseCursor{it: b.txn.NewIterator(o), skip: &want.skip}
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
	c.passSkipped()
	if c.ok = c.it.Valid(); !c.ok {
		return nil
	}
	item := c.it.Item()
	c.buf = append(c.buf[:0], item.Key()[1:]...)
	n := len(c.buf)
	err = item.Value(func(b []byte) error {
		sum, value, err := decodeBaseValue(b)
		c.sum, c.buf = sum, append(c.buf, value...)
		return err
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

// passSkipped moves on to the first entry of the next table that is wanted.
func (c *baseCursor) passSkipped() {
	for c.it.Valid() {
		table := int(c.it.Item().Key()[1])
		if !c.skip[table] {
			return
		}
		for table < len(c.skip) && c.skip[table] {
			table++
		}
		if table == len(c.skip) {
			c.it.Seek([]byte{entryPrefix + 1})
		} else {
			c.it.Seek([]byte{entryPrefix, byte(table)})
		}
	}
}
