package feedback

import (
	"encoding/binary"
	"errors"
	"math"
)

// Errors of the encodings. They tell a newer program's entry from a damaged and from a truncated one.
var (
	ErrVersion = errors.New("unknown version of a join entry")
	ErrCorrupt = errors.New("corrupt join entry")
	ErrShort   = errors.New("join entry too short")
)

// Entries of a checkpoint. The first byte of a key tells the table; numbers in keys are big-endian, in values
// little-endian. Checksums are the store's business.
//
//	'i' birth u64         impression
//	'j' request hash u64  list
//	'o' 'g'               what there is one of
//	'o' 'p' hour u32 number u32   a page of tombstones
//	'o' 'u' user hash u64         outcomes of a user in a minute
//	'o' 's' birth u64 head u8     a negative in a pool
const (
	prefixImpression = 'i'
	prefixList       = 'j'
	prefixRest       = 'o'
	restGlobals      = 'g'
	restPage         = 'p'
	restQuota        = 'u'
	restSample       = 's'
)

// Versions of the values. A number is never reused.
//
//	pack        lengths uvarint: shared slots, shared values, own slots, own values, context bytes |
//	            the slots and values as u32 and f32, in that order | the context
//	impression  version u8 | flags u8 | seq, key, user and item, user, request hash u64 | base, floor i64 |
//	            tag u64 | position i32 | mate u16 | item u64 | theta, weight f32 | heads u8 | heads × (flags u8 | gain u16 | p f32 | at i64) |
//	            raw predictions u8 | as many f32 | pack
//	list        version u8 | scene, variant u64 | pack
//	page        version u8 | prints u16 | prints × u64
//	globals     version u8 | seq u64 | watermark i64 | counters u8 | counters × i64 | heads u8 |
//	            heads × (name uvarint and bytes | counters u8 | counters × i64 | pulse | open slice of its pool i64, floor f64) |
//	            floor: hour u32, number u32 of the first page that is not forgotten before its time | clock i64
//	pulse       exposures, outcomes f64 | beat i64 | since, back, gap i64 | stalled u8 | from i64 | held, answered i64
//	sample      version u8 | user, heads u64 | time i64 | priority f64 | weight, theta f32 | pack
//	quota       version u8 | minute i64 | count u32
//
// Globals of version 3 lack a counter of each head, which is 0.
//
// Impressions of versions 1 to 3, lists of version 1 and globals of versions 1 and 2 are of configurations of which no later one says the same:
// their states are learned anew from the log, and never read.
const (
	impressionV4 = 4
	listV2       = 2
	pageV1       = 1
	globalsV3    = 3
	globalsV4    = 4
)

// impressionTable, listTable and restTable are the Joiner as its dirty sets see it.
type (
	impressionTable Joiner
	listTable       Joiner
	restTable       Joiner // id 0: the globals; others: pages
)

func (t *impressionTable) AppendKey(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint64(append(dst, prefixImpression), t.stubs.at(t.imps.at(id).id).birth)
}

func (t *impressionTable) AppendValue(dst []byte, id uint32) []byte {
	j := (*Joiner)(t)
	s := j.imps.at(id)
	dst = append(dst, impressionV4, s.flags)
	request := uint64(0)
	if s.list != 0 {
		request = j.lists.at(s.list).hash
	}
	for _, u := range [...]uint64{j.stubs.at(s.id).seq, s.key, s.userItem, s.user, request, uint64(s.base), uint64(s.floor), s.tag} {
		dst = binary.LittleEndian.AppendUint64(dst, u)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(s.position))
	dst = binary.LittleEndian.AppendUint16(dst, s.mate)
	dst = binary.LittleEndian.AppendUint64(dst, s.item)
	dst = appendFloat(dst, s.theta)
	dst = appendFloat(dst, s.weight)
	dst = append(dst, byte(len(j.heads)))
	for _, st := range j.row(id) {
		dst = append(dst, byte(st.flags))
		dst = binary.LittleEndian.AppendUint16(dst, st.gain)
		dst = appendFloat(dst, st.p)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(st.at))
	}
	dst = append(dst, byte(j.raws))
	for _, p := range j.rawRow(id) {
		dst = appendFloat(dst, p)
	}
	return appendPack(dst, j.pack(s.pack))
}

func (t *listTable) AppendKey(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint64(append(dst, prefixList), t.lists.at(id).hash)
}

func (t *listTable) AppendValue(dst []byte, id uint32) []byte {
	j := (*Joiner)(t)
	l := j.lists.at(id)
	dst = binary.LittleEndian.AppendUint64(append(dst, listV2), l.scene)
	dst = binary.LittleEndian.AppendUint64(dst, l.variant)
	return appendPack(dst, j.pack(l.pack))
}

func (t *restTable) AppendKey(dst []byte, id uint32) []byte {
	if id == 0 {
		return append(dst, prefixRest, restGlobals)
	}
	p := t.tombs.pages.at(id)
	dst = binary.BigEndian.AppendUint32(append(dst, prefixRest, restPage), p.hour)
	return binary.BigEndian.AppendUint32(dst, p.number)
}

func (t *restTable) AppendValue(dst []byte, id uint32) []byte {
	if id == 0 {
		return (*Joiner)(t).globals().append(dst)
	}
	p := t.tombs.pages.at(id)
	dst = binary.LittleEndian.AppendUint16(append(dst, pageV1), uint16(len(p.prints)))
	for _, print := range p.prints {
		dst = binary.LittleEndian.AppendUint64(dst, print)
	}
	return dst
}

// touchRest is called before the counters, the sequence or the watermark move.
func (j *Joiner) touchRest() { j.restSet.Touch(0) }

func (p *pulse) append(dst []byte) []byte {
	stalled := byte(0)
	if p.stalled {
		stalled = 1
	}
	for _, u := range [...]uint64{
		math.Float64bits(p.exposures), math.Float64bits(p.outcomes), uint64(p.beat), uint64(p.since), uint64(p.back), uint64(p.gap),
	} {
		dst = binary.LittleEndian.AppendUint64(dst, u)
	}
	dst = append(dst, stalled)
	for _, u := range [...]uint64{uint64(p.from), uint64(p.held), uint64(p.answered)} {
		dst = binary.LittleEndian.AppendUint64(dst, u)
	}
	return dst
}

func appendCounters(dst []byte, counters []*int64) []byte {
	dst = append(dst, byte(len(counters)))
	for _, c := range counters {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(*c))
	}
	return dst
}

func appendFloat(dst []byte, f float32) []byte {
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(f))
}

func appendDouble(dst []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
}

func appendPack(dst []byte, p pack) []byte {
	for _, n := range p[:packHeader] {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	for _, w := range p.vectorWords() {
		dst = binary.LittleEndian.AppendUint32(dst, w)
	}
	return p.appendContext(dst)
}
