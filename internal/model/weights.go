package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"recsvc/internal/dirty"
)

// Keys are: prefix u8 | length u8 | "model/head" | what the prefix asks for. Of weights that is the page number as
// big-endian u32. Keys of metrics are those of package validation.
const weightPrefix = 'w'

const maxName = 100

func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.ContainsRune(name, '/') {
		return fmt.Errorf("name %q must have 1 to %d bytes and no '/'", name, maxName)
	}
	return nil
}

// appendKey appends the start that all keys of one head under one prefix have in common, and no others.
func appendKey(dst []byte, prefix byte, label string) []byte {
	return append(append(dst, prefix, byte(len(label))), label...)
}

// weightPages is the model as the table of its dirty set.
type weightPages Model

func (m *weightPages) split(id uint32) (head uint, page uint32) {
	shift := m.table.bits - pageBits
	return uint(id >> shift), id & (1<<shift - 1)
}

func (m *weightPages) AppendKey(dst []byte, id uint32) []byte {
	head, page := m.split(id)
	return binary.BigEndian.AppendUint32(append(dst, m.keys[head]...), page)
}

func (m *weightPages) AppendValue(dst []byte, id uint32) []byte {
	head, page := m.split(id)
	return m.table.appendPage(dst, page, head)
}

// pageID finds the dirty set's id of a key, and false when the key is not of this model's weights.
func (m *Model) pageID(key []byte) (id uint32, ok bool, err error) {
	for head, prefix := range m.keys {
		rest, ok := strings.CutPrefix(string(key), string(prefix))
		if !ok {
			continue
		}
		if len(rest) != 4 {
			return 0, true, fmt.Errorf("page of %s: key %x: %w", m.label(head), key, ErrCorrupt)
		}
		page := binary.BigEndian.Uint32([]byte(rest))
		if int64(page) >= int64(m.table.pages()) {
			return 0, true, fmt.Errorf("page %d of %s: %w", page, m.label(head), ErrBits)
		}
		return uint32(head*m.table.pages()) + page, true, nil
	}
	return 0, false, nil
}

func (m *Model) label(head int) string { return m.name + "/" + m.heads[head].name }

// fill decodes a page into the table. Nothing is changed when it fails.
func (m *Model) fill(id uint32, value []byte, before func()) error {
	var image pageImage
	if err := m.decode(&image, id, value); err != nil {
		return err
	}
	before()
	head, page := (*weightPages)(m).split(id)
	m.table.setPage(page, head, &image)
	return nil
}

func (m *Model) decode(image *pageImage, id uint32, value []byte) error {
	if err := decodePage(image, value, m.table.bits); err != nil {
		head, page := (*weightPages)(m).split(id)
		return fmt.Errorf("page %d of %s: %w", page, m.label(int(head)), err)
	}
	return nil
}

// Load takes one entry of a checkpoint into a new model; sum is what the dirty set gave for it. It is false when
// the entry is not this model's, which includes heads that the model no longer has.
func (m *Model) Load(key, value []byte, sum dirty.Sum) (bool, error) {
	for _, h := range m.heads {
		if ok, err := h.validation.Load(key, value, sum); ok || err != nil {
			return true, err
		}
	}
	id, ok, err := m.pageID(key)
	if !ok || err != nil {
		return ok, err
	}
	return true, m.fill(id, value, func() { m.set.Loaded(id, sum) })
}

// Pages calls fn for every page that is not blank, head by head, in order: the weights of a snapshot. Keys and
// values are those of the checkpoint, and fn must not keep them.
func (m *Model) Pages(fn func(key, value []byte) error) error {
	var buf []byte
	w := (*weightPages)(m)
	for id := range uint32(len(m.heads) * m.table.pages()) {
		head, page := w.split(id)
		if m.table.blankPage(page, head) {
			continue
		}
		buf = w.AppendKey(buf[:0], id)
		n := len(buf)
		buf = w.AppendValue(buf, id)
		if err := fn(buf[:n:n], buf[n:]); err != nil {
			return fmt.Errorf("page %d of %s: %w", page, m.label(int(head)), err)
		}
	}
	return nil
}

// Restore is the replacement of a model's weights by a snapshot's, page by page, beside readers, who see a page of
// the one or the other. Metrics are left alone: they tell how the server predicted, whatever with.
type Restore struct {
	m      *Model
	loaded []bool // by id
}

// Restore begins the replacement. Nothing else may be done with the model until Finish.
func (m *Model) Restore() *Restore {
	return &Restore{m: m, loaded: make([]bool, len(m.heads)*m.table.pages())}
}

// LoadPage takes over one page. It is false when the page is not this model's, as of a head that it does not have.
// Pages come in any order, each once.
func (r *Restore) LoadPage(key, value []byte) (bool, error) {
	id, ok, err := r.m.pageID(key)
	if !ok || err != nil {
		return ok, err
	}
	if r.loaded[id] {
		return true, fmt.Errorf("key %q: %w", key, errTwice)
	}
	if err := r.m.fill(id, value, func() { r.m.set.Touch(id) }); err != nil {
		return true, err
	}
	r.loaded[id] = true
	return true, nil
}

var errTwice = errors.New("page loaded twice")

// CheckPage says what LoadPage would of a page, without taking it over: false when it is not this model's. It may be
// called beside the writer.
func (m *Model) CheckPage(key, value []byte) (bool, error) {
	id, ok, err := m.pageID(key)
	if !ok || err != nil {
		return ok, err
	}
	var image pageImage
	return true, m.decode(&image, id, value)
}

// Finish blanks every page that was not loaded.
func (r *Restore) Finish() {
	m := r.m
	var blank pageImage
	for i, loaded := range r.loaded {
		id := uint32(i)
		head, page := (*weightPages)(m).split(id)
		if loaded || m.table.blankPage(page, head) {
			continue
		}
		m.set.Remove(id)
		m.table.setPage(page, head, &blank)
	}
}

// Reset forgets all weights.
func (m *Model) Reset() { m.Restore().Finish() }
