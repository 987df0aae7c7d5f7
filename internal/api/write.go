package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

// maxErrors is how many rejections a 422 repeats as RFC 9457 errors.
const maxErrors = 100

func (a *API) postEvents(w *response, r *http.Request) error { return a.write(w, r, event.KindEvent) }
func (a *API) postItems(w *response, r *http.Request) error  { return a.write(w, r, event.KindItem) }
func (a *API) postUsers(w *response, r *http.Request) error  { return a.write(w, r, event.KindUser) }

// write takes a batch into the log and answers once it is durable.
func (a *API) write(w *response, r *http.Request, kind event.Kind) error {
	if err := a.gate(); err != nil {
		return err
	}
	b, err := a.readBody(w, r, a.opts.BodyBytes)
	defer b.free()
	now := event.FromTime(a.opts.Clock())
	if err != nil {
		a.bury(r, now, err, &b)
		return err
	}
	verdict, err := a.rooms.Intake.Judge(ingest.Body{
		Kind: kind, Source: "http", Place: r.URL.Path, NDJSON: saysNDJSON(r), Received: now, Bytes: b.bytes,
	})
	if err != nil {
		if errors.Is(err, ingest.ErrTooManyRecords) {
			a.bury(r, now, &fault{letter: event.ReasonTooLarge, detail: err.Error()}, &b)
		}
		return err
	}
	cursor, err := a.commit(r.Context(), verdict.Records)
	if err != nil {
		return err
	}
	if verdict.Accepted == 0 {
		return refused(verdict)
	}
	w.buf = appendWriteAnswer(w.buf[:0], verdict.Accepted, verdict.Rejected, cursor)
	w.send(http.StatusAccepted, headerJSON[0], w.buf)
	return nil
}

// retryFull is when a client may ask again whether there is room on the disk.
const retryFull = 10 * time.Second

// gate refuses while the engine is behind or the disk is full.
func (a *API) gate() error {
	if a.rooms.Gate == nil {
		return nil
	}
	wait, err := a.rooms.Gate.Admit()
	switch {
	case errors.Is(err, ErrUnavailable): // it says why
		return &fault{status: http.StatusServiceUnavailable, detail: "nothing can be written now: " + err.Error(), retry: retryFull}
	case err != nil:
		return logFault(err, "nothing can be written now")
	case wait > 0:
		return &fault{status: http.StatusTooManyRequests, detail: "the server is behind; slow down", retry: wait}
	}
	return nil
}

// commit appends the records and waits until they are durable.
func (a *API) commit(ctx context.Context, recs []event.Record) (event.Cursor, error) {
	if len(recs) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.opts.Deadline)
	defer cancel()
	cursor, err := a.rooms.Log.Append(ctx, recs)
	if err != nil {
		return nil, logFault(err, "the log took nothing")
	}
	if err := a.rooms.Log.Wait(ctx, cursor); err != nil {
		return nil, logFault(err, "the records are not known to be durable; send them again with the same ids")
	}
	return cursor, nil
}

// logFault is the 503 of a log that fails. A client that has left is no failure.
func logFault(err error, detail string) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, ErrMisdirected) {
		return err
	}
	return &fault{status: http.StatusServiceUnavailable, detail: detail, cause: err}
}

// bury makes a dead letter of a body that could not be taken in. The client learns of its own fault in any case.
func (a *API) bury(r *http.Request, now event.Time, why error, b *body) {
	var f *fault
	if !errors.As(why, &f) || f.letter == "" {
		return
	}
	a.rooms.Intake.Refused(f.letter)
	if _, err := a.commit(r.Context(), []event.Record{b.letter(r, now, f.letter, f.detail)}); err != nil {
		a.log.Error("dead letter not written", zap.String("reason", f.letter), zap.Error(err))
	}
}

// refused is the error of a body of which nothing was taken.
func refused(v *ingest.Judgement) *fault {
	if v.Malformed != nil {
		return faultf(http.StatusBadRequest, "%v", v.Malformed)
	}
	f := &fault{status: http.StatusUnprocessableEntity, detail: "none of the records was accepted", rejected: v.Rejected}
	if len(v.Rejected) == 0 {
		f.detail = "the body holds no record"
	}
	for i := range v.Rejected[:min(len(v.Rejected), maxErrors)] {
		r := &v.Rejected[i]
		f.errors = append(f.errors, Flaw{Index: &r.Index, Pointer: r.Pointer, Reason: r.Reason})
	}
	return f
}

func appendWriteAnswer(dst []byte, accepted int, rejected []ingest.Rejection, cursor event.Cursor) []byte {
	dst = strconv.AppendInt(append(dst, `{"accepted":`...), int64(accepted), 10)
	dst = append(dst, `,"rejected":[`...)
	for i := range rejected {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendRejection(dst, &rejected[i])
	}
	dst = append(dst, `],"cursor":`...)
	return append(event.AppendString(dst, cursor.String()), '}', '\n')
}

func appendRejection(dst []byte, x *ingest.Rejection) []byte {
	dst = strconv.AppendInt(append(dst, `{"index":`...), int64(x.Index), 10)
	if x.ID != "" {
		dst = event.AppendString(append(dst, `,"id":`...), x.ID)
	}
	dst = event.AppendString(append(dst, `,"reason":`...), x.Reason)
	if x.Hint != "" {
		dst = event.AppendString(append(dst, `,"hint":`...), x.Hint)
	}
	return append(dst, '}')
}

// deleteItem takes an item out of recommendation: once it answers, no list holds it.
func (a *API) deleteItem(w *response, r *http.Request) error {
	id, err := pathID(r, "item")
	if err != nil {
		return err
	}
	if err := a.gate(); err != nil {
		return err
	}
	now := event.FromTime(a.opts.Clock())
	if _, err := a.rooms.Reader.Item(id, now); err != nil {
		return err
	}
	rec := event.Record{Kind: event.KindItem, Received: now, Item: &event.Item{ID: id, Deleted: true}}
	cursor, err := a.commit(r.Context(), []event.Record{rec})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.opts.Deadline)
	defer cancel()
	if err := a.rooms.Engine.Wait(ctx, cursor); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	w.buf = appendWriteAnswer(w.buf[:0], 1, nil, cursor)
	w.send(http.StatusAccepted, headerJSON[0], w.buf)
	return nil
}
