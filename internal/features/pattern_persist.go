package features

import (
	"encoding/binary"
	"errors"
	"fmt"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// AppendKey implements dirty.Table.
func (t *matcherTable) AppendKey(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint64(append(dst, prefixMatch), t.slot(id).key)
}

// AppendValue implements dirty.Table:
//
//	version u8 | hash of the pattern's name | fed | times shown, counted | runs, counted | sights held back, counted
//
//	run    lo | hi | start | step, taken uvarint | trail u8 | the trail, where there is one
//	trail  end | partition, offset, ordinal, n uvarint | slots uvarint, 0: nothing kept | slots × (there u8 | sight)
//	sight  time | mask | partition, offset, ordinal uvarint | values as attributes | whole u8 | event as a record, counted
//
// Words are 8 bytes, little-endian.
func (t *matcherTable) AppendValue(dst []byte, id uint32) []byte {
	m := t.slot(id)
	dst = appendWord(appendWord(append(dst, matchV2), m.p.seed), m.fed)
	dst = binary.AppendUvarint(dst, uint64(len(m.shown)))
	for _, at := range m.shown {
		dst = appendWord(dst, uint64(at))
	}
	dst = binary.AppendUvarint(dst, uint64(len(m.runs)))
	for i := range m.runs {
		dst = m.runs[i].append(dst)
	}
	dst = binary.AppendUvarint(dst, uint64(len(m.held)))
	for i := range m.held {
		dst = m.held[i].append(dst)
	}
	return dst
}

func appendWord(dst []byte, w uint64) []byte { return binary.LittleEndian.AppendUint64(dst, w) }

func (r *run) append(dst []byte) []byte {
	dst = appendWord(appendWord(appendWord(dst, uint64(r.lo)), uint64(r.hi)), r.start)
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(r.step)), uint64(r.taken))
	dst = appendBool(dst, r.trail != nil)
	if r.trail == nil {
		return dst
	}
	dst = binary.AppendUvarint(r.trail.place.append(appendWord(dst, r.trail.end)), uint64(r.trail.n))
	dst = binary.AppendUvarint(dst, uint64(len(r.trail.kept)))
	for _, s := range r.trail.kept {
		if dst = appendBool(dst, s != nil); s != nil {
			dst = s.append(dst)
		}
	}
	return dst
}

func (p Position) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(uint32(p.Partition)))
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(p.Offset)), uint64(p.Ordinal))
}

func (s *sight) append(dst []byte) []byte {
	dst = s.place.append(appendWord(appendWord(dst, uint64(s.time)), s.mask))
	values := make(event.Attributes, len(s.values))
	for i, v := range s.values {
		values[i] = event.Attribute{Key: string(rune('0' + i)), Value: v} // ascending
	}
	dst = appendBytes(dst, event.AppendAttributes(nil, values))
	if dst = appendBool(dst, s.event != nil); s.event != nil {
		dst = appendBytes(dst, event.AppendRecord(nil, &event.Record{Kind: event.KindEvent, Event: s.event}))
	}
	return dst
}

func (t *matcherTable) load(key, value []byte, sum dirty.Sum) error {
	if len(key) != 9 {
		return errShort
	}
	d := decoder{b: value}
	p := t.byName[d.word()]
	if d.err == nil && p == nil {
		return errors.New("of a pattern that is not defined")
	}
	fed := d.word()
	if d.err != nil {
		return d.err
	}
	m, i := t.create(p, binary.BigEndian.Uint64(key[1:]))
	m.fed = fed
	for range d.count(8) {
		m.shown = append(m.shown, event.Time(d.word()))
	}
	for range d.count(1) {
		m.runs = append(m.runs, d.run(p))
	}
	for range d.count(1) {
		m.held = append(m.held, *d.sight(p))
		m.heldBytes += m.held[len(m.held)-1].size()
	}
	if len(d.b) > 0 && d.err == nil {
		d.err = errors.New("bytes after its end")
	}
	if d.err == nil && (len(m.shown) > 0 && p.shows == nil || m.empty()) {
		d.err = errors.New("not what the pattern remembers")
	}
	if d.err != nil {
		return d.err
	}
	t.set.Loaded(i, sum)
	t.settled(m, i)
	return nil
}

// word reads 8 bytes.
func (d *decoder) word() uint64 {
	if d.err != nil || len(d.b) < 8 {
		d.err = errShort
		return 0
	}
	w := binary.LittleEndian.Uint64(d.b)
	d.b = d.b[8:]
	return w
}

// number reads an integer that is at most limit.
func (d *decoder) number(limit uint64) uint64 {
	n, k := binary.Uvarint(d.b)
	switch {
	case d.err != nil:
		return 0
	case k <= 0:
		d.err = errShort
		return 0
	case n > limit:
		d.err = fmt.Errorf("%d where %d is the most", n, limit)
		return 0
	}
	d.b = d.b[k:]
	return n
}

func (d *decoder) position() Position {
	return Position{
		Partition: int32(d.number(1<<32 - 1)), Offset: int64(d.number(1<<63 - 1)), Ordinal: uint32(d.number(1<<32 - 1)),
	}
}

func (d *decoder) run(p *pattern) run {
	r := run{lo: event.Time(d.word()), hi: event.Time(d.word()), start: d.word()}
	r.step, r.taken = uint16(d.number(uint64(len(p.steps)))), uint16(d.number(maxTimes))
	waits := int(r.step) == len(p.steps)
	if d.bool() {
		r.trail = &trail{end: d.word(), place: d.position(), n: uint32(d.number(MaxRuns))}
		if n := d.count(1); n > 0 {
			if r.trail.kept = make([]*sight, len(p.keeps)); n != len(p.keeps) {
				d.err = errors.Join(d.err, errors.New("not as many places as the pattern has"))
			}
			for i := range r.trail.kept {
				if d.bool() {
					r.trail.kept[i] = d.sight(p)
				}
			}
		}
	}
	if d.err == nil && waits && (r.trail == nil || len(p.trailing) == 0) {
		d.err = errors.New("a run that waits for nothing")
	}
	return r
}

func (d *decoder) sight(p *pattern) *sight {
	s := &sight{time: event.Time(d.word()), mask: d.word(), place: d.position()}
	values, err := event.DecodeAttributes(append([]byte(nil), d.bytes()...))
	if err != nil || len(values) != len(p.sees) {
		d.err = errors.Join(d.err, err, errShort)
	}
	for _, v := range values {
		s.values = append(s.values, v.Value)
	}
	if d.bool() != p.events {
		d.err = errors.Join(d.err, errors.New("an event too many or too few"))
	}
	if d.err == nil && p.events {
		var r event.Record
		encoded := append([]byte(nil), d.bytes()...)
		s.whole = len(encoded)
		if d.err = event.DecodeRecord(encoded, &r); d.err == nil && r.Kind != event.KindEvent {
			d.err = errors.New("no event")
		}
		s.event = r.Event
	}
	return s
}
