package main

import (
	"context"
	"encoding/json"
	"math"
	"sync/atomic"
	"time"
)

// lag is how far the engine is behind its log.
type lag struct {
	seconds float64
	records int64
}

// watchEvery is the time between two looks at the server's status, which is work for the server as well.
const watchEvery = 200 * time.Millisecond

// watch looks at /admin/v1/status while a load runs.
type watch struct {
	conn  *conn
	now   atomic.Uint64 // the lag at the last look, in seconds, as bits of a float64
	worst lag
	err   error
}

// status is what we read of /admin/v1/status.
type status struct {
	LagRecords int64   `json:"lag_records"`
	LagSeconds float64 `json:"lag_seconds"`
	Counts     struct {
		Applied      int64 `json:"applied"`
		Duplicate    int64 `json:"duplicate"`
		Late         int64 `json:"late"`
		DeadLettered int64 `json:"dead_lettered"`
	} `json:"counts"`
}

func newWatch(addr string) (*watch, error) {
	c, err := dial(addr)
	return &watch{conn: c}, err
}

func (w *watch) close() { w.conn.close() }

func (w *watch) look() (s status, err error) {
	body, err := w.conn.read("/admin/v1/status")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(body, &s)
}

// run looks until ctx ends.
func (w *watch) run(ctx context.Context) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		s, err := w.look()
		if err != nil {
			w.err = err
			return
		}
		w.now.Store(math.Float64bits(s.LagSeconds))
		w.worst.seconds = max(w.worst.seconds, s.LagSeconds)
		w.worst.records = max(w.worst.records, s.LagRecords)
	}
}

// behind is the lag at the last look, in seconds.
func (w *watch) behind() float64 { return math.Float64frombits(w.now.Load()) }

// settle waits until everything in the log is applied.
func (w *watch) settle(ctx context.Context) (status, error) {
	for {
		s, err := w.look()
		if err != nil || s.LagRecords == 0 {
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-time.After(watchEvery):
		}
	}
}
