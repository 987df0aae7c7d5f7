package wal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// survey is what can be known of a directory without reading records.
type survey struct {
	segments []segment // oldest first
	temps    []string  // paths of what a crash left of a segment being created
	mark     *mark     // nil: there is none
}

// look reads the headers of all segments in dir and holds each against the one before. It changes nothing.
func look(files FS, dir string) (s survey, err error) {
	names, err := files.List(dir)
	if err != nil {
		return survey{}, fmt.Errorf("wal: list %s: %w", dir, err)
	}
	var bases []int64
	for _, name := range names {
		if base, ok := parseSegmentName(name); ok {
			bases = append(bases, base)
		} else if strings.HasSuffix(name, segmentSuffix+tempSuffix) {
			s.temps = append(s.temps, filepath.Join(dir, name))
		}
	}
	slices.Sort(bases)
	for _, base := range bases {
		if err := s.admit(files, dir, base); err != nil {
			return survey{}, err
		}
	}
	if slices.Contains(names, markName) {
		if s.mark, err = readMark(files, dir); err != nil {
			return survey{}, err
		}
	}
	return s, s.marked(dir)
}

// admit reads the header of one segment and holds it against the segment before, if there is one.
func (s *survey) admit(files FS, dir string, base int64) error {
	path := filepath.Join(dir, segmentName(base))
	corrupt := func(format string, args ...any) error {
		return &CorruptError{File: path, Sequence: -1, Reason: fmt.Sprintf(format, args...)}
	}
	h, size, err := readHeader(files, path)
	switch {
	case errors.Is(err, errHeader):
		return corrupt("%v", err)
	case err != nil:
		return fmt.Errorf("wal: segment %s: %w", path, err)
	case h.base != base:
		return corrupt("its header says that it begins at record %d", h.base)
	}
	if n := len(s.segments); n > 0 {
		prev := s.segments[n-1]
		switch {
		case h.log != prev.log:
			return corrupt("it belongs to another log than %s", prev.path)
		case h.previous != prev.base:
			return corrupt("the segment before it, %s, is missing", segmentName(h.previous))
		case h.previousBytes != prev.bytes:
			return &CorruptError{File: prev.path, Offset: min(prev.bytes, h.previousBytes), Sequence: -1,
				Reason: fmt.Sprintf("it has %d bytes and was closed with %d", prev.bytes, h.previousBytes)}
		}
	}
	s.segments = append(s.segments, segment{header: h, path: path, bytes: size})
	return nil
}

// marked holds the mark against the segments.
func (s *survey) marked(dir string) error {
	if s.mark == nil {
		return nil
	}
	corrupt := func(reason string) error {
		return &CorruptError{File: filepath.Join(dir, markName), Sequence: -1, Reason: reason}
	}
	switch {
	case len(s.segments) == 0:
		return corrupt(fmt.Sprintf("it says that every record before %d was durable, and there is no segment", s.mark.durable))
	case s.mark.log != s.last().log:
		return corrupt("it belongs to another log than the segments")
	}
	return nil
}

func (s *survey) last() *segment { return &s.segments[len(s.segments)-1] }

// durable is the sequence below which every record is known to have been durable once.
func (s *survey) durable() int64 {
	if s.mark == nil {
		return s.last().base // else it would not have been begun
	}
	return max(s.mark.durable, s.last().base)
}

// readHeader returns errHeader for bytes that are no header.
func readHeader(files FS, path string) (h header, size int64, err error) {
	file, err := files.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return header{}, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if size, err = file.Size(); err != nil {
		return header{}, 0, err
	}
	b := make([]byte, headerBytes)
	n, err := file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return header{}, 0, err
	}
	h, err = decodeHeader(b[:n])
	return h, size, err
}
