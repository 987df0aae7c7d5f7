package engine

import (
	"errors"
	"fmt"
	"io"

	"go.uber.org/zap"

	"recsvc/internal/event"
	"recsvc/internal/model"
	"recsvc/internal/snapshot"
)

// install puts trained weights in the place of one model's. What does not fit here is passed over and told: to stop would make it
// impossible to learn anew from this log under another configuration.
func (e *Engine) install(r *event.Record) error {
	e.count(applied)
	c := r.Control.Install()
	e.restores.add(c.Snapshot)
	pass := func(why string) error {
		e.log.Warn("the log puts trained weights in the place of a model's: passed over, the weights stay", zap.String("why", why),
			zap.String("model", c.Model), zap.String("snapshot", c.Snapshot), zap.Int32("partition", r.Partition), zap.Int64("offset", r.Offset))
		e.restores.installs.WithLabelValues("passed_over").Inc()
		return nil
	}
	i, ok := e.lineup.find(c.Model)
	switch {
	case e.opts.Tap != nil: // whose models have no weights
		return nil
	case !ok:
		return pass("no such model is configured")
	case c.Definitions != e.definitions.Load().String():
		return pass("they were made under other definitions")
	}
	cursor, err := e.installFrom(e.lineup.models[i], c)
	switch {
	case errors.Is(err, errElsewhere):
		return pass("they were made for " + cursor)
	case err != nil:
		return fmt.Errorf("install trained weights of model %q: %w; the log cannot be applied any further without them: put %s.snapshot and "+
			"%s.json back into the directory snapshots of the data directory, from a backup or from another instance, and start again",
			c.Model, err, c.Snapshot, c.Snapshot)
	}
	e.health.installed(e.lineup.first[i], len(e.lineup.models[i].Heads()))
	e.restores.installs.WithLabelValues("installed").Inc()
	return nil
}

// errElsewhere reports weights that were made for another place in the log.
var errElsewhere = errors.New("the weights were made for another place in the log")

// installFrom replaces one model's weights. All of the content is checked before the first of them changes.
func (e *Engine) installFrom(m *model.Model, c event.Install) (cursor string, err error) {
	meta, content, err := e.openSnapshot(c.Snapshot)
	if err != nil {
		return "", err
	}
	defer content.Close()
	if meta.SHA256 != c.SHA256 {
		return "", fmt.Errorf("%w: its SHA-256 is %s, the log names %s", ErrSnapshot, meta.SHA256, c.SHA256)
	}
	d, err := readSnapshot(content, e.Definitions(), m.CheckPage)
	if err != nil {
		return "", err
	}
	if d.Cursor != e.place.String() {
		return d.Cursor, errElsewhere
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	restore := m.Restore()
	if _, err := readSnapshot(content, e.Definitions(), restore.LoadPage); err != nil {
		return "", err // somebody has changed the file meanwhile: the writer ends, and with it what was loaded
	}
	restore.Finish()
	return d.Cursor, nil
}

// WriteModel writes the weights of one model, trained up to a place in the log under the given definitions, as an InstallControl can
// name them.
func WriteModel(w io.Writer, definitions [32]byte, m *model.Model, d snapshot.Description) error {
	out := snapshot.NewWriter(w, snapshot.Learning, definitions)
	if err := m.Pages(out.Page); err != nil {
		return err
	}
	return out.Close(d)
}

// BeginInstall returns the content of the control record that installs the weights in a snapshot, which cannot be deleted any more,
// whatever becomes of the record.
func (e *Engine) BeginInstall(modelName, id, sum string) *event.Control {
	e.restores.hold(id)
	return event.Install{Model: modelName, Snapshot: id, SHA256: sum, Definitions: e.definitions.Load().String()}.Control()
}

// CancelInstall takes BeginInstall back, for who knows that the record is not in the log and will not be.
func (e *Engine) CancelInstall(id string) { e.restores.release(id) }
