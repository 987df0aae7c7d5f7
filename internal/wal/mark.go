package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// The mark is a file beside the segments that says how far the log was durable, little-endian:
//
//	magic 8 bytes | version u32 | zero u32 | log i64 | durable i64 | zero u32 | crc32c u32 of all before
//
// It is written after every sync of the segments and before anybody is told of it, so that it never says too much. It
// is not synced itself but by Close: after a power loss it may say less than it did. It lies within one sector, and is
// written over in place.
const (
	markName    = "durable"
	markBytes   = 40
	markVersion = 1
	markMagic   = "recsvEND"
)

type mark struct {
	log     int64 // see header.log
	durable int64 // every record below was synced
}

func (m mark) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, markMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, markVersion)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(m.log))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(m.durable))
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// errMark reports bytes that are no mark.
var errMark = errors.New("it is no mark, or does not match its checksum")

func decodeMark(b []byte) (mark, error) {
	if len(b) != markBytes || string(b[:8]) != markMagic ||
		crc32.Checksum(b[:markBytes-4], castagnoli) != binary.LittleEndian.Uint32(b[markBytes-4:]) {
		return mark{}, errMark
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != markVersion {
		return mark{}, fmt.Errorf("%w %d of a mark: this program reads version %d", ErrVersion, v, markVersion)
	}
	return mark{log: int64(binary.LittleEndian.Uint64(b[16:])), durable: int64(binary.LittleEndian.Uint64(b[24:]))}, nil
}

func readMark(files FS, dir string) (_ *mark, err error) {
	path := filepath.Join(dir, markName)
	file, err := files.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("wal: open mark: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	b := make([]byte, markBytes+1)
	n, err := file.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("wal: read mark %s: %w", path, err)
	}
	m, err := decodeMark(b[:n])
	if errors.Is(err, errMark) {
		return nil, &CorruptError{File: path, Sequence: -1, Reason: err.Error()}
	}
	if err != nil {
		return nil, fmt.Errorf("wal: %s: %w", path, err)
	}
	return &m, nil
}

// createMark makes the mark's file durable, under a temporary name first, and opens it.
func (l *Log) createMark() (File, error) {
	return l.createFile(filepath.Join(l.dir, markName), l.mark(l.durable))
}

func (l *Log) mark(durable int64) []byte { return mark{log: l.log, durable: durable}.append(nil) }

// note writes into the mark that every record below durable is.
func (l *Log) note(durable int64) error {
	if _, err := l.marked.WriteAt(l.mark(durable), 0); err != nil {
		return fmt.Errorf("write mark: %w", err)
	}
	return nil
}
