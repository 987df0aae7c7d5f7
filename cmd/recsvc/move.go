package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/config"
	"recsvc/internal/dirty"
	"recsvc/internal/engine"
	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/state"
)

// move is the way from a state's models to the configured ones.
type move struct {
	kept, added, changed, gone []string // names; changed begin anew, as added ones do

	was, now []feedback.Seat // flat heads
}

// move compares the models of two declarations. Their order is of no matter for what is kept.
func (d declared) move(to declared) (m move) {
	was, now := d.models(), to.models()
	find := func(list []declaredModel, name string) int {
		return slices.IndexFunc(list, func(m declaredModel) bool { return m.name == name })
	}
	for _, model := range was {
		m.was = append(m.was, model.seat...)
		if find(now, model.name) < 0 {
			m.gone = append(m.gone, model.name)
		}
	}
	for _, model := range now {
		m.now = append(m.now, model.seat...)
		switch at := find(was, model.name); {
		case at < 0:
			m.added = append(m.added, model.name)
		case was[at].text != model.text:
			m.changed = append(m.changed, model.name)
		default:
			m.kept = append(m.kept, model.name)
		}
	}
	return m
}

// moves reports whether a state can be moved to the models of a declaration: some of them stay, and beside models and features nothing has
// changed. It is true where no model has changed at all.
func (d declared) moves(to declared) bool {
	return d.sameLearning(to) || d.sameBeside(to) && len(d.move(to).kept) > 0
}

// movable reports whether a checkpoint is of the configured features, and of models from which a server can move on.
func movable(m state.Meta, c *config.Config) bool {
	from, err := declaredBy(m)
	to := declare(c)
	return err == nil && m.Definitions != to.hash() && from.moves(to) && bytes.Equal(from.featureText(), to.featureText())
}

// featureText identifies the features.
func (d declared) featureText() []byte {
	return declared{Features: d.Features, Learning: []byte("null")}.text()
}

// moveModels moves the state to the configured models, if that is all there is to do, or what is left is a backfill. Otherwise the state stays as
// it is: it may be refused, and the former configuration come back.
func (a *app) moveModels() error {
	meta, ok := a.state.Latest()
	if !ok || movable(meta, a.config) {
		return a.move()
	}
	if from, err := declaredBy(meta); err == nil && from.moves(declare(a.config)) && a.live && a.logIsWhole() {
		return a.move()
	}
	return nil
}

// move commits a checkpoint in which the models are the configured ones and those that have stayed have all that they had. Until then the
// state is that of before, so that it may end at any moment. It does nothing to a state of the same models.
func (a *app) move() error {
	meta, ok := a.state.Latest()
	from, err := declaredBy(meta)
	to := declare(a.config)
	if !ok || err != nil || from.sameLearning(to) || !from.moves(to) || len(meta.Shards) == 0 {
		return nil
	}
	start, m := time.Now(), from.move(to)
	seating := engine.NewSeating(m.was, m.now, m.keeps())
	cp := a.state.Begin()
	w := rewriting{seating: seating, checkpoint: cp, shards: shardsOf(a.state)}
	if err := w.run(a.state); err != nil {
		cp.Abort()
		return fmt.Errorf("move the state to the configured models: %w", err)
	}
	from.Learning = to.Learning
	meta = w.describe(meta)
	meta.Created, meta.Definitions, meta.Root = event.FromTime(time.Now()), from.hash(), from.text()
	if err := cp.Commit(context.Background(), meta); err != nil {
		return err
	}
	a.log.Warn("other models are configured than the state has: those that are the same keep what they have learned; those that are new or "+
		"have changed are blank and learn from this place of the log on (recsvc train teaches them what came before)",
		zap.Strings("kept", m.kept), zap.Strings("new", m.added), zap.Strings("begun_anew", m.changed), zap.Strings("dropped", m.gone),
		zap.Int64("exposures_before", seating.Absences()), zap.Int64("entries", w.entries), zap.Duration("took", time.Since(start)))
	if champion := a.config.Models[a.config.Champion()].Name; !slices.Contains(m.kept, champion) {
		a.log.Error("the configured champion is one of those that are blank", zap.String("champion", champion))
	}
	return nil
}

func (m move) keeps() map[string]bool {
	kept := map[string]bool{}
	for _, name := range m.kept {
		kept[name] = true
	}
	return kept
}

// rewriting puts entries as a seating makes them into a checkpoint, and keeps account of the tables.
type rewriting struct {
	seating    *engine.Seating
	checkpoint *state.Checkpoint
	shards     map[byte]state.Shard
	entries    int64 // that were rewritten or dropped
}

// run goes through the state twice: entries move to other keys in the second pass, when nothing stands there any more.
func (w *rewriting) run(from *state.Store) error {
	for _, pass := range []func(key, value, newKey, newValue []byte, sum dirty.Sum){w.first, w.second} {
		err := from.LoadTables(func(prefix byte) bool { return !engine.Seated(prefix) }, func(key, value []byte, sum dirty.Sum) error {
			if !engine.Seated(key[0]) {
				return nil
			}
			newKey, newValue, err := w.seating.Entry(key, value)
			if err == nil {
				pass(key, value, newKey, newValue, sum)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// first rewrites what stays under its key, and takes away what does not.
func (w *rewriting) first(key, value, newKey, newValue []byte, sum dirty.Sum) {
	same := bytes.Equal(key, newKey)
	if same && bytes.Equal(value, newValue) {
		return
	}
	w.entries++
	h := w.shards[key[0]]
	h.Digest.Sub(sum)
	h.Entries--
	w.shards[key[0]] = h
	if same {
		w.put(key, newValue)
		return
	}
	w.checkpoint.Put(key, nil, dirty.Sum{})
}

// second puts what has another key now under it.
func (w *rewriting) second(key, _, newKey, newValue []byte, _ dirty.Sum) {
	if newKey != nil && !bytes.Equal(key, newKey) {
		w.put(newKey, newValue)
	}
}

func (w *rewriting) put(key, value []byte) {
	sum := dirty.SumOf(key, value)
	h := w.shards[key[0]]
	h.Digest.Add(sum)
	h.Entries++
	w.shards[key[0]] = h
	w.checkpoint.Put(key, value, sum)
}

// describe is a checkpoint's description with the tables as they are now.
func (w *rewriting) describe(m state.Meta) state.Meta {
	m.Shards, m.Entries, m.Digest = nil, 0, dirty.Sum{}
	for p := range 256 {
		h, ok := w.shards[byte(p)]
		if !ok || h.Entries == 0 {
			continue
		}
		m.Shards = append(m.Shards, h)
		m.Entries += h.Entries
		m.Digest.Add(h.Digest)
	}
	return m
}
