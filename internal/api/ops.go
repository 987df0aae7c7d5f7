package api

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

//go:embed page
var page embed.FS

// pagePolicy lets the page load its own files and talk to this server, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (a *API) getHealth(w *response, _ *http.Request) error {
	return w.json(http.StatusOK, Health{Status: "ok"})
}

// getReady answers 503 with the reason while the server should get no traffic. Probes ask often: nothing is logged.
func (a *API) getReady(w *response, _ *http.Request) error {
	err := a.rooms.Engine.Ready()
	if a.draining.Load() {
		err = errDraining
	}
	if err != nil {
		w.problem(faultf(http.StatusServiceUnavailable, "%v", err))
		return nil
	}
	return w.json(http.StatusOK, Health{Status: "ready"})
}

var errDraining = faultf(http.StatusServiceUnavailable, "shutting down")

// Health is the answer of the probes.
type Health struct {
	Status string `json:"status"`
}

func (a *API) getMetrics() handler {
	if a.rooms.Metrics == nil {
		return func(*response, *http.Request) error { return fmt.Errorf("metrics: %w", ErrUnavailable) }
	}
	h := promhttp.HandlerFor(a.rooms.Metrics, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return func(w *response, r *http.Request) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

func (a *API) getOpenAPI(w *response, _ *http.Request) error {
	w.send(http.StatusOK, headerJSON[0], a.openapi)
	return nil
}

// asset serves one embedded file.
func asset(name, contentType string) handler {
	data, err := fs.ReadFile(page, "page/"+name)
	if err != nil {
		panic(err) // it is compiled in
	}
	sum := sha256.Sum256(data)
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	return func(w *response, r *http.Request) error {
		h := w.Header()
		h.Set("ETag", tag)
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Referrer-Policy", "no-referrer")
		if bytes.Contains([]byte(r.Header.Get("If-None-Match")), []byte(tag)) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		w.send(http.StatusOK, contentType, data)
		return nil
	}
}

// getPageUsers offers the page some users to try: those of the demonstration, never of a real server.
func (a *API) getPageUsers(w *response, _ *http.Request) error {
	return w.json(http.StatusOK, PageUsers{Users: append([]string{}, a.opts.PageUsers...)})
}

// PageUsers are users that the page offers.
type PageUsers struct {
	Users []string `json:"users"`
}
