package main

import (
	"context"
	"encoding/json"
	"time"
)

// lag is how far the engine is behind its log.
type lag struct {
	seconds float64
	records int64
}

// watchEvery is the time between two looks at the server's status, which is work for the server as well.
const watchEvery = 200 * time.Millisecond

// checkpoint is one that was written.
type checkpoint struct {
	Epoch   uint64  `json:"epoch"`
	Bytes   float64 `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

// watch looks at /admin/v1/status while a load runs.
type watch struct {
	conn        *conn
	worst       lag
	epoch       uint64 // of the newest checkpoint seen
	checkpoints []checkpoint
	err         error
}

// status is what we read of /admin/v1/status.
type status struct {
	LagRecords int64      `json:"lag_records"`
	LagSeconds float64    `json:"lag_seconds"`
	Checkpoint checkpoint `json:"checkpoint"`
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
	if err := json.Unmarshal(body, &s); err != nil {
		return s, err
	}
	if s.Checkpoint.Epoch != w.epoch {
		w.epoch, w.checkpoints = s.Checkpoint.Epoch, append(w.checkpoints, s.Checkpoint)
	}
	return s, nil
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
		w.worst.seconds = max(w.worst.seconds, s.LagSeconds)
		w.worst.records = max(w.worst.records, s.LagRecords)
	}
}

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
