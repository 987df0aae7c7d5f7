package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// sectorBytes is the least that a disk writes whole.
const sectorBytes = 512

// ending is how the last segment of a log ends.
type ending struct {
	off   int64 // where its last whole record ends, in bytes
	next  int64 // sequence after that
	torn  int64 // bytes behind it: the remains of a write that was never completed
	doubt int64 // what lies from here on is not known to be durable
}

// readTail reads the last segment of a log of which every record below durable is known to have been durable. It changes
// nothing.
func readTail(file File, s segment, durable int64) (ending, error) {
	scan := scanner{file: file, seed: s.seed(), off: headerBytes, next: s.base, recycle: true}
	end := ending{doubt: headerBytes}
	var bad error
	for bad == nil && scan.off < s.bytes {
		if scan.next == durable {
			end.doubt = scan.off
		}
		bad = scan.step(s.bytes)
	}
	if scan.next == durable {
		end.doubt = scan.off
	}
	end.off, end.next, end.torn = scan.off, scan.next, s.bytes-scan.off
	if bad == nil && scan.next < durable {
		return ending{}, &CorruptError{File: s.path, Offset: scan.off, Sequence: scan.next,
			Reason: fmt.Sprintf("it ends with record %d, and all before %d were durable", scan.next-1, durable)}
	}
	if bad == nil {
		return end, nil
	}
	if !isBadRecord(bad) {
		return ending{}, fmt.Errorf("wal: segment %s: %w", s.path, bad)
	}
	return end, notTorn(file, s, &scan, bad, durable)
}

// notTorn returns why the bad record that scan has come to is not the remains of an interrupted write; nil if it is.
func notTorn(file File, s segment, scan *scanner, bad error, durable int64) error {
	if errors.Is(bad, errFlags) || errors.Is(bad, errSequence) { // its checksum holds: it was written so
		return scan.corrupt(s.path, bad.Error())
	}
	if scan.next < durable {
		return scan.corrupt(s.path, fmt.Sprintf("%v, and all before %d were durable", bad, durable))
	}
	tail := make([]byte, s.bytes-scan.off)
	if _, err := file.ReadAt(tail, scan.off); err != nil {
		return fmt.Errorf("wal: segment %s: read its end: %w", s.path, err)
	}
	if !isTorn(tail, scan.off, s.seed(), scan.next) {
		return scan.corrupt(s.path, bad.Error()+", and whole records follow it")
	}
	return nil
}

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
