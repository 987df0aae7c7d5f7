package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A backup begins with "recsvcBK" | version u32 | crc32c u32 of the twelve bytes before. Blocks follow, each
// kind u8 | 0 u8×3 | stored length u32 | length u32 | records u32 | crc32c u32 of the sixteen bytes before and the
// payload | payload, compressed with zstd by itself. The block of kind backupEnd ends the file.
const (
	backupMagic    = "recsvcBK"
	backupVersion  = 1
	backupPreamble = 16
	backupFrame    = 20 // header of a block

	backupTarget = 1 << 20 // a block is written when its next record would take it past this
	// What a block may hold at most, and what compression may make of it when it cannot make it smaller.
	maxBackupBlock  = max(backupTarget, maxDescription) + 2*binary.MaxVarintLen32 + MaxKeyBytes + MaxValueBytes
	maxBackupStored = maxBackupBlock + maxBackupBlock/128 + 1<<10
)

// The kinds of blocks, in the order in which they come.
const (
	backupHead     = 1 // JSON of backupHeadText; one
	backupEntries  = 2 // entries: key length uvarint | value length uvarint | key | value, keys ascending
	backupSnapshot = 3 // a snapshot's SnapshotMeta as JSON, ids ascending
	backupContent  = 4 // a part of the content of the snapshot before
	backupEnd      = 5 // JSON of backupEndText; one
)

func backupStart() []byte {
	b := binary.LittleEndian.AppendUint32([]byte(backupMagic), backupVersion)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// sealer compresses and frames blocks. The same blocks give the same bytes.
type sealer struct {
	enc *zstd.Encoder
	out []byte
}

func newSealer() (*sealer, error) {
	// One goroutine, so that backups do not take the cores that serve; the frame has a checksum already.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	return &sealer{enc: enc}, err
}

// seal returns the block; it is valid until the next call.
func (s *sealer) seal(kind byte, records uint32, payload []byte) []byte {
	if s.out == nil {
		s.out = make([]byte, backupFrame, backupTarget)
	}
	b := s.enc.EncodeAll(payload, s.out[:backupFrame])
	s.out = b
	le := binary.LittleEndian
	b[0], b[1], b[2], b[3] = kind, 0, 0, 0
	le.PutUint32(b[4:], uint32(len(b)-backupFrame))
	le.PutUint32(b[8:], uint32(len(payload)))
	le.PutUint32(b[12:], records)
	le.PutUint32(b[16:], blockChecksum(b[:16], b[backupFrame:]))
	return b
}

// opener reads what sealer wrote.
type opener struct {
	r      io.Reader
	dec    *zstd.Decoder
	stored []byte
	plain  []byte
	off    int64 // of the next block in the file
}

func newOpener(r io.Reader) (*opener, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBackupBlock))
	return &opener{r: r, dec: dec}, err
}

// start reads what stands before the blocks.
func (o *opener) start() error {
	var b [backupPreamble]byte
	n, err := io.ReadFull(o.r, b[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if n < len(backupMagic) || string(b[:8]) != backupMagic {
		return fmt.Errorf("it does not begin as a backup of recsvc does: %w", ErrFormat)
	}
	if n < backupPreamble {
		return fmt.Errorf("it ends after %d bytes: %w", n, ErrCorrupt)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != backupVersion {
		return fmt.Errorf("its version is %d, this program reads %d: restore it with the recsvc that made it, or a %s one: %w",
			v, backupVersion, newerOrOlder(v), ErrFormat)
	}
	if crc32.Checksum(b[:12], castagnoli) != binary.LittleEndian.Uint32(b[12:]) {
		return fmt.Errorf("the checksum of its first bytes differs: %w", ErrCorrupt)
	}
	o.off = backupPreamble
	return nil
}

func newerOrOlder(version uint32) string {
	if version > backupVersion {
		return "newer"
	}
	return "older"
}

// sealed is one block, opened. Its payload is valid until the next one is read.
type sealed struct {
	kind    byte
	records uint32
	payload []byte
	raw     []byte // as it stands in the file
	off     int64  // in the file
}

// next reads a block. A file that ends here, or within the block, is ErrCorrupt: the last block says that it is the last.
func (o *opener) next() (sealed, error) {
	b, err := o.read()
	if err != nil {
		return sealed{}, fmt.Errorf("block at byte %d: %w", o.off, err)
	}
	o.off += int64(len(b.raw))
	return b, nil
}

func (o *opener) read() (sealed, error) {
	o.stored = growTo(o.stored, backupFrame)
	if _, err := io.ReadFull(o.r, o.stored); err != nil {
		return sealed{}, backupCut(err)
	}
	le, head := binary.LittleEndian, o.stored
	kind, stored, plain := head[0], le.Uint32(head[4:]), le.Uint32(head[8:])
	if kind < backupHead || kind > backupEnd || stored > maxBackupStored || plain > maxBackupBlock {
		return sealed{}, fmt.Errorf("kind %d with %d bytes, %d unpacked: %w", kind, stored, plain, ErrCorrupt)
	}
	o.stored = growTo(o.stored, backupFrame+int(stored))
	payload := o.stored[backupFrame:]
	if _, err := io.ReadFull(o.r, payload); err != nil {
		return sealed{}, backupCut(err)
	}
	if blockChecksum(o.stored[:16], payload) != le.Uint32(o.stored[16:]) {
		return sealed{}, fmt.Errorf("checksum differs: %w", ErrCorrupt)
	}
	var err error
	if o.plain, err = o.dec.DecodeAll(payload, o.plain[:0]); err != nil || len(o.plain) != int(plain) {
		return sealed{}, fmt.Errorf("it unpacks to %d bytes, %d expected: %w", len(o.plain), plain, errors.Join(err, ErrCorrupt))
	}
	return sealed{kind: kind, records: le.Uint32(o.stored[12:]), payload: o.plain, raw: o.stored, off: o.off}, nil
}

// end returns nil when nothing follows.
func (o *opener) end() error {
	var b [1]byte
	switch n, err := io.ReadFull(o.r, b[:]); {
	case n > 0:
		return fmt.Errorf("it goes on behind its end at byte %d: %w", o.off, ErrCorrupt)
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

func (o *opener) close() { o.dec.Close() }

// growTo returns b with n bytes, the first of which it keeps.
func growTo(b []byte, n int) []byte {
	if cap(b) < n {
		b = append(make([]byte, 0, n+n/4), b...)
	}
	return b[:n]
}

func backupCut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the file ends here, before its end: %w", ErrCorrupt)
	}
	return err
}

// backupEntry reads an entry from the front of b and returns what follows it.
func backupEntry(b []byte) (key, value, rest []byte, err error) {
	keyLen, n := binary.Uvarint(b)
	valueLen, m := binary.Uvarint(b[max(n, 0):])
	if n <= 0 || m <= 0 || keyLen == 0 || keyLen > MaxKeyBytes || valueLen > MaxValueBytes ||
		keyLen+valueLen > uint64(len(b)-n-m) {
		return nil, nil, nil, fmt.Errorf("lengths of an entry do not add up: %w", ErrCorrupt)
	}
	b = b[n+m:]
	return b[:keyLen], b[keyLen : keyLen+valueLen], b[keyLen+valueLen:], nil
}
