package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"recsvc/internal/event"
)

// The content of a model snapshot, version 2: the magic line, the 32 bytes of Options.Definitions that it was taken
// under, then for each page of weights that is not blank its key and value as they stand in a checkpoint, each with its
// length as uvarint, keys ascending, then a length of 0. The description beside it holds the SHA-256.
const (
	snapshotMagic   = "recsvc model "
	snapshotVersion = "2\n"
)

// maxPage bounds what a length in a snapshot may ask for.
const maxPage = 1 << 20

// ErrSnapshot reports a snapshot that cannot be restored.
var ErrSnapshot = errors.New("unusable model snapshot")

// WriteSnapshot writes the model's weights as of a place in the log that it returns. The writer goes on meanwhile: the
// pages are read from a checkpoint, which is no older than the call.
func (e *Engine) WriteSnapshot(ctx context.Context, w io.Writer) (event.Cursor, error) {
	if _, err := e.Checkpoint(ctx); err != nil {
		return nil, err
	}
	definitions := e.Definitions()
	buf := bufio.NewWriterSize(w, 1<<20)
	buf.WriteString(snapshotMagic + snapshotVersion)
	buf.Write(definitions[:])
	meta, err := e.State.Pages([]byte{'w'}, func(key, value []byte) error {
		writeBlock(buf, key)
		return writeBlock(buf, value)
	})
	if err == nil && meta.Definitions != definitions {
		err = fmt.Errorf("%w: the definitions of features have changed meanwhile", ErrSnapshot)
	}
	buf.WriteByte(0)
	return meta.Cursor.Clone(), errors.Join(err, buf.Flush())
}

func writeBlock(w *bufio.Writer, b []byte) error {
	w.Write(binary.AppendUvarint(nil, uint64(len(b))))
	_, err := w.Write(b)
	return err // a bufio.Writer keeps its first error
}

// readSnapshot hands the pages of a snapshot that was taken under the given definitions to page, which says whether it
// knows the page, and must not keep it. Its errors are ErrSnapshot, wrapped.
func readSnapshot(content io.Reader, definitions [32]byte, page func(key, value []byte) (bool, error)) error {
	in := bufio.NewReaderSize(content, 1<<20)
	if err := readSnapshotHead(in, definitions); err != nil {
		return err
	}
	var key, value, last []byte
	for {
		var err error
		if key, err = readBlock(in, key); err != nil {
			return err
		}
		if len(key) == 0 {
			break
		}
		if bytes.Compare(key, last) <= 0 {
			return fmt.Errorf("%w: page %x follows page %x", ErrSnapshot, key, last)
		}
		if value, err = readBlock(in, value); err != nil {
			return err
		}
		ok, err := page(key, value)
		if err != nil {
			return fmt.Errorf("%w: page %x: %w", ErrSnapshot, key, err)
		}
		if !ok {
			return fmt.Errorf("%w: page %x belongs to no head of this model", ErrSnapshot, key)
		}
		last = append(last[:0], key...)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return fmt.Errorf("%w: it goes on behind its end", ErrSnapshot)
	}
	return nil
}

func readSnapshotHead(in io.Reader, definitions [32]byte) error {
	head := make([]byte, len(snapshotMagic)+len(snapshotVersion)+len(definitions))
	n, _ := io.ReadFull(in, head)
	rest, ok := strings.CutPrefix(string(head[:n]), snapshotMagic)
	if !ok {
		return fmt.Errorf("%w: it does not begin as one", ErrSnapshot)
	}
	rest, ok = strings.CutPrefix(rest, snapshotVersion)
	switch {
	case !ok:
		return fmt.Errorf("%w: its version is %.1q, this recsvc reads %.1q", ErrSnapshot, rest, snapshotVersion)
	case len(rest) < len(definitions):
		return fmt.Errorf("%w: it ends within its head", ErrSnapshot)
	case rest != string(definitions[:]):
		return fmt.Errorf("%w: it was taken under other definitions of features or heads", ErrSnapshot)
	}
	return nil
}

// readBlock reads a block into buf, or into a larger one. An empty block is the end.
func readBlock(r *bufio.Reader, buf []byte) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, fmt.Errorf("%w: a length: %w", ErrSnapshot, err)
	}
	if n > maxPage {
		return nil, fmt.Errorf("%w: a length of %d bytes, more than %d", ErrSnapshot, n, maxPage)
	}
	if uint64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	if _, err := io.ReadFull(r, buf[:n]); err != nil {
		return nil, fmt.Errorf("%w: a block of %d bytes: %w", ErrSnapshot, n, err)
	}
	return buf[:n], nil
}
