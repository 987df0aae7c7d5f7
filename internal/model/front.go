package model

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strings"
	"sync/atomic"

	"recsvc/internal/dirty"
)

// view is what a model predicts with: its own table, or a copy of what it had published at some moment.
type view struct {
	table    *table    // a copy has no coordinates
	learners []learner // by head
	lines    []*linear // by head: the learner's form, where it is this one
}

func newView(t *table, learners []learner) *view {
	v := &view{table: t, learners: learners}
	for _, l := range learners {
		v.lines = append(v.lines, straight(l))
	}
	return v
}

// tracker is the dirty set of a model's weights. While predictions come from a copy it also knows which pages have changed since the copy.
type tracker struct {
	*dirty.Set
	changed []uint64 // bit by page; nil: there is no copy
}

// Touch is dirty.Set's.
func (t *tracker) Touch(id uint32) {
	t.Set.Touch(id)
	if t.changed != nil {
		t.note(id)
	}
}

// Remove is dirty.Set's.
func (t *tracker) Remove(id uint32) {
	t.Set.Remove(id)
	if t.changed != nil {
		t.note(id)
	}
}

func (t *tracker) note(id uint32) {
	if at := int(id >> 6); at < len(t.changed) {
		t.changed[at] |= 1 << (id & 63)
	}
}

// front is the copy that a model predicts with while it is held, as the table of its dirty set: entry head·pages + page.
type front struct {
	model *Model
	view  *view // nil: there is none
	keys  [][]byte
	set   *dirty.Set
}

// The pages of the copy are those of words.go. Their key: prefix | length u8 | "model/head" | page as big-endian u32.
const frontPrefix = 'f'

func newFront(m *Model) *front {
	f := &front{model: m}
	for h := range m.heads {
		f.keys = append(f.keys, appendKey(nil, frontPrefix, m.label(h)))
	}
	f.set = dirty.NewSet(f)
	return f
}

// seat is the place of a head in the copy.
func (f *front) seat(head uint) seat {
	s := f.model.heads[head].seat
	s.table = f.view.table
	return s
}

// AppendKey implements dirty.Table.
func (f *front) AppendKey(dst []byte, id uint32) []byte {
	head, page := (*weightPages)(f.model).split(id)
	return binary.BigEndian.AppendUint32(append(dst, f.keys[head]...), page)
}

// AppendValue implements dirty.Table.
func (f *front) AppendValue(dst []byte, id uint32) []byte {
	head, page := (*weightPages)(f.model).split(id)
	s := f.seat(head)
	return s.appendWords(dst, page)
}

// open makes a blank copy. Who predicts meanwhile goes on with the one or the other.
func (f *front) open() {
	m := f.model
	t := *m.table
	t.acc, t.w = nil, make([]atomic.Uint32, len(m.table.w))
	adviseHuge(t.w)
	f.view = &view{table: &t}
	var copies []learner
	for i, h := range m.heads {
		copies = append(copies, learners[h.kind].make(h.hyper, f.seat(uint(i))))
	}
	f.view = newView(&t, copies)
	m.set.changed = make([]uint64, (len(m.heads)*t.pages()+63)/64)
	for i := range m.set.changed {
		m.set.changed[i] = math.MaxUint64
	}
}

// Hold lets the model predict from a copy of what it has published so far, which stays until Publish. blank begins with an empty copy
// instead, for Load to fill. It belongs to the writer, and does nothing while the model is held.
func (m *Model) Hold(blank bool) {
	if m.front.view != nil {
		return
	}
	m.front.open()
	if !blank {
		m.Publish()
	}
	m.view.Store(m.front.view)
}

// Held reports whether predictions come from a copy. It belongs to the writer.
func (m *Model) Held() bool { return m.front.view != nil }

// Release lets the model predict with what it learns at once, and drops the copy. It belongs to the writer.
func (m *Model) Release() {
	f := m.front
	if f.view == nil {
		return
	}
	m.view.Store(m.own)
	for id := range uint32(len(m.heads) * m.table.pages()) {
		f.set.Remove(id)
	}
	f.view, m.set.changed = nil, nil
}

// Publish brings the copy that a held model predicts with up to date: those pages that have changed. Who predicts meanwhile sees some
// weights of before and some of after, each whole. It belongs to the writer, and returns how many pages have changed.
func (m *Model) Publish() (pages int) {
	for at, word := range m.set.changed {
		for ; word != 0; word &= word - 1 {
			id := uint32(at*64 + bits.TrailingZeros64(word))
			if int(id) < len(m.heads)*m.table.pages() && m.front.publish(id) {
				pages++
			}
		}
		m.set.changed[at] = 0
	}
	return pages
}

// publish copies a page, and reports whether it differed.
func (f *front) publish(id uint32) bool {
	head, page := (*weightPages)(f.model).split(id)
	from, to := &f.model.heads[head].seat, f.seat(head)
	same, blank := true, true
	for row := page << pageBits; row < (page+1)<<pageBits; row++ {
		live, was := from.published(row), to.published(row)
		for i := range live {
			w := live[i].Load()
			same = same && was[i].Load() == w
			blank = blank && w == 0
		}
	}
	switch {
	case same:
		return false
	case blank:
		f.set.Remove(id)
	default:
		f.set.Touch(id)
	}
	for row := page << pageBits; row < (page+1)<<pageBits; row++ {
		live, was := from.published(row), to.published(row)
		for i := range live {
			was[i].Store(live[i].Load())
		}
	}
	return true
}

// load takes a page of a held model's copy.
func (f *front) load(key, value []byte, sum dirty.Sum) (bool, error) {
	for head, prefix := range f.keys {
		rest, ok := strings.CutPrefix(string(key), string(prefix))
		if !ok {
			continue
		}
		if f.view == nil {
			f.model.Hold(true)
		}
		id, err := f.take(uint(head), rest, value)
		if err != nil {
			return true, fmt.Errorf("published page of %s: key %x: %w", f.model.label(head), key, err)
		}
		f.set.Loaded(id, sum)
		return true, nil
	}
	return false, nil
}

func (f *front) take(head uint, rest string, value []byte) (id uint32, err error) {
	s := f.seat(head)
	if len(rest) != 4 {
		return 0, ErrCorrupt
	}
	page := binary.BigEndian.Uint32([]byte(rest))
	if err := s.loadWords(page, value); err != nil {
		return 0, err
	}
	return uint32(int(head)*s.pages()) + page, nil
}
