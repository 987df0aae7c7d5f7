package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"recsvc/internal/rank"
)

// Options of an API. A zero field takes the default named beside it.
type Options struct {
	Keys        []Key         // none: this machine only
	Deadline    time.Duration // of one request, once its body is read; 1s
	BodyBytes   int64         // of a request body, after decompression; 8 MiB
	BodiesBytes int64         // of all bodies being read at once; 16 times BodyBytes
	HeaderBytes int           // of request headers; 16 KiB
	Drain       time.Duration // how long requests may go on after the end was asked for; 10s
	PageUsers   []string      // users that the page offers to try; none
	Version     string        // of the program; "dev"
	Clock       func() time.Time
	Log         *zap.Logger           // nil: silent
	Registerer  prometheus.Registerer // nil: counted, not exported
}

// filterCache is the number of compiled filters that are kept.
const filterCache = 256

// API answers HTTP requests. It is safe for concurrent use.
type API struct {
	rooms    Rooms
	opts     Options
	keys     *keyring
	mux      *chi.Mux
	filters  *rank.Filters
	bodies   bodyBudget
	local    *http.CrossOriginProtection
	log      *zap.Logger
	metrics  *metrics
	openapi  []byte
	idPrefix string
	ids      atomic.Uint64
	draining atomic.Bool
	timeouts timeouts

	backingUp    atomic.Bool
	unloggedTold eachSecond
}

// New checks the options and builds the router.
func New(rooms Rooms, opts Options) (*API, error) {
	if rooms.Log == nil || rooms.Intake == nil || rooms.Ranker == nil || rooms.Reader == nil || rooms.Engine == nil {
		return nil, errors.New("api: Log, Intake, Ranker, Reader and Engine must be given")
	}
	opts.setDefaults()
	keys, err := newKeyring(opts.Keys)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	filters, err := rank.NewFilters(filterCache)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	var prefix [8]byte
	_, _ = rand.Read(prefix[:]) // never fails, by its contract
	a := &API{
		rooms:    rooms,
		opts:     opts,
		keys:     keys,
		filters:  filters,
		bodies:   bodyBudget{max: opts.BodiesBytes},
		local:    http.NewCrossOriginProtection(),
		log:      opts.Log,
		metrics:  newMetrics(opts.Registerer),
		timeouts: defaultTimeouts,
		idPrefix: hex.EncodeToString(prefix[:]) + "-",
	}
	routes := a.routes()
	if a.openapi, err = describe(routes, opts.Version); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	a.mux = a.router(routes)
	return a, nil
}

func (o *Options) setDefaults() {
	if o.Deadline <= 0 {
		o.Deadline = time.Second
	}
	if o.BodyBytes <= 0 {
		o.BodyBytes = 8 << 20
	}
	if o.BodiesBytes <= 0 {
		o.BodiesBytes = 16 * o.BodyBytes
	}
	if o.HeaderBytes <= 0 {
		o.HeaderBytes = 16 << 10
	}
	if o.Drain <= 0 {
		o.Drain = 10 * time.Second
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
}

// ServeHTTP is all the middleware there is: an id, the key, the metrics, and a net under handlers that panic.
func (a *API) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	start := a.opts.Clock()
	w := newResponse(rw)
	w.id = a.requestID(r)
	w.Header()["X-Request-Id"] = []string{w.id}
	a.metrics.inFlight.Inc()
	defer func() {
		a.metrics.inFlight.Dec()
		a.metrics.observe(w.route, w.status, a.opts.Clock().Sub(start))
		w.release()
	}()
	defer func() {
		if p := recover(); p != nil {
			a.panicked(w, r, p)
		}
	}()
	if f := a.admit(w, r); f != nil {
		a.metrics.denied.WithLabelValues(strconv.Itoa(f.status)).Inc()
		a.log.Warn("request denied", zap.String("request_id", w.id), zap.String("remote", r.RemoteAddr),
			zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.String("key", w.key), zap.Int("status", f.status))
		w.problem(f)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// panicked turns a bug into one failed request. http.ErrAbortHandler goes on, as net/http asks.
func (a *API) panicked(w *response, r *http.Request, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // it is never wrapped
		panic(p)
	}
	a.log.Error("handler panicked", zap.String("request_id", w.id), zap.String("method", r.Method),
		zap.String("route", w.route), zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
	if w.status == 0 {
		w.problem(faultf(http.StatusInternalServerError, "internal error"))
	}
}

// requestID keeps the client's id when it is fit for a log line.
func (a *API) requestID(r *http.Request) string {
	if ids := r.Header["X-Request-Id"]; len(ids) == 1 && validRequestID(ids[0]) {
		return ids[0]
	}
	var buf [40]byte
	return string(strconv.AppendUint(append(buf[:0], a.idPrefix...), a.ids.Add(1), 16))
}

func validRequestID(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	return strings.IndexFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '-' || c == '_' || c == '.' || c == ':' || c == '/' || c == '+' || c == '=')
	}) < 0
}
