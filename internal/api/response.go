package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
)

// response is the writer that handlers get: it remembers what was answered, for the metrics, and lends a buffer. It is
// pooled; handlers don't keep it.
type response struct {
	http.ResponseWriter
	id     string // of the request
	route  string // pattern; "none" until one matched
	key    string // name of the client's key
	status int    // 0: nothing is written yet
	buf    []byte
}

// maxKeptBuffer bounds what a pooled buffer may hold on to.
const maxKeptBuffer = 256 << 10

var responses = sync.Pool{New: func() any { return &response{buf: make([]byte, 0, 4<<10)} }}

func newResponse(w http.ResponseWriter) *response {
	resp := responses.Get().(*response)
	resp.ResponseWriter, resp.route = w, "none"
	return resp
}

func (w *response) release() {
	buf := w.buf[:0]
	if cap(buf) > maxKeptBuffer {
		buf = make([]byte, 0, 4<<10)
	}
	*w = response{buf: buf}
	responses.Put(w)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the status.
func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// The slices that headers share; net/http only reads them.
var (
	headerJSON    = []string{"application/json"}
	headerNoStore = []string{"no-store"}
	headerNoSniff = []string{"nosniff"}
)

// send writes a whole answer. The client may be gone: nobody is left to tell.
func (w *response) send(status int, contentType string, body []byte) {
	h := w.Header()
	if contentType == headerJSON[0] {
		h["Content-Type"] = headerJSON
	} else {
		h["Content-Type"] = []string{contentType}
	}
	if _, ok := h["Cache-Control"]; !ok {
		h["Cache-Control"] = headerNoStore
	}
	h["X-Content-Type-Options"] = headerNoSniff
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// json answers with v.
func (w *response) json(status int, v any) error {
	b := bytes.NewBuffer(w.buf[:0])
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode answer of %s: %w", w.route, err)
	}
	w.buf = b.Bytes()
	w.send(status, headerJSON[0], w.buf)
	return nil
}
