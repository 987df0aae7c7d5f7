package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"recsvc/internal/dirty"
)

// A block is type u8 | 0 u8×3 | payload length u32 | records u32 | crc32c u32 of the twelve bytes before and the
// payload | payload.
const (
	blockHeader  = 16
	blockEntries = 1 // payload: records
	blockCommit  = 2 // payload: the Meta; the last block of a whole delta

	blockTarget     = 1 << 20 // a block is handed on when its next record would take it past this
	maxBlockPayload = blockTarget + recordHeader + MaxKeyBytes + MaxValueBytes
)

// block is one block being filled: its header's place, then records.
type block struct {
	buf     []byte
	records uint32
}

func newBlock() *block {
	return &block{buf: make([]byte, blockHeader, blockTarget)}
}

func (b *block) reset() { b.buf, b.records = b.buf[:blockHeader], 0 }

// fits says whether n more bytes keep the block within its target.
func (b *block) fits(n int) bool { return len(b.buf)+n <= blockTarget || b.records == 0 }

func (b *block) add(key, value []byte, sum dirty.Sum) {
	b.buf = appendRecord(b.buf, key, value, sum)
	b.records++
}

// seal fills in the header.
func (b *block) seal(kind byte) {
	le := binary.LittleEndian
	b.buf[0], b.buf[1], b.buf[2], b.buf[3] = kind, 0, 0, 0
	le.PutUint32(b.buf[4:], uint32(len(b.buf)-blockHeader))
	le.PutUint32(b.buf[8:], b.records)
	le.PutUint32(b.buf[12:], blockChecksum(b.buf[:12], b.buf[blockHeader:]))
}

func blockChecksum(head, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, payload)
}

// blockReader reads blocks one after the other from r.
type blockReader struct {
	r   io.Reader
	buf []byte // the payload last read; reused
}

// next reads a block; its payload is valid until the call after. It returns ErrCorrupt also when the block is cut short.
func (b *blockReader) next() (kind byte, records uint32, payload []byte, err error) {
	var head [blockHeader]byte
	if _, err := io.ReadFull(b.r, head[:]); err != nil {
		return 0, 0, nil, cutShort(err)
	}
	le := binary.LittleEndian
	n := le.Uint32(head[4:])
	if kind = head[0]; (kind != blockEntries && kind != blockCommit) || n > maxBlockPayload {
		return 0, 0, nil, fmt.Errorf("block of kind %d with %d bytes: %w", kind, n, ErrCorrupt)
	}
	if cap(b.buf) < int(n) {
		b.buf = make([]byte, max(int(n), blockTarget))
	}
	payload = b.buf[:n]
	if _, err := io.ReadFull(b.r, payload); err != nil {
		return 0, 0, nil, cutShort(err)
	}
	if blockChecksum(head[:12], payload) != le.Uint32(head[12:]) {
		return 0, 0, nil, fmt.Errorf("block's checksum differs: %w", ErrCorrupt)
	}
	return kind, le.Uint32(head[8:]), payload, nil
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("file ends within a block: %w", ErrCorrupt)
	}
	return err
}
