package examination

import (
	"encoding/binary"
	"fmt"
	"math"

	"recsvc/internal/dirty"
)

// Load takes one entry of a checkpoint into an Estimator that has seen nothing; false: it is not of this room. EndLoad ends it.
func (e *Estimator) Load(key, value []byte, sum dirty.Sum) (bool, error) {
	if len(key) == 0 || key[0] != prefix {
		return false, nil
	}
	r := &reader{buf: value}
	if v := r.u8(); r.err == nil && v != entryV1 {
		return true, fmt.Errorf("examination: entry %q: %w %d", key, ErrVersion, v)
	}
	id, err := e.loadEntry(key[1:], r)
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return true, fmt.Errorf("examination: entry %q: %w", key, err)
	}
	e.set.Loaded(id, sum)
	return true, nil
}

func (e *Estimator) loadEntry(key []byte, r *reader) (uint32, error) {
	unknown := fmt.Errorf("%w: unknown key", ErrCorrupt)
	switch {
	case string(key) == string(byte(kindGlobals)):
		e.loadGlobals(r)
		return globalsID, nil
	case len(key) == 2 && key[0] == kindSighting:
		p := new(page)
		e.table.pages[key[1]] = p
		r.page(p, e.o.Positions)
		return tableID + uint32(key[1]), nil
	case len(key) < 3:
		return 0, unknown
	}
	at := int(binary.BigEndian.Uint16(key[1:]))
	if at >= e.o.Groups {
		return 0, fmt.Errorf("%w: group %d", ErrCorrupt, at)
	}
	g := e.loadGroup(at)
	switch {
	case len(key) == 3 && key[0] == kindGroup:
		g.scene, g.layout = r.string(), r.string()
		for k := range g.force {
			if g.force[k] = r.float32(); !(g.force[k] >= 0 && g.force[k] <= 1) {
				return 0, fmt.Errorf("%w: θ of position %d is %v", ErrCorrupt, k+1, g.force[k])
			}
		}
		return e.groupID(at), nil
	case len(key) == 3 && key[0] == kindUniform:
		for k := range g.uniform {
			g.uniform[k] = r.side()
		}
		return e.uniformID(at), nil
	case len(key) != 4 || int(key[3]) >= e.o.Positions:
		return 0, unknown
	}
	k := int(key[3])
	switch key[0] {
	case kindSwaps:
		r.pairs(rows(g.swaps, k))
		return e.swapsID(at, k), nil
	case kindHarvest:
		r.pairs(rows(g.harvest, k))
		return e.harvestID(at, k), nil
	case kindSighted:
		r.sighted(&g.em[k])
		return e.sightedID(at, k), nil
	}
	return 0, unknown
}

func (e *Estimator) loadGlobals(r *reader) {
	e.decay.begun, e.decay.landmark = r.u8() != 0, int64(r.u64())
	e.started, e.last = r.u8() != 0, int64(r.u64())
	for _, n := range [...]*uint64{&e.counts.Outcomes, &e.counts.Refused, &e.counts.Drawn, &e.counts.Matched} {
		*n = r.u64()
	}
}

// loadGroup returns a group of which an entry has come. Those before it come too, in whatever order.
func (e *Estimator) loadGroup(at int) *group {
	for len(e.groups) <= at {
		e.groups = append(e.groups, newGroup(e.o.Positions))
	}
	return e.groups[at]
}

// EndLoad ends the loading: all reports are made anew, from the sums of now.
func (e *Estimator) EndLoad() error {
	clear(e.byName)
	for i, g := range e.groups {
		name := [2]string{g.scene, g.layout}
		if other, ok := e.byName[name]; ok {
			return fmt.Errorf("examination: %w: groups %d and %d are both of %s", ErrCorrupt, other, i, g)
		}
		e.byName[name] = i
		g.stale = true // the next step makes the same of the same sums
		r := e.report(g)
		r.Force, r.Counters = append([]float32(nil), g.force...), e.counts
		e.publish(i, r)
	}
	return nil
}

// reader takes a value apart. After the first failure it yields zeros and keeps the error.
type reader struct {
	buf []byte
	err error
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.buf)) {
		if r.err == nil {
			r.err = fmt.Errorf("%w: %d bytes wanted, %d left", ErrShort, n, len(r.buf))
		}
		r.buf = nil
		return nil
	}
	b := r.buf[:n]
	r.buf = r.buf[n:]
	return b
}

func (r *reader) corrupt(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
	}
	r.buf = nil
}

func (r *reader) end() error {
	if r.err == nil && len(r.buf) > 0 {
		r.corrupt("%d bytes left over", len(r.buf))
	}
	return r.err
}

func (r *reader) u8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *reader) float32() float32 { return math.Float32frombits(r.u32()) }

// sum reads a sum of weights.
func (r *reader) sum() float64 {
	x := math.Float64frombits(r.u64())
	if !(x >= 0) || !finite(x) {
		r.corrupt("sum %v", x)
		return 0
	}
	return x
}

func (r *reader) string() string {
	n, size := binary.Uvarint(r.buf)
	if size <= 0 {
		r.corrupt("length of a name")
		return ""
	}
	r.buf = r.buf[size:]
	return string(r.take(n))
}

func (r *reader) side() side { return side{n: r.sum(), n2: r.sum(), c: r.sum()} }

func (r *reader) pairs(into []pair) {
	for i := range into {
		into[i] = pair{high: r.side(), low: r.side(), both: r.sum()}
	}
}

func (r *reader) sighted(s *sighted) {
	s.all = r.side()
	mask := r.u32()
	for i := range s.miss {
		if mask&(1<<i) == 0 {
			continue
		}
		m := missed{n: r.sum(), p: r.sum()}
		if r.err == nil && !(m.n > 0 && m.p <= m.n) {
			r.corrupt("range %d: n %v, p %v", i, m.n, m.p)
		}
		s.miss[i] = m
	}
}

func (r *reader) page(p *page, positions int) {
	last := -1
	for r.err == nil && len(r.buf) > 0 {
		at := int(r.u8())
		s := sighting{key: r.u64(), time: int64(r.u64()), position: r.u8(), n: r.u8(), positive: r.u8()}
		switch {
		case r.err != nil:
		case at <= last || s.key == 0 || int(s.position) >= positions || s.n > waiting || int(s.positive)>>s.n != 0:
			r.corrupt("sighting %d", at)
		default:
			p[at], last = s, at
		}
	}
}
