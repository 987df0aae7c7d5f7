package engine

import (
	"fmt"

	"recsvc/internal/dirty"
	"recsvc/internal/state"
)

// load fills the parts from the last whole checkpoint, if there is one.
func (e *Engine) load() error {
	var meta state.Meta
	ok := false
	if e.State != nil {
		meta, ok = e.State.Latest()
	}
	if ok && meta.Definitions != e.opts.Definitions {
		return ErrDefinitions
	}
	if e.place = meta.Cursor.Clone(); !ok {
		e.place = e.opts.Start.Clone()
	}
	e.progress = newProgress(e.place)
	if !ok {
		e.tally.gaps = places(e.place)
		e.publishTally()
		return nil
	}
	if err := e.State.LoadTables(e.Features.ReadsThrough, e.loadEntry); err != nil {
		return fmt.Errorf("load checkpoint %d: %w", meta.Epoch, err)
	}
	if err := e.joiner.EndLoad(); err != nil {
		return err
	}
	if e.Parts.Examination != nil {
		if err := e.Parts.Examination.EndLoad(); err != nil {
			return err
		}
	}
	e.joiner.Stored() // all of it may leave memory
	for _, h := range meta.Shards {
		if e.Features.ReadsThrough(h.Prefix) {
			e.Features.Assume(h.Prefix, h.Digest, h.Entries)
		}
	}
	e.Features.LoadDone()
	if e.health != nil {
		e.health.loaded()
	}
	e.seen = *e.tally // the metrics tell of this process alone
	e.publishTally()  // the status tells of the state
	e.lastCheckpoint.Store(&CheckpointStatus{
		Epoch: meta.Epoch, Written: meta.Created.Time(), Bytes: meta.Bytes, Entries: meta.Entries, Digest: meta.Digest,
		Cursor: meta.Cursor,
	})
	return nil
}

// loadEntry hands one entry to the part whose prefix it carries.
func (e *Engine) loadEntry(key, value []byte, sum dirty.Sum) error {
	if len(key) == 0 {
		return fmt.Errorf("an entry without a key")
	}
	switch key[0] {
	case prefixTally:
		return e.tally.load(value, sum, e.place)
	case prefixHealth:
		return e.health.load(key, value, sum)
	case prefixRestore:
		return e.restores.load(key, value, sum)
	case prefixStanding:
		if ok, err := e.standings.load(key, value, sum); ok {
			return err
		}
	case 'c':
		return e.Clock.Load(key, value, sum)
	case 'd':
		return e.Dedup.Load(key, value, sum)
	case 'l':
		return e.Letters.Load(key, value, sum)
	case 'i', 'j', 'o':
		return e.joiner.Load(key, value, sum)
	}
	if ok, err := e.loadExamination(key, value, sum); ok {
		return err
	}
	if ok, err := e.Features.Load(key, value, sum); ok {
		return err
	}
	if e.Slicer != nil {
		if ok, err := e.Slicer.Load(key, value, sum); ok {
			return err
		}
	}
	for _, m := range e.Models {
		if ok, err := m.Load(key, value, sum); ok {
			return err
		}
	}
	return fmt.Errorf("entry %x belongs to no part of this version", key)
}
