package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// A delta is one checkpoint as a file: a header, blocks of entries, and a block with the Meta. The header is
// magic 8 | format u32 | 0 u32 | epoch u64 | epoch of the checkpoint before u64 | offset of the last block u64 |
// 0 u32 | crc32c u32 of all before, and is written last.
const (
	deltaMagic  = "recsvcCK"
	deltaHeader = 48
	deltaSuffix = ".delta"
	tempSuffix  = ".tmp"
)

type delta struct {
	path     string
	previous uint64 // epoch of the checkpoint before
	commit   int64  // offset of the last block
	meta     Meta
	file     *os.File // open as long as somebody may read from it
	held     int      // by how many; under Store.mu

	indexing sync.Mutex // held by who builds the index
	index    atomic.Pointer[index]
}

func deltaName(epoch uint64) string { return fmt.Sprintf("%016x%s", epoch, deltaSuffix) }

// parseDeltaName returns the epoch in a name that deltaName made.
func parseDeltaName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, deltaSuffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	epoch, err := strconv.ParseUint(digits, 16, 64)
	return epoch, err == nil && deltaName(epoch) == name
}

func (d *delta) header() []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, deltaHeader), deltaMagic...)
	b = le.AppendUint32(b, Format)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, d.meta.Epoch)
	b = le.AppendUint64(b, d.previous)
	b = le.AppendUint64(b, uint64(d.commit))
	b = le.AppendUint32(b, 0)
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeHeader reads what header made.
func (d *delta) decodeHeader(b []byte) error {
	le := binary.LittleEndian
	if len(b) < deltaHeader || string(b[:8]) != deltaMagic {
		return fmt.Errorf("not a checkpoint file: %w", ErrCorrupt)
	}
	if crc32.Checksum(b[:44], castagnoli) != le.Uint32(b[44:]) { // before the format: a flipped bit there is damage
		return fmt.Errorf("header's checksum differs: %w", ErrCorrupt)
	}
	if v := le.Uint32(b[8:]); v != Format {
		return fmt.Errorf("format %d, this program reads %d: %w", v, Format, ErrFormat)
	}
	d.meta.Epoch, d.previous, d.commit = le.Uint64(b[16:]), le.Uint64(b[24:]), int64(le.Uint64(b[32:]))
	return nil
}

// openDelta opens the delta at path and reads its header and its Meta.
func openDelta(path string, epoch uint64) (*delta, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %d: %w", epoch, err)
	}
	d := &delta{path: path, file: f}
	err = d.readEnds(f)
	if err == nil && d.meta.Epoch != epoch {
		err = fmt.Errorf("it says that it is checkpoint %d: %w", d.meta.Epoch, ErrCorrupt)
	}
	if err != nil {
		return nil, d.failed(epoch, errors.Join(err, f.Close()))
	}
	return d, nil
}

func (d *delta) readEnds(f io.ReaderAt) error {
	var head [deltaHeader]byte
	if n, err := f.ReadAt(head[:], 0); n < deltaHeader {
		return cutShort(err)
	}
	if err := d.decodeHeader(head[:]); err != nil {
		return err
	}
	if d.commit < deltaHeader {
		return fmt.Errorf("last block at %d: %w", d.commit, ErrCorrupt)
	}
	r := blockReader{r: io.NewSectionReader(f, d.commit, blockHeader+maxBlockPayload)}
	kind, _, payload, err := r.next()
	if err != nil {
		return err
	}
	meta, err := decodeMeta(payload)
	if err != nil {
		return err
	}
	if kind != blockCommit || meta.Epoch != d.meta.Epoch {
		return fmt.Errorf("last block is not the commit of checkpoint %d: %w", d.meta.Epoch, ErrCorrupt)
	}
	d.meta = meta
	return nil
}

// scan reads every record of the delta in f, in the order in which they were put. off is the record's place in the
// file. The record is valid during the call only; its own sum is not checked, its block's is.
func (d *delta) scan(f io.ReaderAt, fn func(r record, off int64, size int) error) error {
	if d.commit < deltaHeader {
		return d.failed(d.meta.Epoch, fmt.Errorf("last block at %d: %w", d.commit, ErrCorrupt))
	}
	off := int64(deltaHeader)
	r := blockReader{r: io.NewSectionReader(f, off, d.commit-off)}
	for off < d.commit {
		kind, records, payload, err := r.next()
		if err == nil && kind != blockEntries {
			err = fmt.Errorf("commit block before the end: %w", ErrCorrupt)
		}
		if err == nil {
			err = scanBlock(payload, records, off+blockHeader, fn)
		}
		if err != nil {
			return d.failed(d.meta.Epoch, fmt.Errorf("block at %d: %w", off, err))
		}
		off += blockHeader + int64(len(payload))
	}
	return nil
}

func scanBlock(payload []byte, records uint32, off int64, fn func(record, int64, int) error) error {
	for rest := payload; len(rest) > 0; records-- {
		r, n, err := decodeRecord(rest)
		if err != nil {
			return err
		}
		if err := fn(r, off, n); err != nil {
			return err
		}
		rest, off = rest[n:], off+int64(n)
	}
	if records != 0 {
		return fmt.Errorf("number of entries differs: %w", ErrCorrupt)
	}
	return nil
}

// lookUp returns the newest record of key in the delta, read into the free room behind dst, which may have to grow. The
// record is found also when it is a deletion.
func (d *delta) lookUp(dst, key []byte, seed maphash.Seed, hash uint32) (grown []byte, r record, found bool, err error) {
	x, err := d.indexed(seed)
	if err != nil {
		return dst, record{}, false, err
	}
	for i := x.find(hash); ; i++ {
		s, ok := x.at(i, hash)
		if !ok {
			return dst, record{}, false, nil
		}
		dst = slices.Grow(dst, int(s.size))
		r, err := d.read(dst[len(dst):len(dst)+int(s.size)], s.off)
		if err != nil {
			return dst, record{}, false, err
		}
		if bytes.Equal(r.key, key) {
			return dst, r, true, nil
		}
	}
}

// read reads the record that lies at off and fills b, and checks it.
func (d *delta) read(b []byte, off int64) (record, error) {
	if _, err := d.file.ReadAt(b, off); err != nil {
		return record{}, d.failed(d.meta.Epoch, readFailed(err))
	}
	r, _, err := decodeRecord(b)
	if err == nil {
		err = r.check(b)
	}
	if err != nil {
		return record{}, d.failed(d.meta.Epoch, err)
	}
	return r, nil
}

func readFailed(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("file has become shorter: %w", ErrCorrupt)
	}
	return err
}

// indexed returns the delta's index. One that was found on disk gets it from whatever reads all of it first: as a rule that
// is Load.
func (d *delta) indexed(seed maphash.Seed) (*index, error) {
	if x := d.index.Load(); x != nil {
		return x, nil
	}
	d.indexing.Lock()
	defer d.indexing.Unlock()
	if x := d.index.Load(); x != nil {
		return x, nil
	}
	b := indexer{seed: seed}
	err := d.scan(d.file, func(r record, off int64, size int) error {
		b.add(r.key, off, size)
		return nil
	})
	if err != nil {
		return nil, err
	}
	x := b.build()
	d.index.Store(x)
	return x, nil
}

// failed names the delta in err and, when it is damaged, says what to do.
func (d *delta) failed(epoch uint64, err error) error {
	if errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("checkpoint %d in %s: %w; %s; if it is the newest one, removing the file goes back to the one before",
			epoch, filepath.Base(d.path), err, remedy)
	}
	return fmt.Errorf("checkpoint %d in %s: %w", epoch, filepath.Base(d.path), err)
}
