package state

import (
	"encoding/binary"
	"fmt"
	"math"

	"recsvc/internal/dirty"
)

// A record is one entry of a delta: keyLen u32 | valueLen u32 | sum 16 | key | value, little-endian. The length deleted
// stands for no value.
const (
	recordHeader = 4 + 4 + dirty.SumBytes
	deleted      = math.MaxUint32
)

type record struct {
	key, value []byte // value nil: deleted
	sum        dirty.Sum
}

func appendRecord(dst, key, value []byte, sum dirty.Sum) []byte {
	n := uint32(len(value))
	if value == nil {
		n = deleted
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(key)))
	dst = binary.LittleEndian.AppendUint32(dst, n)
	dst = sum.AppendTo(dst)
	dst = append(dst, key...)
	return append(dst, value...)
}

// decodeRecord reads one record from the front of b and returns its length. The record aliases b.
func decodeRecord(b []byte) (record, int, error) {
	if len(b) < recordHeader {
		return record{}, 0, fmt.Errorf("%d bytes are too short for an entry: %w", len(b), ErrCorrupt)
	}
	keyLen, valueLen := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	isDeleted := valueLen == deleted
	if isDeleted {
		valueLen = 0
	}
	n := recordHeader + int64(keyLen) + int64(valueLen)
	if keyLen == 0 || keyLen > MaxKeyBytes || valueLen > MaxValueBytes || n > int64(len(b)) {
		return record{}, 0, fmt.Errorf("entry with a key of %d and a value of %d bytes in %d: %w",
			keyLen, valueLen, len(b), ErrCorrupt)
	}
	r := record{sum: dirty.DecodeSum(b[8:]), key: b[recordHeader : recordHeader+keyLen]}
	if !isDeleted {
		r.value = b[recordHeader+keyLen : n : n]
	}
	return r, int(n), nil
}

// check compares the entry with its sum. b is the record's own bytes, from decodeRecord.
func (r record) check(b []byte) error {
	return r.checkJoined(b[recordHeader : recordHeader+len(r.key)+len(r.value)])
}

// checkJoined compares the entry with its sum. joined is its key and behind it its value.
func (r record) checkJoined(joined []byte) error {
	if r.value != nil && dirty.SumJoined(joined, len(r.key)) != r.sum {
		return fmt.Errorf("entry %x: checksum differs: %w", r.key, ErrCorrupt)
	}
	return nil
}
