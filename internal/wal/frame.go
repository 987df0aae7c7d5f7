package wal

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A frame is one record on disk, little-endian:
//
//	crc32c u32 | length u32 | flags u8 | sequence i64 | payload
//
// The checksum covers all that follows it. It starts from the log's seed instead of 0, so that bytes of
// another log, or frames inside a payload, do not pass for records of this one.
const frameHeaderBytes = 4 + 4 + 1 + 8

// MaxRecordBytes is the longest payload.
const MaxRecordBytes = 16 << 20

// flagDurable says that every record before this one was durable when this one was written.
const flagDurable = 1 << 0

const knownFlags = flagDurable

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// badRecord says what is wrong with bytes that were read well enough.
type badRecord string

func (e badRecord) Error() string { return string(e) }

const (
	errShort    = badRecord("it is cut short")
	errLength   = badRecord("its length is impossible")
	errChecksum = badRecord("it does not match its checksum")
	errFlags    = badRecord("it has flags that this version does not know")
	errSequence = badRecord("it is out of sequence")
)

// isBadRecord tells the errors of decoding from those of reading.
func isBadRecord(err error) bool {
	var bad badRecord
	return errors.As(err, &bad)
}

type frame struct {
	sequence int64
	flags    byte
	payload  []byte // aliases the decoded bytes
}

func appendFrame(dst []byte, seed uint32, f frame) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(f.payload)))
	dst = append(dst, f.flags)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(f.sequence))
	dst = append(dst, f.payload...)
	binary.LittleEndian.PutUint32(dst[start:], crc32.Update(seed, castagnoli, dst[start+4:]))
	return dst
}

// setFlag adds a flag to the frame that b begins with.
func setFlag(b []byte, seed uint32, flag byte) {
	size := frameHeaderBytes + binary.LittleEndian.Uint32(b[4:])
	b[8] |= flag
	binary.LittleEndian.PutUint32(b, crc32.Update(seed, castagnoli, b[4:size]))
}

// decodeFrame reads the frame that b begins with and returns its size in bytes. With errShort the size is
// how many bytes it would take to say more.
func decodeFrame(b []byte, seed uint32) (frame, int, error) {
	if len(b) < frameHeaderBytes {
		return frame{}, frameHeaderBytes, errShort
	}
	length := binary.LittleEndian.Uint32(b[4:])
	if length > MaxRecordBytes {
		return frame{}, 0, errLength
	}
	size := frameHeaderBytes + int(length)
	if len(b) < size {
		return frame{}, size, errShort
	}
	if crc32.Update(seed, castagnoli, b[4:size]) != binary.LittleEndian.Uint32(b) {
		return frame{}, 0, errChecksum
	}
	f := frame{sequence: frameSequence(b), flags: b[8], payload: b[frameHeaderBytes:size:size]}
	if f.flags&^knownFlags != 0 {
		return frame{}, 0, errFlags
	}
	return f, size, nil
}

// frameSequence reads the sequence of an unchecked frame; b holds at least its header.
func frameSequence(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b[9:])) }
