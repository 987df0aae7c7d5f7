package snapshot

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"io"
)

// Writer writes one file. It is used by one goroutine; its first error stays.
type Writer struct {
	buf *bufio.Writer
	out io.Writer
	sum hash.Hash
	len []byte
}

// NewWriter begins a file.
func NewWriter(w io.Writer, kind Kind, definitions [32]byte) *Writer {
	out := &Writer{out: w, sum: sha256.New()}
	out.buf = bufio.NewWriterSize(io.MultiWriter(w, out.sum), 256<<10)
	out.buf.WriteString(magic + version)
	out.buf.WriteByte(byte(kind))
	out.buf.Write(definitions[:])
	return out
}

// Page writes a page. Keys come in ascending order; none is empty.
func (w *Writer) Page(key, value []byte) error {
	w.block(key)
	return w.block(value)
}

// Close ends the file. The writer below is the caller's to close.
func (w *Writer) Close(d Description) error {
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("description: %w", err)
	}
	if len(text) > maxDescription {
		return fmt.Errorf("a description of %d bytes, more than %d", len(text), maxDescription)
	}
	w.block(nil)
	w.block(text)
	if err := w.buf.Flush(); err != nil {
		return err
	}
	_, err = w.out.Write(w.sum.Sum(nil))
	return err
}

func (w *Writer) block(b []byte) error {
	w.len = binary.AppendUvarint(w.len[:0], uint64(len(b)))
	w.buf.Write(w.len)
	_, err := w.buf.Write(b)
	return err // a bufio.Writer keeps its first error
}
