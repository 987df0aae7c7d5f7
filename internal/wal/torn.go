package wal

import "encoding/binary"

// sectorBytes is the least that a disk writes whole.
const sectorBytes = 512

// isTorn reports whether tail, which begins at byte off of the last segment with a bad record where next was
// expected, is what an interrupted write leaves behind. Otherwise something has damaged written records.
//
// A write that the process did not finish ends early: nothing valid follows the bad record. When the machine
// stops, the disk may have kept later pages of what was not synced and lost earlier ones, which then read as
// zeros. So if whole records follow, it was a torn write only if a sector of the bad record is empty, and if
// none of the records that follow says that it was written when the bad one was durable.
func isTorn(tail []byte, off int64, seed uint32, next int64) bool {
	last := next + int64(len(tail)/frameHeaderBytes)
	follows := false
	for i := 1; i+frameHeaderBytes <= len(tail); i++ {
		if seq := frameSequence(tail[i:]); seq < next || seq > last {
			continue // by far the most places: spares the checksum
		}
		f, size, err := decodeFrame(tail[i:], seed)
		if err != nil {
			continue
		}
		if f.flags&flagDurable != 0 {
			return false
		}
		follows = true
		i += size - 1
	}
	return !follows || lostSector(tail, off)
}

// lostSector reports whether one of the sectors that the record at the head of tail lies on holds nothing but
// zeros, from the record's start on.
func lostSector(tail []byte, off int64) bool {
	size := frameHeaderBytes
	if len(tail) >= frameHeaderBytes {
		if n := frameHeaderBytes + int64(binary.LittleEndian.Uint32(tail[4:])); n <= int64(len(tail)) {
			size = int(n)
		}
	}
	for from := 0; from < min(size, len(tail)); {
		to := from + sectorBytes - int((off+int64(from))%sectorBytes)
		if allZero(tail[from:min(to, len(tail))]) {
			return true
		}
		from = to
	}
	return false
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
