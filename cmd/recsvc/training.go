package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"recsvc/internal/config"
	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/ingest"
	"recsvc/internal/model"
	"recsvc/internal/snapshot"
	"recsvc/internal/state"
	"recsvc/internal/train"
)

// training makes one model anew from the log: it reads all of it into a spool, makes passes over that, and catches up with the log.
// It belongs to one goroutine.
type training struct {
	app         *app
	definitions declared
	place       int // of the model among those of the configuration
	passes      int // at least 1; the last is the stream as it came
	shuffle     bool
	seed        uint64
	room        func(rerun) error // says whether there is memory for what runs beside the server; nil: there is
	progress    func(stage string, done, total int64)

	spool   *os.File
	trainer *train.Trainer
	rerun   *engine.Rerun
	tape    *tape
	pupil   *model.Model // the result
	online  *model.Model // the same after one pass, as it came
}

// trained is what a training has made.
type trained struct {
	Model    string    `json:"model"`
	Passes   int       `json:"passes"`
	Cursor   string    `json:"cursor"` // what it has learned from
	Examples int64     `json:"examples"`
	Snapshot string    `json:"snapshot"`
	SHA256   string    `json:"sha256"`
	Seconds  float64   `json:"seconds"`
	Memory   forgotten `json:"memory"`

	read event.Cursor // what the passes went over; behind it it has taken the stream as it came
}

// forgotten tells how well the model does on a sample of what there was: the older half of it and the newer, log-loss in nats.
type forgotten struct {
	Sampled    int      `json:"sampled"`
	OldTrained *float64 `json:"old_trained"`
	OldOnline  *float64 `json:"old_online"`
	NewTrained *float64 `json:"new_trained"`
	NewOnline  *float64 `json:"new_online"`
}

// errChampion reports a training of the model that serves.
var errChampion = errors.New("it is the champion: its weights are what people are served by. Declare a challenger with the same heads, train that, and promote it")

// open makes what a training needs; close must follow.
func (t *training) open(ctx context.Context) (err error) {
	if t.spool, err = os.CreateTemp(t.app.config.Data, "training-*.spool"); err != nil {
		return err
	}
	if err := os.Remove(t.spool.Name()); err != nil { // whatever happens, it goes with the process
		return err
	}
	parts, err := newParts(t.app.config, nil, nil)
	if err == nil {
		parts.Features, err = t.definitions.newStore(nil) // one that tells nobody of the matches that it meets again
	}
	if err != nil {
		return err
	}
	if t.pupil, err = newModel(t.app.config, t.place, nil); err != nil {
		return err
	}
	if t.online, err = newModel(t.app.config, t.place, nil); err != nil {
		return err
	}
	first := 0
	for _, m := range t.app.config.Models[:t.place] {
		first += len(m.Heads)
	}
	t.trainer, err = train.New(t.spool, train.Options{First: first, Heads: len(t.pupil.Heads()), Online: t.online})
	if err != nil {
		return err
	}
	opts := t.app.engineOptions()
	opts.Tap, opts.Logger = t.trainer, nil
	opts.Definitions, opts.Declared = t.definitions.hash(), t.definitions.text()
	if t.rerun, err = engine.NewRerun(parts, opts); err != nil {
		return err
	}
	source, err := ingest.NewEmbedded(t.app.wal, ingest.EmbeddedOptions{Workers: 1}) // it is in no hurry
	if err != nil {
		return err
	}
	t.tape = startTape(ctx, source, t.rerun.Place())
	return nil
}

func (t *training) close() error {
	if t.tape != nil {
		t.tape.stop()
	}
	if t.spool == nil {
		return nil
	}
	return t.spool.Close()
}

// learn reads the log up to a place and makes the passes.
func (t *training) learn(to event.Cursor) error {
	if err := t.advance(t.tape.ctx, to, "read"); err != nil {
		return err
	}
	if t.trainer.Labels() == 0 {
		return errors.New("the log holds nothing to learn")
	}
	for pass := range t.passes - 1 {
		look := t.look(fmt.Sprintf("pass %d of %d", pass+1, t.passes))
		err := error(nil)
		if t.shuffle {
			err = t.trainer.Shuffled(t.pupil, t.seed+uint64(pass), look)
		} else {
			err = t.trainer.Pass(t.pupil, look)
		}
		if err != nil {
			return err
		}
	}
	return t.trainer.Stream(t.pupil, t.look(fmt.Sprintf("pass %d of %d", t.passes, t.passes)))
}

// advance lets the training come to a place in the log, or as far as it can before ctx ends; then it may go on.
func (t *training) advance(ctx context.Context, to event.Cursor, stage string) error {
	t.tell(stage, t.rerun.Place().Offset(0), to.Offset(0))
	err := t.tape.advance(ctx, t.rerun, to, func(r rerun) error {
		t.tell(stage, r.Place().Offset(0), to.Offset(0))
		if t.trainer.Err() != nil || t.room == nil {
			return t.trainer.Err()
		}
		return t.room(r)
	})
	return errors.Join(err, t.trainer.Err())
}

func (t *training) look(stage string) func(done, total int64) error {
	return func(done, total int64) error {
		t.tell(stage, done, total)
		return t.tape.ctx.Err()
	}
}

func (t *training) tell(stage string, done, total int64) {
	if t.progress != nil {
		t.progress(stage, done, total)
	}
}

// keep writes the result to a snapshot of its own. It is that of the place at which the training stands. When ctx ends first, it
// returns context.Cause, and there is no snapshot.
func (t *training) keep(ctx context.Context, out *trained) error {
	name := t.pupil.Name()
	if t.rerun.Champion() == name {
		return fmt.Errorf("model %q: %w", name, errChampion)
	}
	place := t.rerun.Place()
	meta := state.SnapshotMeta{Created: time.Now().UTC()}
	err := t.app.snapshots.Create(&meta, func(w io.Writer) error {
		d := snapshot.Description{
			Created: meta.Created, Cursor: place.String(), Models: []string{modelAt(t.pupil, place)}, Note: trainedNote(name, t.passes),
		}
		describe(&meta, d)
		return engine.WriteModel(until{ctx, w}, t.definitions.hash(), t.pupil, d)
	})
	if err != nil {
		return err
	}
	old, now := t.trainer.Memory(t.online), t.trainer.Memory(t.pupil)
	*out = trained{
		read: out.read, Model: name, Passes: t.passes, Cursor: place.String(), Examples: t.trainer.Labels(), Snapshot: meta.ID, SHA256: meta.SHA256,
		Memory: forgotten{
			Sampled: now.N, OldTrained: defined(now.Old), OldOnline: defined(old.Old), NewTrained: defined(now.New), NewOnline: defined(old.New),
		},
	}
	return nil
}

// until writes until a context ends.
type until struct {
	ctx context.Context
	w   io.Writer
}

// Write implements io.Writer.
func (u until) Write(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.w.Write(p)
}

// trainedNote is that of the snapshots that trainings leave.
func trainedNote(name string, passes int) string {
	return fmt.Sprintf("%s%d passes", trainedNotes(name), passes)
}

// trainedNotes begins the notes of all trainings of a model.
func trainedNotes(name string) string { return name + " trained in " }

// trainee finds the model to train: the named one, or the only one that is not the champion.
func trainee(c *config.Config, name string) (int, error) {
	if name != "" {
		i := slices.IndexFunc(c.Models, func(m config.Model) bool { return m.Name == name })
		if i < 0 {
			return 0, fmt.Errorf("there is no model %q", name)
		}
		return i, nil
	}
	var others []int
	for i := range c.Models {
		if i != c.Champion() && c.Models[i].Role != roleShadow {
			others = append(others, i)
		}
	}
	switch len(others) {
	case 0:
		return 0, errors.New("no challenger is declared: name the model to train, or declare one with role: challenger")
	case 1:
		return others[0], nil
	}
	return 0, fmt.Errorf("there are %d challengers: name the one to train", len(others))
}
