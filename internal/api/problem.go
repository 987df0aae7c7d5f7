package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
	"recsvc/internal/rank"
)

// fault is an error that already knows its status. Its text is for the client.
type fault struct {
	status   int
	detail   string
	errors   []Flaw
	rejected []ingest.Rejection // of a batch of which nothing was accepted
	retry    time.Duration      // when to try again; with 429 at least a second
	cause    error              // for the log only
	letter   string             // reason of the dead letter that the body becomes, if it does
}

func (f *fault) Error() string {
	if f.cause != nil {
		return f.detail + ": " + f.cause.Error()
	}
	return f.detail
}

func (f *fault) Unwrap() error { return f.cause }

func faultf(status int, format string, args ...any) *fault {
	return &fault{status: status, detail: fmt.Sprintf(format, args...)}
}

// badParam is a 400 for one parameter or field.
func badParam(name, format string, args ...any) *fault {
	reason := fmt.Sprintf(format, args...)
	return &fault{
		status: http.StatusBadRequest,
		detail: name + ": " + reason,
		errors: []Flaw{{Pointer: "/" + name, Reason: reason}},
	}
}

// faultOf gives every error its status: the one place where that is decided. What is not known is 500, and its text is
// kept from the client.
func faultOf(err error) *fault {
	var f *fault
	var filter *rank.FilterError
	var record *event.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &filter):
		return badParam("filter", "%s", filter.Error())
	case errors.As(err, &record):
		return faultf(http.StatusBadRequest, "%s", record.Error())
	case errors.Is(err, rank.ErrUnknownItem), errors.Is(err, ErrNotFound):
		return faultf(http.StatusNotFound, "%s", within(err, ErrNotFound))
	case errors.Is(err, ingest.ErrTooManyRecords):
		return faultf(http.StatusRequestEntityTooLarge, "%v; send them in parts", err)
	case errors.Is(err, rank.ErrRequest), errors.Is(err, ErrBadRequest):
		return faultf(http.StatusBadRequest, "%s", within(err, ErrBadRequest))
	case errors.Is(err, ErrMisdirected):
		return faultf(http.StatusMisdirectedRequest, "%v", err)
	case errors.Is(err, ErrConflict):
		return faultf(http.StatusConflict, "%s", within(err, ErrConflict))
	case errors.Is(err, ErrUnavailable):
		return faultf(http.StatusServiceUnavailable, "%v", err)
	case errors.Is(err, context.DeadlineExceeded):
		return faultf(http.StatusGatewayTimeout, "the deadline passed before the answer was ready")
	case errors.Is(err, context.Canceled):
		return faultf(statusClientGone, "the client has gone")
	}
	return faultf(http.StatusInternalServerError, "internal error")
}

// within is what an error says beyond its kind, which the title of the problem names already.
func within(err, kind error) string {
	text := err.Error()
	if rest, ok := strings.CutPrefix(text, kind.Error()+": "); ok {
		return rest
	}
	return text
}

// statusClientGone is what the metrics say of a request whose client left (nginx's 499); nobody reads the answer.
const statusClientGone = 499

// fail answers with the problem that err is.
func (a *API) fail(w *response, r *http.Request, err error) {
	f := faultOf(err)
	// A full disk is told with when to try again, and by whoever watches it: a line for each request would fill it further.
	if f.status == http.StatusInternalServerError || f.status == http.StatusServiceUnavailable && f.retry == 0 {
		a.log.Error("request failed", zap.String("request_id", w.id), zap.String("method", r.Method),
			zap.String("route", w.route), zap.Int("status", f.status), zap.Error(err))
	}
	if w.status != 0 {
		return // the answer is already on its way
	}
	w.problem(f)
}

// problem writes the RFC 9457 body. It holds nothing that depends on the route.
func (w *response) problem(f *fault) {
	p := Problem{
		Type:     "about:blank",
		Title:    http.StatusText(f.status),
		Status:   f.status,
		Detail:   f.detail,
		Errors:   f.errors,
		Rejected: f.rejected,
	}
	if f.status == http.StatusUnprocessableEntity {
		p.Accepted = new(int)
	}
	if f.retry > 0 || f.status == http.StatusTooManyRequests {
		seconds := max(1, int((f.retry+time.Second-1)/time.Second))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"internal error"}`)
	}
	w.send(f.status, "application/problem+json", append(body, '\n'))
}
