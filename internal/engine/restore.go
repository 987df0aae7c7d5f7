package engine

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.uber.org/zap"

	"recsvc/internal/event"
	"recsvc/internal/state"
)

// errNoSnapshots reports an engine without a place for snapshots.
var errNoSnapshots = errors.New("no snapshots are configured")

// applyControl takes a control record. An unknown one was written by a newer version: going on without it would make
// another state than the log says.
func (e *Engine) applyControl(r *event.Record) error {
	c := r.Control
	switch c.Type {
	case event.PurgeControl:
		return e.purge(r)
	case event.OutboxControl:
		return e.outbox(r)
	case event.InstallControl:
		return e.install(r)
	case event.PromoteControl:
		return e.promote(r)
	case event.TuneControl:
		return e.tune(r)
	}
	if c.Type != event.RestoreControl {
		return fmt.Errorf("unknown control record %q: it was written by a newer recsvc", c.Type)
	}
	id := c.Text("snapshot")
	if e.opts.Tap != nil { // whose models have no weights
		e.restores.add(id)
		e.count(applied)
		return nil
	}
	if definitions := c.Text("definitions"); definitions != e.definitions.Load().String() {
		// The weights mean nothing here. To stop would make it impossible to learn anew from this log.
		e.log.Warn("the log rolls the model back to a snapshot of other definitions: passed over, the weights stay",
			zap.String("snapshot", id), zap.String("definitions", definitions), zap.Stringer("ours", e.definitions.Load()),
			zap.Int32("partition", r.Partition), zap.Int64("offset", r.Offset))
		e.restores.passedOver.Inc()
	} else if err := e.restore(id, c.Text("sha256")); err != nil {
		return fmt.Errorf("restore snapshot %q: %w; the log cannot be applied any further without it: put %s.snapshot and "+
			"%s.json back into the directory snapshots of the data directory, from a backup or from another instance, and start again",
			id, err, id, id)
	} else {
		e.restores.done.Inc()
		e.calm()
		reason := c.Text("reason")
		e.health.rolledBack(Rollback{
			Snapshot: id, Reason: reason[:min(len(reason), event.MaxReason)], At: r.Received, Until: e.Clock.Newest(),
		})
	}
	e.restores.add(id)
	e.count(applied)
	return nil
}

// restore replaces the weights. The whole snapshot is checked before the first weight changes.
func (e *Engine) restore(id, sum string) error {
	meta, content, err := e.openSnapshot(id)
	if err != nil {
		return err
	}
	defer content.Close()
	if meta.SHA256 != sum {
		return fmt.Errorf("%w: its SHA-256 is %s, the log names %s", ErrSnapshot, meta.SHA256, sum)
	}
	if _, err := e.CheckSnapshot(content); err != nil {
		return err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return err
	}
	restoring := e.lineup.restore()
	if _, err := readSnapshot(content, e.Definitions(), restoring.loadPage); err != nil {
		return err // somebody has changed the file meanwhile: the writer ends, and with it what was loaded
	}
	restoring.finish()
	return nil
}

func (e *Engine) openSnapshot(id string) (state.SnapshotMeta, io.ReadSeekCloser, error) {
	if e.opts.Snapshots == nil {
		return state.SnapshotMeta{}, nil, errNoSnapshots
	}
	return e.opts.Snapshots.Open(id)
}

// BeginRestore returns the control record's content that rolls the model back to a snapshot, after it has read all of
// the snapshot and found that it can be: a record that cannot be obeyed would stop every start from then on. The error is
// ErrSnapshot, or one of package state. The snapshot cannot be deleted any more, whatever becomes of the record: one whose
// writing seems to have failed may be in the log all the same.
func (e *Engine) BeginRestore(id string) (*event.Control, error) { return e.BeginRestoreFor(id, "") }

// BeginRestoreFor is BeginRestore for a reason, which the record keeps.
func (e *Engine) BeginRestoreFor(id, reason string) (*event.Control, error) {
	e.restores.hold(id)
	definitions := e.definitions.Load()
	err := e.settle(definitions)
	var sum string
	if err == nil {
		sum, err = e.checkSnapshot(id)
	}
	if err != nil {
		e.restores.release(id)
		return nil, err
	}
	text := func(s string) event.Value { return event.Value{Kind: event.String, Str: s} }
	attrs := event.Attributes{{Key: "definitions", Value: text(definitions.String())}}
	if reason != "" {
		attrs = append(attrs, event.Attribute{Key: "reason", Value: text(strings.ToValidUTF8(reason[:min(len(reason), event.MaxReason)], ""))})
	}
	attrs = append(attrs, event.Attribute{Key: "sha256", Value: text(sum)}, event.Attribute{Key: "snapshot", Value: text(id)})
	return &event.Control{Type: event.RestoreControl, Attrs: attrs}, nil
}

func (e *Engine) checkSnapshot(id string) (sum string, err error) {
	meta, content, err := e.openSnapshot(id)
	if err != nil {
		return "", err
	}
	defer content.Close()
	d, err := e.CheckSnapshot(content)
	if err == nil {
		err = e.lineup.coveredBy(d.Models)
	}
	return meta.SHA256, err
}

// coveredBy refuses a snapshot that was made of some of the models: a restore would leave the others with nothing. Names are
// name@version; none: nobody has said.
func (l *lineup) coveredBy(names []string) error {
	for _, m := range l.models {
		if len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, m.Name()+"@") }) {
			return fmt.Errorf("%w: it holds %s, and nothing of %s", ErrSnapshot, strings.Join(names, ", "), m.Name())
		}
	}
	return nil
}

// DeleteSnapshot removes a snapshot, unless the log rolls back to it, or is about to: ErrRestored. It knows of the log
// what is applied; who asks sees to it that this is all of it.
func (e *Engine) DeleteSnapshot(id string) error {
	if e.opts.Snapshots == nil {
		return errNoSnapshots
	}
	return e.restores.unless(id, func() error { return e.opts.Snapshots.Delete(id) })
}
