package engine

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"recsvc/internal/event"
)

// The content of a model snapshot: magic, then for each page of weights that is not blank its key and value as they
// stand in a checkpoint, each with its length as uvarint, then a length of 0. The description beside it holds the SHA-256.
const snapshotMagic = "recsvc model 1\n"

// maxPage bounds what a length in a snapshot may ask for.
const maxPage = 1 << 20

// ErrSnapshot reports a snapshot that cannot be restored.
var ErrSnapshot = errors.New("unusable model snapshot")

// RestoreControl is the type of the control record that rolls the model back to a snapshot.
const RestoreControl = "restore"

// WriteSnapshot writes the model's weights as of a place in the log that it returns. The writer goes on meanwhile: the
// pages are read from a checkpoint made for the purpose.
func (e *Engine) WriteSnapshot(ctx context.Context, w io.Writer) (event.Cursor, error) {
	if _, err := e.Checkpoint(ctx); err != nil {
		return nil, err
	}
	buf := bufio.NewWriterSize(w, 1<<20)
	buf.WriteString(snapshotMagic)
	meta, err := e.State.Pages([]byte{'w'}, func(key, value []byte) error {
		writeBlock(buf, key)
		return writeBlock(buf, value)
	})
	buf.WriteByte(0)
	return meta.Cursor.Clone(), errors.Join(err, buf.Flush())
}

func writeBlock(w *bufio.Writer, b []byte) error {
	w.Write(binary.AppendUvarint(nil, uint64(len(b))))
	_, err := w.Write(b)
	return err // a bufio.Writer keeps its first error
}

// readBlock returns nil at the end.
func readBlock(r *bufio.Reader) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil || n > maxPage {
		return nil, fmt.Errorf("%w: bad length: %w", ErrSnapshot, err)
	}
	if n == 0 {
		return nil, nil
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}

// applyControl takes a control record. An unknown one was written by a newer version: going on without it would make
// another state than the log says.
func (e *Engine) applyControl(r *event.Record) error {
	c := r.Control
	if c.Type != RestoreControl {
		return fmt.Errorf("unknown control record %q: it was written by a newer recsvc", c.Type)
	}
	id, _ := c.Attrs.Get("snapshot")
	sum, _ := c.Attrs.Get("sha256")
	if err := e.restore(id.Str, sum.Str); err != nil {
		return fmt.Errorf("restore snapshot %q: %w", id.Str, err)
	}
	e.restores.add(id.Str)
	e.count(applied)
	return nil
}

// Restored reports whether the log has rolled back to a snapshot: making the state anew from the log needs it.
func (e *Engine) Restored(id string) bool { return e.restores.has(id) }

// restore replaces the weights. The whole blob is checked before the first weight changes.
func (e *Engine) restore(id, sum string) error {
	if e.opts.Snapshots == nil {
		return errors.New("no snapshots are configured")
	}
	meta, content, err := e.opts.Snapshots.Open(id)
	if err != nil {
		return err
	}
	defer content.Close()
	if meta.SHA256 != sum {
		return fmt.Errorf("%w: its SHA-256 is %s, the log names %s", ErrSnapshot, meta.SHA256, sum)
	}
	in := bufio.NewReaderSize(content, 1<<20)
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(in, magic); err != nil || string(magic) != snapshotMagic {
		return fmt.Errorf("%w: it does not begin as one", ErrSnapshot)
	}
	restoring := e.Model.Restore()
	defer restoring.Finish()
	for {
		key, err := readBlock(in)
		if err != nil || key == nil {
			return err
		}
		value, err := readBlock(in)
		if err != nil {
			return err
		}
		if _, err := restoring.LoadPage(key, value); err != nil {
			return fmt.Errorf("%w: page %x: %w", ErrSnapshot, key, err)
		}
	}
}
