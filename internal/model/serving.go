package model

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// ServingPages hands what the models predict with to fn, keys ascending: those of the heads' pages, values as in words.go. They take a third of
// what learning needs, and less where L1 has made weights 0. It may be called beside the writers: the weights are then of moments
// that differ by as long as it takes. fn must not keep what it is given.
func ServingPages(models []*Model, fn func(key, value []byte) error) error {
	type part struct {
		key        []byte
		seat       seat
		calibrator calibrator
	}
	var parts []part
	for _, m := range models {
		view := m.view.Load()
		for i, h := range m.heads {
			s := h.seat
			s.table = view.table
			parts = append(parts, part{m.keys[i], s, h.calibrator})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return slices.Compare(a.key, b.key) })
	var key, value []byte
	for _, p := range parts {
		for page := range uint32(p.seat.pages()) {
			if value = p.seat.appendWords(value[:0], page); len(value) == wordsHead {
				continue
			}
			key = binary.BigEndian.AppendUint32(append(key[:0], p.key...), page)
			if err := fn(key, value); err != nil {
				return err
			}
		}
		if p.calibrator == nil {
			continue
		}
		if value = p.calibrator.published(value[:0]); len(value) > 0 {
			if err := fn(append(append(key[:0], p.key...), calibrationKey), value); err != nil {
				return err
			}
		}
	}
	return nil
}

// LoadServing takes over one page into models that have learned nothing, and never will. It is false when the page is none of theirs.
func LoadServing(models []*Model, key, value []byte) (bool, error) {
	for _, m := range models {
		id, ok, err := m.entry(key)
		if err != nil {
			return true, err
		}
		if !ok || id >= m.clockID(0) && id < m.calibrationID(0) {
			continue
		}
		if id >= m.calibrationID(0) {
			entry, err := m.decode(id, value)
			if err == nil {
				entry.put()
			}
			return true, err
		}
		head, page := (*weightPages)(m).split(id)
		if err := m.heads[head].seat.loadWords(page, value); err != nil {
			return true, fmt.Errorf("page %d of %s: %w", page, m.label(int(head)), err)
		}
		return true, nil
	}
	return false, nil
}
