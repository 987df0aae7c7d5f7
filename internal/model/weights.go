package model

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"recsvc/internal/dirty"
)

// Keys are: prefix u8 | length u8 | "model/head" | what the prefix asks for. Of weights that is the page number as
// big-endian u32, 'c' for the head's clock, or 'k' for its calibration. Keys of metrics are those of package validation.
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

// calibrationKey ends the key of a calibration.
const calibrationKey = 'k'

// split takes an id apart; a head beyond the last means a clock, the one beyond that a calibration, of the head whose number is then
// in page.
func (m *weightPages) split(id uint32) (head uint, page uint32) {
	if first := (*Model)(m).calibrationID(0); id >= first {
		return uint(len(m.heads)) + 1, id - first
	}
	if clocks := (*Model)(m).clockID(0); id >= clocks {
		return uint(len(m.heads)), id - clocks
	}
	shift := m.table.bits - pageBits
	return uint(id >> shift), id & (1<<shift - 1)
}

func (m *weightPages) AppendKey(dst []byte, id uint32) []byte {
	head, page := m.split(id)
	switch head {
	case uint(len(m.heads)):
		return append(append(dst, m.keys[page]...), clockKey)
	case uint(len(m.heads)) + 1:
		return append(append(dst, m.keys[page]...), calibrationKey)
	}
	return binary.BigEndian.AppendUint32(append(dst, m.keys[head]...), page)
}

func (m *weightPages) AppendValue(dst []byte, id uint32) []byte {
	head, page := m.split(id)
	switch head {
	case uint(len(m.heads)):
		return m.heads[page].clock.append(dst)
	case uint(len(m.heads)) + 1:
		return m.heads[page].calibrator.append(dst)
	}
	return m.heads[head].appendPage(dst, page)
}

// entry finds the dirty set's id of a key, and false when the key is not of this model's weights.
func (m *Model) entry(key []byte) (id uint32, ok bool, err error) {
	for head, prefix := range m.keys {
		rest, ok := strings.CutPrefix(string(key), string(prefix))
		if !ok {
			continue
		}
		switch rest {
		case string(clockKey):
			return m.clockID(head), true, nil
		case string(calibrationKey):
			return m.calibrationID(head), true, nil
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

// clockID is the id of a head's clock: they follow the pages.
func (m *Model) clockID(head int) uint32 { return uint32(len(m.heads)*m.table.pages() + head) }

func (m *Model) label(head int) string { return m.name + "/" + m.heads[head].name }

// calibrationID is the id of a head's calibration: they follow the clocks.
func (m *Model) calibrationID(head int) uint32 { return m.clockID(len(m.heads)) + uint32(head) }

// entries is how many ids there are.
func (m *Model) entries() uint32 { return m.calibrationID(len(m.heads)) }

// stored is an entry that was read and found good.
type stored struct {
	put   func() // puts it in its place
	head  *Head
	clock *clock // nil: a page
}

// decode checks an entry; nothing is changed before put is called.
func (m *Model) decode(id uint32, value []byte) (stored, error) {
	head, page := (*weightPages)(m).split(id)
	if head > uint(len(m.heads)) {
		return m.decodeCalibration(int(page), value)
	}
	if head == uint(len(m.heads)) {
		c, err := decodeClock(value)
		if err != nil {
			return stored{}, fmt.Errorf("clock of %s: %w", m.label(int(page)), err)
		}
		h := m.heads[page]
		return stored{func() { h.clock.set(c) }, h, &c}, nil
	}
	h := m.heads[head]
	image, err := h.decodePage(value)
	if err != nil {
		return stored{}, fmt.Errorf("page %d of %s: %w", page, m.label(int(head)), err)
	}
	return stored{func() { h.setPage(page, image) }, h, nil}, nil
}

// decodeCalibration is decode for a calibration. One of a kind that the head no longer has leaves the head's as it is.
func (m *Model) decodeCalibration(head int, value []byte) (stored, error) {
	h := m.heads[head]
	if len(value) < 2 || h.calibrator == nil || value[1] != byte(h.calibrationKind) {
		if len(value) < 3 || value[0] != calibrationV1 || value[1] == 0 || int(value[1]) >= len(calibrations) {
			return stored{}, fmt.Errorf("calibration of %s: %w", m.label(head), ErrCorrupt)
		}
		return stored{put: func() {}, head: h}, nil
	}
	to := newCalibrator(h.calibrationKind)
	if err := to.decode(value); err != nil {
		return stored{}, fmt.Errorf("calibration of %s: %w", m.label(head), err)
	}
	return stored{put: func() { _ = h.calibrator.decode(value) }, head: h}, nil
}

// blank says whether an entry is as in a new model.
func (m *Model) blank(id uint32) bool {
	head, page := (*weightPages)(m).split(id)
	switch head {
	case uint(len(m.heads)):
		return m.heads[page].clock.blank()
	case uint(len(m.heads)) + 1:
		c := m.heads[page].calibrator
		return c == nil || c.blank()
	}
	return m.heads[head].blankPage(page)
}

// tells reports whether an entry is a clock that tells rates: it stays when it is cleared.
func (m *Model) tells(id uint32) bool {
	head, clock := (*weightPages)(m).split(id)
	return head == uint(len(m.heads)) && m.heads[clock].clock.tuned
}

// clear makes an entry blank, but for rates.
func (m *Model) clear(id uint32) {
	head, page := (*weightPages)(m).split(id)
	switch head {
	case uint(len(m.heads)):
		m.heads[page].clock.set(clock{})
		return
	case uint(len(m.heads)) + 1:
		m.heads[page].calibrator.reset()
		return
	}
	m.heads[head].setPage(page, &pageImage{})
}

// Load takes one entry of a checkpoint into a new model; sum is what the dirty set gave for it. It is false when
// the entry is not this model's, which includes heads that the model no longer has.
func (m *Model) Load(key, value []byte, sum dirty.Sum) (bool, error) {
	for _, h := range m.heads {
		if ok, err := h.validation.Load(key, value, sum); ok || err != nil {
			return true, err
		}
	}
	if ok, err := m.front.load(key, value, sum); ok {
		return true, err
	}
	id, ok, err := m.entry(key)
	if !ok || err != nil {
		return ok, err
	}
	entry, err := m.decode(id, value)
	if err != nil {
		return true, err
	}
	m.set.Loaded(id, sum)
	entry.put()
	if entry.clock != nil {
		entry.head.learnedAt(entry.clock)
	}
	if id >= m.calibrationID(0) && m.blank(id) {
		m.set.Remove(id) // it was of another kind
	}
	return true, nil
}

// Pages calls fn for every page that is not blank, head by head, in order, and then for the clocks of heads that have one: what
// a snapshot holds. Keys and values are those of the checkpoint, and fn must not keep them.
func (m *Model) Pages(fn func(key, value []byte) error) error {
	var buf []byte
	w := (*weightPages)(m)
	for id := range m.entries() {
		if m.blank(id) {
			continue
		}
		buf = w.AppendKey(buf[:0], id)
		n := len(buf)
		buf = w.AppendValue(buf, id)
		if err := fn(buf[:n:n], buf[n:]); err != nil {
			return fmt.Errorf("entry %d of %s: %w", id, m.name, err)
		}
	}
	return nil
}

// Restore is the replacement of a model's weights by a snapshot's, page by page, beside readers, who see a page of
// the one or the other. Metrics are left alone: they tell how the server predicted, whatever with; and so are rates: weights that were
// learned at others are learned on at those of now.
type Restore struct {
	m      *Model
	loaded []bool // by id
	clocks map[*Head]*clock
}

// Restore begins the replacement. Nothing else may be done with the model until Finish.
func (m *Model) Restore() *Restore {
	return &Restore{m: m, loaded: make([]bool, m.entries()), clocks: make(map[*Head]*clock)}
}

// LoadPage takes over one page. It is false when the page is not this model's, as of a head that it does not have.
// Pages come in any order, each once.
func (r *Restore) LoadPage(key, value []byte) (bool, error) {
	id, ok, err := r.m.entry(key)
	if !ok || err != nil {
		return ok, err
	}
	if r.loaded[id] {
		return true, fmt.Errorf("key %q: %w", key, errTwice)
	}
	entry, err := r.m.decode(id, value)
	if err != nil {
		return true, err
	}
	r.m.set.Touch(id)
	entry.put()
	if entry.clock != nil {
		r.clocks[entry.head] = entry.clock
	}
	r.loaded[id] = true
	return true, nil
}

var errTwice = errors.New("page loaded twice")

// CheckPage says what LoadPage would of a page, without taking it over: false when it is not this model's. It may be
// called beside the writer.
func (m *Model) CheckPage(key, value []byte) (bool, error) {
	id, ok, err := m.entry(key)
	if !ok || err != nil {
		return ok, err
	}
	_, err = m.decode(id, value)
	return true, err
}

// Finish blanks every page that was not loaded.
func (r *Restore) Finish() {
	m := r.m
	for i, loaded := range r.loaded {
		if id := uint32(i); !loaded && !m.blank(id) {
			if m.tells(id) {
				m.set.Touch(id)
			} else {
				m.set.Remove(id)
			}
			m.clear(id)
		}
	}
	for _, h := range m.heads {
		c := r.clocks[h]
		if c == nil {
			c = &clock{}
		}
		if !h.sameRates(c) {
			h.rebaseAll(rebasing{n: sameN})
		}
	}
}

// Reset forgets all weights.
func (m *Model) Reset() { m.Restore().Finish() }
