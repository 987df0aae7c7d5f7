package api

import (
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

var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

// readBody reads and decompresses the body, up to limit bytes. On a fault it returns what it has read so far. The caller
// frees the body in any case.
func (a *API) readBody(w *response, r *http.Request, limit int64) (b body, err error) {
	b.budget = &a.bodies
	src, done, err := decompressed(w, r, limit)
	if err != nil {
		return b, err
	}
	defer done()
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
			return b, bodyFault(err)
		}
	}
}

var errTooMany = &fault{status: http.StatusTooManyRequests, detail: "too many large requests at once", retry: 1e9}

func decompressed(w *response, r *http.Request, limit int64) (src io.Reader, done func(), err error) {
	switch enc := r.Header.Get("Content-Encoding"); enc {
	case "", "identity":
		return r.Body, func() {}, nil
	case "gzip", "x-gzip":
		// The compressed form is bounded as well: a gzip stream may hold any number of empty members.
		zr := gzipReaders.Get().(*gzip.Reader)
		if err := zr.Reset(http.MaxBytesReader(w.ResponseWriter, r.Body, limit)); err != nil {
			gzipReaders.Put(zr)
			return nil, nil, bodyFault(err)
		}
		return zr, func() { gzipReaders.Put(zr) }, nil
	default:
		w.Header().Set("Accept-Encoding", "gzip, identity")
		return nil, nil, faultf(http.StatusUnsupportedMediaType, "content encoding %q is not known; send gzip or none", enc)
	}
}

// bodyFault explains why a body could not be read to its end.
func bodyFault(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return faultf(http.StatusRequestTimeout, "the body did not come in time")
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		f := faultf(http.StatusBadRequest, "the body is not what its content encoding says: %v", err)
		f.letter = event.ReasonBadJSON
		return f
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
func letter(r *http.Request, received event.Time, reason, detail string, b []byte) event.Record {
	size := max(int64(len(b)), r.ContentLength)
	return event.Record{
		Kind:     event.KindDeadLetter,
		Received: received,
		DeadLetter: &event.DeadLetter{
			Source: "http", Reason: reason, Detail: detail, Place: r.URL.Path,
			Bytes: b[:min(len(b), event.MaxDeadLetterBytes)], Size: size,
		},
	}
}
