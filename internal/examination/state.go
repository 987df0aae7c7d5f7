package examination

import (
	"encoding/binary"
	"errors"
	"math"

	"recsvc/internal/dirty"
)

// Errors of what a checkpoint holds. They tell a newer program's entry from a damaged and from a truncated one.
var (
	ErrVersion = errors.New("unknown version of an examination entry")
	ErrCorrupt = errors.New("corrupt examination entry")
	ErrShort   = errors.New("examination entry too short")
)

// Keys: the prefix, then one of the letters below and numbers, big-endian. Values: version u8 = 1, then, little-endian,
//
//	'g'                      begun u8 | landmark i64 | step begun u8 | step i64 | counters 4 × u64
//	'n' group u16            scene, layout (length uvarint, bytes) | θ in force, K × f32
//	'u' group u16            drawn lists: K sides
//	's' group u16 low u8     swapped pairs of position low and those above: low pairs
//	'h' group u16 low u8     matched sightings, likewise
//	'm' group u16 place u8   a side | mask u32 of the ranges that are not empty | for each: n, p f64
//	't' page u8              for each entry that is not free: place u8 | key u64 | time i64 | position, n, positive u8
//
// A side is n, n2, c f64; a pair two sides and both f64. K is Options.Positions.
const (
	prefix = 'q'

	kindGlobals  = 'g'
	kindGroup    = 'n'
	kindUniform  = 'u'
	kindSwaps    = 's'
	kindHarvest  = 'h'
	kindSighted  = 'm'
	kindSighting = 't'

	entryV1 = 1
)

// Ids in the dirty set: the globals, the pages of the table, then for each group itself, its drawn lists, and for each position the
// rows of both kinds of pairs and what EM knows.
const (
	globalsID = 0
	tableID   = 1
	groupsID  = tableID + tablePages
)

func (e *Estimator) span() uint32              { return uint32(2 + 3*e.o.Positions) }
func (e *Estimator) groupID(g int) uint32      { return groupsID + uint32(g)*e.span() }
func (e *Estimator) uniformID(g int) uint32    { return e.groupID(g) + 1 }
func (e *Estimator) swapsID(g, low int) uint32 { return e.groupID(g) + 2 + uint32(low) }
func (e *Estimator) sightedID(g, k int) uint32 { return e.groupID(g) + 2 + uint32(2*e.o.Positions+k) }
func (e *Estimator) harvestID(g, k int) uint32 { return e.groupID(g) + 2 + uint32(e.o.Positions+k) }
func (e *Estimator) Sets() []*dirty.Set        { return []*dirty.Set{e.set} }
func rows(pairs []pair, low int) []pair        { return pairs[triangle(0, low):triangle(0, low+1)] }
func appendU64(dst []byte, x uint64) []byte    { return binary.LittleEndian.AppendUint64(dst, x) }
func appendFloat(dst []byte, x float64) []byte { return appendU64(dst, math.Float64bits(x)) }
func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// entries is an Estimator as the table of its dirty set.
type entries Estimator

// AppendKey implements dirty.Table.
func (t *entries) AppendKey(dst []byte, id uint32) []byte {
	e := (*Estimator)(t)
	switch {
	case id == globalsID:
		return append(dst, prefix, kindGlobals)
	case id < groupsID:
		return append(dst, prefix, kindSighting, byte(id-tableID))
	}
	g, part := uint16((id-groupsID)/e.span()), int((id-groupsID)%e.span())
	key := func(kind byte) []byte { return binary.BigEndian.AppendUint16(append(dst, prefix, kind), g) }
	k := e.o.Positions
	switch {
	case part == 0:
		return key(kindGroup)
	case part == 1:
		return key(kindUniform)
	case part < 2+k:
		return append(key(kindSwaps), byte(part-2))
	case part < 2+2*k:
		return append(key(kindHarvest), byte(part-2-k))
	}
	return append(key(kindSighted), byte(part-2-2*k))
}

// AppendValue implements dirty.Table.
func (t *entries) AppendValue(dst []byte, id uint32) []byte {
	e := (*Estimator)(t)
	dst = append(dst, entryV1)
	switch {
	case id == globalsID:
		return e.appendGlobals(dst)
	case id < groupsID:
		return e.table.pages[id-tableID].append(dst)
	}
	g, part := e.groups[(id-groupsID)/e.span()], int((id-groupsID)%e.span())
	k := e.o.Positions
	switch {
	case part == 0:
		return g.append(dst)
	case part == 1:
		for i := range g.uniform {
			dst = g.uniform[i].append(dst)
		}
		return dst
	case part < 2+k:
		return appendPairs(dst, rows(g.swaps, part-2))
	case part < 2+2*k:
		return appendPairs(dst, rows(g.harvest, part-2-k))
	}
	return g.em[part-2-2*k].append(dst)
}

func (e *Estimator) appendGlobals(dst []byte) []byte {
	dst = appendU64(append(dst, one(e.decay.begun)), uint64(e.decay.landmark))
	dst = appendU64(append(dst, one(e.started)), uint64(e.last))
	for _, n := range [...]uint64{e.counts.Outcomes, e.counts.Refused, e.counts.Drawn, e.counts.Matched} {
		dst = appendU64(dst, n)
	}
	return dst
}

func one(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func (g *group) append(dst []byte) []byte {
	dst = appendString(appendString(dst, g.scene), g.layout)
	for _, t := range g.force {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(t))
	}
	return dst
}

func (s *side) append(dst []byte) []byte {
	return appendFloat(appendFloat(appendFloat(dst, s.n), s.n2), s.c)
}

func appendPairs(dst []byte, pairs []pair) []byte {
	for i := range pairs {
		dst = pairs[i].low.append(pairs[i].high.append(dst))
		dst = appendFloat(dst, pairs[i].both)
	}
	return dst
}

func (s *sighted) append(dst []byte) []byte {
	dst = s.all.append(dst)
	var mask uint32
	for i, m := range s.miss {
		if m.n != 0 {
			mask |= 1 << i
		}
	}
	dst = binary.LittleEndian.AppendUint32(dst, mask)
	for _, m := range s.miss {
		if m.n != 0 {
			dst = appendFloat(appendFloat(dst, m.n), m.p)
		}
	}
	return dst
}

func (p *page) append(dst []byte) []byte {
	for i := range p {
		s := &p[i]
		if s.key == 0 {
			continue
		}
		dst = appendU64(appendU64(append(dst, byte(i)), s.key), uint64(s.time))
		dst = append(dst, s.position, s.n, s.positive)
	}
	return dst
}
