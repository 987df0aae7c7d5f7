package wal

import (
	"errors"
	"fmt"
	"io"
)

// readBytes is how much is read from a segment at once, unless one record is longer.
const readBytes = 1 << 20

// scanner decodes the records of one segment in order.
type scanner struct {
	file    File
	seed    uint32
	off     int64  // in the file, of the first byte not decoded
	next    int64  // sequence of the record that begins there
	rest    []byte // read but not decoded
	need    int    // bytes that rest must hold before decode can go on
	recycle bool   // fill may overwrite payloads handed out before
	buf     []byte // of recycle
}

// decode returns the next record's payload, or errShort if fill must be called first. After any other error
// off stands at the bad record.
func (s *scanner) decode() ([]byte, error) {
	f, size, err := decodeFrame(s.rest, s.seed)
	switch {
	case err != nil:
		s.need = size
		return nil, err
	case f.sequence != s.next:
		return nil, fmt.Errorf("%w: it says %d", errSequence, f.sequence)
	}
	s.rest = s.rest[size:]
	s.off += int64(size)
	s.next++
	return f.payload, nil
}

// step goes past one record, which must end before limit, or returns why it cannot.
func (s *scanner) step(limit int64) error {
	for {
		_, err := s.decode()
		if !errors.Is(err, errShort) {
			return err
		}
		if err := s.fill(limit); err != nil {
			return err
		}
	}
}

// chunk goes past the records of about one read.
func (s *scanner) chunk(limit int64) error {
	if err := s.step(limit); err != nil {
		return err
	}
	for s.off < limit {
		if _, err := s.decode(); errors.Is(err, errShort) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// fill reads on, up to limit bytes from the start of the file. Without recycle the payloads handed out
// before stay as they are. It returns errShort if the record does not end before limit.
func (s *scanner) fill(limit int64) error {
	want := min(limit-s.off, int64(max(s.need, readBytes)))
	if want < int64(s.need) {
		return errShort
	}
	buf := s.buffer(int(want))
	have := copy(buf, s.rest)
	n, err := s.file.ReadAt(buf[have:], s.off+int64(have))
	s.rest = buf[:have+n]
	if err != nil && (!errors.Is(err, io.EOF) || len(s.rest) < s.need) {
		return fmt.Errorf("read at byte %d: %w", s.off+int64(have), err)
	}
	return nil
}

// corrupt reports the record that the scanner has come to, in the segment at path.
func (s *scanner) corrupt(path, reason string) error {
	return &CorruptError{File: path, Offset: s.off, Sequence: s.next,
		Reason: fmt.Sprintf("record %d is bad: %s", s.next, reason)}
}

func (s *scanner) buffer(n int) []byte {
	if !s.recycle {
		return make([]byte, n)
	}
	if cap(s.buf) < n {
		s.buf = make([]byte, n)
	}
	return s.buf[:n]
}
