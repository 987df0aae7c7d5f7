package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"recsvc/internal/config"
	"recsvc/internal/state"
	"recsvc/internal/vault"
)

// Names in a vault.
const (
	backupPrefix   = "backups/"
	backupSuffix   = ".backup"
	backupTime     = "20060102T150405Z"
	snapshotPrefix = "snapshots/"
)

// tornAge is how old the remains of a copy must be to be swept: longer than any copy takes.
const tornAge = 48 * time.Hour

func openVault(to config.Vault) (vault.Store, error) {
	if to.Directory != "" {
		return vault.OpenDirectory(to.Directory)
	}
	s := to.S3
	return vault.OpenS3(vault.S3Options{
		Endpoint: s.Endpoint, Bucket: s.Bucket, Prefix: s.Prefix, Region: s.Region, Plain: !s.TLS, CAFile: s.CAFile,
		Credentials: vault.Credentials(s.Credentials), File: s.CredentialsFile, Profile: s.Profile,
	})
}

func backupCopyName(at time.Time) string {
	return backupPrefix + "recsvc-" + at.UTC().Format(backupTime) + backupSuffix
}

// copyTime is when a copy was begun, by its name.
func copyTime(i vault.Info) time.Time {
	name := strings.TrimSuffix(i.Name, backupSuffix)
	at, err := time.Parse(backupTime, name[strings.LastIndexByte(name, '-')+1:])
	if err != nil {
		return i.Modified
	}
	return at
}

// backupCopies returns the whole backups in a vault, the newest first.
func backupCopies(ctx context.Context, v vault.Store) ([]vault.Info, error) {
	copies, err := v.List(ctx, backupPrefix)
	copies = slices.DeleteFunc(copies, func(i vault.Info) bool { return !strings.HasSuffix(i.Name, backupSuffix) })
	slices.SortFunc(copies, func(a, b vault.Info) int {
		return cmp.Or(copyTime(b).Compare(copyTime(a)), strings.Compare(b.Name, a.Name))
	})
	return copies, err
}

// CopierOptions of a Copier. A zero field takes the default named beside it; those without are required.
type CopierOptions struct {
	Open      func() (vault.Store, error) // called for each round, so that a place that is missing may come back
	Backup    func(ctx context.Context, w io.Writer) (state.BackupSummary, error)
	Snapshots *state.Snapshots // copied one by one; nil: they are not
	Every     time.Duration
	Keep      vault.Retention

	Now        func() time.Time                     // time.Now
	After      func(time.Duration) <-chan time.Time // time.After
	Log        *zap.Logger                          // nil: silent
	Registerer prometheus.Registerer                // nil: counted, not exported
}

// Copier takes copies of the state to a vault at an interval, of new snapshots too, and removes the oldest. What fails is
// logged, counted and tried again; nothing that serves waits for it. Run is called once.
type Copier struct {
	o CopierOptions

	last      prometheus.Gauge // seconds since 1970; 0: never
	bytes     prometheus.Gauge
	copies    prometheus.Gauge
	seconds   prometheus.Histogram
	snapshots prometheus.Counter
	failures  *prometheus.CounterVec // by step
}

// newCopier returns the copier that the configuration asks for, or nil.
func (a *app) newCopier() *Copier {
	if a.config.Backup.Every == 0 {
		return nil
	}
	return NewCopier(a.copierOptions())
}

func (a *app) copierOptions() CopierOptions {
	b := a.config.Backup
	o := CopierOptions{
		Open: func() (vault.Store, error) { return openVault(b.To) }, Backup: a.backup, Every: b.Every,
		Keep: vault.Retention{Newest: b.Keep, Days: b.KeepDays}, Log: a.log, Registerer: a.registry,
	}
	if b.Snapshots {
		o.Snapshots = a.snapshots
	}
	return o
}

// NewCopier returns a Copier that does nothing yet.
func NewCopier(o CopierOptions) *Copier {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	f := promauto.With(o.Registerer)
	c := &Copier{
		o: o,
		last: f.NewGauge(prometheus.GaugeOpts{
			Name: "recsvc_backup_last_success_timestamp_seconds", Help: "When the newest whole copy of the state was begun; 0: there is none.",
		}),
		bytes:  f.NewGauge(prometheus.GaugeOpts{Name: "recsvc_backup_bytes", Help: "Size of the newest whole copy of the state."}),
		copies: f.NewGauge(prometheus.GaugeOpts{Name: "recsvc_backup_copies", Help: "Whole copies of the state that are kept."}),
		seconds: f.NewHistogram(prometheus.HistogramOpts{
			Name: "recsvc_backup_seconds", Help: "Time from the beginning of a copy until it was verified.", Buckets: prometheus.ExponentialBuckets(.1, 3, 10),
		}),
		snapshots: f.NewCounter(prometheus.CounterOpts{Name: "recsvc_backup_snapshots_total", Help: "Model snapshots that were copied."}),
		failures: f.NewCounterVec(prometheus.CounterOpts{
			Name: "recsvc_backup_failures_total", Help: "Steps of taking copies that failed, and are tried again: open, backup, snapshots, retention.",
		}, []string{"step"}),
	}
	for _, s := range []string{"open", "backup", "snapshots", "retention"} {
		c.failures.WithLabelValues(s) // so that the first failure is an increase
	}
	return c
}

// The pauses: of a server that has just started and has its log to catch up with, and after failures, doubled from the first to the
// longest, which the interval bounds too.
const (
	startPause   = time.Minute
	firstRetry   = 30 * time.Second
	longestRetry = time.Hour
)

// Run takes copies until ctx ends. It returns nil, also for a nil Copier, at once.
func (c *Copier) Run(ctx context.Context) error {
	if c == nil {
		return nil
	}
	wait := c.firstWait(ctx)
	for {
		var todo round
		for failed := 0; ; failed++ {
			select {
			case <-ctx.Done():
				return nil
			case <-c.o.After(wait):
			}
			if todo.backup && !c.o.Now().Before(todo.begun.Add(c.o.Every)) {
				todo = round{} // the rest may fail for ever, as with a rotten snapshot: that must not end the backups
			}
			if err := c.try(ctx, &todo); err == nil {
				break
			} else if ctx.Err() != nil {
				return nil
			} else {
				wait = min(firstRetry<<min(failed, 10), longestRetry, c.o.Every)
				c.o.Log.Error("copies of the state", zap.Error(err), zap.Duration("again_in", wait))
			}
		}
		wait = max(0, todo.begun.Add(c.o.Every).Sub(c.o.Now()))
	}
}

// firstWait is how long the newest copy still does: a server that is often restarted does not copy more often.
func (c *Copier) firstWait(ctx context.Context) time.Duration {
	v, err := c.o.Open()
	if err != nil {
		return startPause // the first try says so
	}
	defer v.Close()
	copies, err := backupCopies(ctx, v)
	if err != nil || len(copies) == 0 {
		return startPause
	}
	c.have(copies)
	return min(max(startPause, copyTime(copies[0]).Add(c.o.Every).Sub(c.o.Now())), c.o.Every)
}

func (c *Copier) have(copies []vault.Info) {
	c.last.Set(float64(copyTime(copies[0]).Unix()))
	c.bytes.Set(float64(copies[0].Bytes))
	c.copies.Set(float64(len(copies)))
}

// round is what has been done so far. A try after a failure does the rest.
type round struct {
	begun                    time.Time
	backup, snapshots, swept bool
}

func (c *Copier) try(ctx context.Context, r *round) error {
	v, err := c.o.Open()
	if err != nil {
		c.failures.WithLabelValues("open").Inc()
		return err
	}
	defer v.Close()
	var errs []error
	for _, s := range []struct {
		name string
		done *bool
		do   func(context.Context, vault.Store, *round) error
	}{
		{"backup", &r.backup, c.copyState}, {"snapshots", &r.snapshots, c.copySnapshots}, {"retention", &r.swept, c.prune},
	} {
		if *s.done {
			continue
		}
		if err := s.do(ctx, v, r); err != nil {
			c.failures.WithLabelValues(s.name).Inc()
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		*s.done = true
	}
	return errors.Join(errs...)
}

// copyState streams a backup into the vault.
func (c *Copier) copyState(ctx context.Context, v vault.Store, r *round) error {
	r.begun = c.o.Now()
	in, out := io.Pipe()
	type result struct {
		summary state.BackupSummary
		err     error
	}
	written := make(chan result, 1)
	go func() {
		summary, err := c.o.Backup(ctx, out)
		out.CloseWithError(err)
		written <- result{summary, err}
	}()
	info, err := v.Put(ctx, backupCopyName(r.begun), in)
	in.CloseWithError(io.ErrClosedPipe) // nobody reads any more
	w := <-written
	if err != nil {
		return err
	}
	if w.err != nil || info.SHA256 != w.summary.SHA256 {
		err := fmt.Errorf("copy %s is not what was written: SHA-256 is %s, not %s", info.Name, info.SHA256, w.summary.SHA256)
		return errors.Join(err, w.err, v.Remove(ctx, info.Name))
	}
	took := c.o.Now().Sub(r.begun)
	c.last.Set(float64(r.begun.Unix()))
	c.bytes.Set(float64(info.Bytes))
	c.seconds.Observe(took.Seconds())
	c.o.Log.Info("copy of the state taken", zap.String("name", info.Name), zap.Int64("bytes", info.Bytes),
		zap.Int64("entries", w.summary.Entries), zap.Duration("took", took))
	return nil
}

// copySnapshots copies the model snapshots that the vault does not have yet: the content, then the description.
func (c *Copier) copySnapshots(ctx context.Context, v vault.Store, _ *round) error {
	if c.o.Snapshots == nil {
		return nil
	}
	have, err := v.List(ctx, snapshotPrefix)
	if err != nil {
		return err
	}
	metas, err := c.o.Snapshots.List()
	errs := []error{err}
	for _, m := range metas {
		_, description := snapshotCopyNames(m.ID)
		if slices.ContainsFunc(have, func(i vault.Info) bool { return i.Name == description }) {
			continue
		}
		err := c.copySnapshot(ctx, v, m.ID)
		if errors.Is(err, state.ErrNotFound) {
			continue // deleted just now
		}
		if err == nil {
			c.snapshots.Inc()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// prune removes copies that are too old, and what interrupted ones left.
func (c *Copier) prune(ctx context.Context, v vault.Store, _ *round) error {
	copies, err := backupCopies(ctx, v)
	if err != nil || len(copies) == 0 {
		return err
	}
	expired := c.o.Keep.Expired(copies, copyTime, c.o.Now())
	for _, old := range expired {
		if err := v.Remove(ctx, old.Name); err != nil {
			return err
		}
	}
	c.have(copies)
	c.copies.Set(float64(len(copies) - len(expired)))
	for _, prefix := range []string{backupPrefix, snapshotPrefix} {
		if _, err := v.Sweep(ctx, prefix, c.o.Now().Add(-tornAge)); err != nil {
			return err
		}
	}
	return nil
}
