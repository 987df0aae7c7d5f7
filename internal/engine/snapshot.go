package engine

import (
	"context"
	"fmt"
	"io"

	"recsvc/internal/event"
	"recsvc/internal/snapshot"
)

// ErrSnapshot reports a snapshot that cannot be restored.
var ErrSnapshot = snapshot.ErrUnusable

// WriteSnapshot writes all weights, and what learning needs to go on from them, as of a place in the log. The writer goes
// on meanwhile: the pages are read from a checkpoint, which is no older than the call. describe is told the place.
func (e *Engine) WriteSnapshot(ctx context.Context, w io.Writer, describe func(event.Cursor) (snapshot.Description, error)) error {
	if _, err := e.Checkpoint(ctx); err != nil {
		return err
	}
	definitions := e.Definitions()
	out := snapshot.NewWriter(w, snapshot.Learning, definitions)
	meta, err := e.State.Pages([]byte{'w'}, out.Page)
	if err != nil {
		return err
	}
	if meta.Definitions != definitions {
		return fmt.Errorf("%w: the definitions of features have changed meanwhile", ErrSnapshot)
	}
	about, err := describe(meta.Cursor.Clone())
	if err != nil {
		return err
	}
	return out.Close(about)
}

// CheckSnapshot reads all of a file and says whether it could be restored now: ErrSnapshot, wrapped, when not.
func (e *Engine) CheckSnapshot(content io.Reader) (snapshot.Description, error) {
	return readSnapshot(content, e.Definitions(), e.lineup.checkPage)
}

// readSnapshot hands the pages of a snapshot that was taken under the given definitions to page.
func readSnapshot(content io.Reader, definitions [32]byte, page func(key, value []byte) (bool, error)) (d snapshot.Description, err error) {
	in, err := snapshot.NewReader(content)
	if err != nil {
		return d, err
	}
	if err := in.Check(snapshot.Learning, definitions); err != nil {
		return d, err
	}
	err = in.Pages(page)
	return in.Description, err
}
