package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// A segment file begins with a header, little-endian:
//
//	magic 8 bytes | version u32 | zero u32 | log i64 | base i64 | created i64 |
//	previous i64 | previous bytes i64 | zero u32 | crc32c u32 of all before
const (
	headerBytes    = 64
	segmentVersion = 1
	segmentMagic   = "recsvWAL"
	segmentSuffix  = ".wal"
	tempSuffix     = ".tmp"
)

type header struct {
	log           int64 // instant at which the log began, ns since 1970: tells logs apart and seeds the checksums
	base          int64 // sequence of the first record
	created       int64 // ns since 1970; the segment before holds nothing younger
	previous      int64 // base of the segment before; -1: there was none
	previousBytes int64 // its size when it was closed
}

func (h header) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, segmentMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, segmentVersion)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	for _, v := range []int64{h.log, h.base, h.created, h.previous, h.previousBytes} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// errHeader reports bytes that are no header of a segment.
var errHeader = errors.New("bad header")

func decodeHeader(b []byte) (header, error) {
	if len(b) < headerBytes {
		return header{}, fmt.Errorf("%w: the file is shorter", errHeader)
	}
	if !bytes.HasPrefix(b, []byte(segmentMagic)) {
		return header{}, fmt.Errorf("%w: the file does not begin like a segment", errHeader)
	}
	if crc32.Checksum(b[:headerBytes-4], castagnoli) != binary.LittleEndian.Uint32(b[headerBytes-4:]) {
		return header{}, fmt.Errorf("%w: it does not match its checksum", errHeader)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != segmentVersion {
		return header{}, fmt.Errorf("%w %d of a segment: this program reads version %d", ErrVersion, v, segmentVersion)
	}
	word := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[16+8*i:])) }
	return header{log: word(0), base: word(1), created: word(2), previous: word(3), previousBytes: word(4)}, nil
}

// seed is where the checksums of the log's frames start.
func (h header) seed() uint32 {
	return crc32.Checksum(binary.LittleEndian.AppendUint64(nil, uint64(h.log)), castagnoli)
}

func segmentName(base int64) string { return fmt.Sprintf("%020d%s", base, segmentSuffix) }

// parseSegmentName reports the base that a name carries; false for files of other kinds.
func parseSegmentName(name string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseUint(digits, 10, 63)
	return int64(base), err == nil
}
