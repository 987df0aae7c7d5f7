package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// maxCursorInName is the longest cursor that a backup's name repeats.
const maxCursorInName = 64

// postBackup streams a copy of the whole state, for as long as the client keeps taking it.
func (a *API) postBackup(w *response, r *http.Request) error {
	room := a.rooms.Backup
	if room == nil {
		return fmt.Errorf("backup: %w", ErrUnavailable)
	}
	if err := a.decode(w, r, &struct{}{}, true); err != nil { // read to its end, or else the read time-out still runs
		return err
	}
	if !a.backingUp.CompareAndSwap(false, true) {
		return fmt.Errorf("%w: another backup is being taken", ErrConflict)
	}
	defer a.backingUp.Store(false)
	a.audit(w, r)
	start := a.opts.Clock()
	out := &download{w: w, conn: http.NewResponseController(w), name: backupName(start, a.rooms.Engine.Applied().String()), patience: a.timeouts.write}
	err := out.stream(r.Context(), room)
	about := []zap.Field{zap.String("request_id", w.id), zap.Int64("bytes", out.written), zap.Duration("took", a.opts.Clock().Sub(start))}
	if err == nil {
		a.metrics.backups.WithLabelValues("done").Inc()
		a.log.Info("backup taken", about...)
		return nil
	}
	a.metrics.backups.WithLabelValues("failed").Inc()
	if w.status == 0 {
		return err
	}
	a.log.Error("backup broken off", append(about, zap.Error(err))...)
	panic(http.ErrAbortHandler) // the client must see that the end is missing
}

// backupName tells when a backup was taken and which part of the log it holds at least.
func backupName(at time.Time, cursor string) string {
	name := "recsvc-" + at.UTC().Format("20060102T150405Z")
	if cursor != "" && len(cursor) <= maxCursorInName {
		name += "-" + cursor
	}
	return name + ".backup"
}

// download writes a file of unknown length and duration. The server's time-outs are for whole answers: here each piece
// has its own, so that a client that takes nothing does not hold the backup for ever.
type download struct {
	w        *response
	conn     *http.ResponseController
	name     string
	patience time.Duration
	written  int64
}

func (d *download) stream(ctx context.Context, room Backup) error {
	if err := room.Backup(ctx, d); err != nil {
		return err
	}
	if d.written == 0 {
		return fmt.Errorf("the backup is empty: %w", io.ErrUnexpectedEOF)
	}
	return nil
}

// Write implements io.Writer.
func (d *download) Write(p []byte) (int, error) {
	if d.w.status == 0 {
		h := d.w.Header()
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Content-Disposition", "attachment; filename="+strconv.Quote(d.name))
		h["Cache-Control"], h["X-Content-Type-Options"] = headerNoStore, headerNoSniff
		d.w.WriteHeader(http.StatusOK)
	}
	_ = d.conn.SetWriteDeadline(time.Now().Add(d.patience)) // the connection's clock is the real one; tests have none
	n, err := d.w.Write(p)
	d.written += int64(n)
	return n, err
}
