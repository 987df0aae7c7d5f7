package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"

	"recsvc/internal/event"
)

// bodyBudget bounds the memory of all bodies being read at once, so that many clients that each stay below the limit
// cannot exhaust it together.
type bodyBudget struct {
	max  int64
	used atomic.Int64
}

func (b *bodyBudget) take(n int64) bool {
	if b.used.Add(n) > b.max {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *bodyBudget) give(n int64) { b.used.Add(-n) }

// body is a request body in memory; free gives its share of the budget back.
type body struct {
	bytes   []byte
	size    int64 // of all that came, where bytes holds only its start
	charged int64
	budget  *bodyBudget
}

func (b *body) free() { b.budget.give(b.charged) }

// grow makes room for more, at most limit bytes in all.
func (b *body) grow(limit int64) bool {
	size := min(limit, max(2*int64(cap(b.bytes)), 4<<10))
	if !b.budget.take(size - b.charged) {
		return false
	}
	b.charged = size
	bigger := make([]byte, len(b.bytes), size)
	copy(bigger, b.bytes)
	b.bytes = bigger
	return true
}

// inflater decompresses, and remembers how what it was given began: a body that is no gzip goes to the dead letters as it came.
type inflater struct {
	zr   gzip.Reader
	src  io.Reader
	head []byte // up to event.MaxDeadLetterBytes
	size int64
	err  error // of src; io.EOF at its end
}

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

func (f *inflater) reset(src io.Reader) error {
	f.src, f.head, f.size, f.err = src, f.head[:0], 0, nil
	return f.zr.Reset(compressed{f})
}

func (f *inflater) release() {
	f.src = nil
	inflaters.Put(f)
}

// broken reports whether it was the data that failed, and not its coming.
func (f *inflater) broken() bool { return f.err == nil || f.err == io.EOF } //nolint:errorlint // bodies return it bare

// compressed is what an inflater reads from.
type compressed struct{ *inflater }

// Read implements io.Reader.
func (c compressed) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	c.head = append(c.head, p[:min(n, event.MaxDeadLetterBytes-len(c.head))]...)
	c.size += int64(n)
	c.err = err
	return n, err
}

// readBody reads and decompresses the body, up to limit bytes. On a fault it returns what it has read so far. The caller
// frees the body in any case.
func (a *API) readBody(w *response, r *http.Request, limit int64) (b body, err error) {
	b.budget = &a.bodies
	src, f, err := decompressed(w, r, limit)
	if f != nil {
		defer f.release()
	}
	if err != nil {
		err = b.fault(f, err)
		return b, err
	}
	if r.ContentLength > limit { // enough of it for a dead letter, not all of it for nothing
		b.bytes, _ = io.ReadAll(io.LimitReader(src, event.MaxDeadLetterBytes))
		return b, tooLarge(limit)
	}
	if r.ContentLength > 0 && r.ContentLength <= 64<<10 { // the common case: one allocation
		if !b.budget.take(r.ContentLength + 1) {
			return b, errTooMany
		}
		b.charged, b.bytes = r.ContentLength+1, make([]byte, 0, r.ContentLength+1)
	}
	for {
		if len(b.bytes) == cap(b.bytes) && !b.grow(limit+1) {
			return b, errTooMany
		}
		n, err := src.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		if int64(len(b.bytes)) > limit {
			return b, tooLarge(limit)
		}
		if err == io.EOF {
			a.metrics.bodyBytes.Add(float64(len(b.bytes)))
			return b, nil
		}
		if err != nil {
			err = b.fault(f, err)
			return b, err
		}
	}
}

var errTooMany = &fault{status: http.StatusTooManyRequests, detail: "too many large requests at once", retry: 1e9}

// decompressed returns where to read the body from, and the inflater when there is one.
func decompressed(w *response, r *http.Request, limit int64) (src io.Reader, f *inflater, err error) {
	switch enc := r.Header.Get("Content-Encoding"); enc {
	case "", "identity":
		return r.Body, nil, nil
	case "gzip", "x-gzip":
		// The compressed form is bounded as well: a gzip stream may hold any number of empty members.
		f := inflaters.Get().(*inflater)
		return &f.zr, f, f.reset(http.MaxBytesReader(w.ResponseWriter, r.Body, limit))
	default:
		w.Header().Set("Accept-Encoding", "gzip, identity")
		return nil, nil, faultf(http.StatusUnsupportedMediaType, "content encoding %q is not known; send gzip or none", enc)
	}
}

// fault explains why the body could not be read to its end. Of one that is no gzip it keeps the start as it came.
func (b *body) fault(f *inflater, err error) error {
	var known *fault
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &large):
		if len(b.bytes) == 0 && f != nil { // nothing came of all that
			b.bytes, b.size = bytes.Clone(f.head), f.size
		}
		return tooLarge(large.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return faultf(http.StatusRequestTimeout, "the body did not come in time")
	case f != nil && f.broken():
		b.bytes, b.size = bytes.Clone(f.head), f.size
		bad := faultf(http.StatusBadRequest, "the body is not what its content encoding says: %v", err)
		if f.size > 0 {
			bad.letter = event.ReasonBadJSON
		}
		return bad
	}
	return faultf(http.StatusBadRequest, "the body could not be read: %v", err)
}

func tooLarge(limit int64) *fault {
	f := faultf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes; send it in parts", limit)
	f.letter = event.ReasonTooLarge
	return f
}

// saysNDJSON reads the content type. What it says otherwise is not relied on: curl -d calls everything a form.
func saysNDJSON(r *http.Request) bool {
	t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(t)) {
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines":
		return true
	}
	return false
}

// letter is the dead letter of a whole body.
func (b *body) letter(r *http.Request, received event.Time, reason, detail string) event.Record {
	return event.Record{
		Kind:     event.KindDeadLetter,
		Received: received,
		DeadLetter: &event.DeadLetter{
			Source: "http", Reason: reason, Detail: detail, Place: r.URL.Path,
			Bytes: b.bytes[:min(len(b.bytes), event.MaxDeadLetterBytes)], Size: max(int64(len(b.bytes)), b.size, r.ContentLength),
		},
	}
}
