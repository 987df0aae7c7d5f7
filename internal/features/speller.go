package features

import (
	"bytes"

	"recsvc/internal/event"
)

// speller finds the texts that categories are the hashes of: ids of the user and of items, texts of the items' fields that definitions
// read, and what stands in the user, the item and the context at hand. Of others, such as buckets and crosses, it shows the hash.
type speller struct {
	q        *Query
	texts    map[uint64]string // by hash: what is at hand
	gathered bool
}

// begin turns to what q has computed last.
func (s *speller) begin(q *Query) { s.q, s.gathered = q, false }

// spell fills v with the value of the i-th feature. It reuses the lists of v.
func (s *speller) spell(i int, shape Shape, v *NamedValue) {
	v.clear()
	if shape == ShapeNumber {
		v.Number = s.q.nums[i]
		return
	}
	c := &s.q.cats[i]
	if shape == ShapeCategory {
		if c.id != 0 {
			v.Text = s.text(c.id)
		}
		return
	}
	if len(c.list) == 0 {
		if c.id != 0 {
			v.List = append(v.List, s.text(c.id))
		}
		return
	}
	if shape != ShapeVector {
		for _, id := range c.list {
			v.List = append(v.List, s.text(id))
		}
	}
	for _, w := range c.weights {
		v.Weights = append(v.Weights, float64(w))
	}
}

// text is what a category is the hash of, or else the hash, in hexadecimal digits.
func (s *speller) text(id uint64) string {
	q := s.q
	switch {
	case id == q.hash:
		return q.userID
	case q.item != nil && id == q.item.hash:
		return q.item.ID
	}
	if text, ok := q.store.items.texts[id]; ok {
		return text
	}
	if ref, ok := q.store.items.byHash.get(id); ok {
		return q.store.items.at(ItemRef(ref)).ID
	}
	if text, ok := q.store.program.texts[id]; ok {
		return text
	}
	s.gather()
	if text, ok := s.texts[id]; ok {
		return text
	}
	return hashText(id)
}

// hashText is how a category is shown of which no text is known.
func hashText(id uint64) string {
	var b [17]byte
	b[0] = '#'
	for i := len(b) - 1; i > 0; i-- {
		b[i] = "0123456789abcdef"[id&15]
		id >>= 4
	}
	return string(b[:])
}

// gather notes the texts that are at hand. They are copies, or are never written again: they may be kept without the lock.
func (s *speller) gather() {
	if s.gathered {
		return
	}
	q := s.q
	s.gathered = true
	if s.texts == nil {
		s.texts = map[uint64]string{}
	}
	clear(s.texts)
	s.add(q.session)
	if q.user != nil {
		if attrs, err := event.DecodeAttributes(bytes.Clone(q.user.attrs)); err == nil {
			s.attributes(fromUser, attrs)
		}
	}
	s.attributes(fromContext, q.context)
	for i := range q.store.program.fields {
		if q.store.program.fields[i].source == fromTime {
			s.number(q.field(i).num)
		}
	}
	if q.item != nil {
		s.attributes(fromItem, q.item.Attrs)
	}
	for _, name := range q.store.types.names {
		s.add(name)
	}
}

// attributes notes the values of a source, and what is made of them where that is a text of its own.
func (s *speller) attributes(from source, attrs event.Attributes) {
	p := s.q.store.program
	for i, text := range p.spelled {
		if f := &p.fields[i]; f.source == from {
			if v, ok := f.value(attrs); ok {
				s.add(text(v))
			}
		}
	}
	for i := range attrs {
		switch v := &attrs[i].Value; v.Kind {
		case event.String:
			s.add(v.Str)
		case event.Number, event.Bool:
			s.number(v.Num)
		case event.List:
			for _, text := range v.List {
				s.add(text)
			}
		}
	}
}

func (s *speller) add(text string) { s.texts[hashString(text)] = text }

func (s *speller) number(x float64) { s.texts[hashNumber(x)] = string(appendNumber(nil, x)) }
