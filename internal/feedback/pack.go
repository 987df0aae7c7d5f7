package feedback

import (
	"encoding/binary"
	"math"
	"slices"

	"recsvc/internal/event"
)

// pack is a pair of vectors and a context in one block of words:
//
//	shared slots n | shared values n | own slots n | own values n | context bytes n |
//	the shared slots | the shared values | the own slots | the own values | the context, four bytes a word
//
// Values are the bits of float32; the context is in its binary form.
type pack []uint32

const packHeader = 5

// packWords returns the length of the pack that begins at block.
func packWords(block []uint32) int {
	return packHeader + int(block[0]) + int(block[1]) + int(block[2]) + int(block[3]) + contextWords(int(block[4]))
}

func contextWords(bytes int) int { return (bytes + 3) / 4 }

func (p pack) shared() (slots, values []uint32) { return p.span(0, 0, 1) }

func (p pack) own() (slots, values []uint32) { return p.span(int(p[0])+int(p[1]), 2, 3) }

func (p pack) span(from, nSlots, nValues int) (slots, values []uint32) {
	from += packHeader
	mid := from + int(p[nSlots])
	end := mid + int(p[nValues])
	return p[from:mid:mid], p[mid:end:end]
}

// vectorWords returns the four sections of vectors.
func (p pack) vectorWords() []uint32 {
	return p[packHeader : packHeader+int(p[0])+int(p[1])+int(p[2])+int(p[3])]
}

// appendContext appends the bytes of the context to dst.
func (p pack) appendContext(dst []byte) []byte {
	n := int(p[4])
	words := p[len(p)-contextWords(n):]
	dst = slices.Grow(dst, 4*len(words))
	start := len(dst)
	for _, w := range words {
		dst = binary.LittleEndian.AppendUint32(dst, w)
	}
	return dst[:start+n]
}

func (p pack) sharedEqual(v Vector) bool {
	slots, values := p.shared()
	return slices.Equal(slots, v.Slots) &&
		slices.EqualFunc(values, v.Values, func(bits uint32, f float32) bool { return bits == math.Float32bits(f) })
}

func (p pack) contextEqual(context []byte) bool {
	if int(p[4]) != len(context) {
		return false
	}
	words := p[len(p)-contextWords(len(context)):]
	for i := range words {
		if words[i] != wordAt(context, i) {
			return false
		}
	}
	return true
}

// wordAt returns the i-th word of b, zeros beyond its end.
func wordAt(b []byte, i int) uint32 {
	if b = b[4*i:]; len(b) >= 4 {
		return binary.LittleEndian.Uint32(b)
	}
	var w uint32
	for i, c := range b {
		w |= uint32(c) << (8 * i)
	}
	return w
}

// newPack packs copies of its arguments. No block is used when there is nothing to pack.
func (j *Joiner) newPack(shared, own Vector, context []byte) ref {
	shared, own = trim(shared), trim(own)
	n := len(shared.Slots) + len(shared.Values) + len(own.Slots) + len(own.Values)
	if n == 0 && len(context) == 0 {
		return 0
	}
	r, block := j.arena.alloc(packHeader + n + contextWords(len(context)))
	p := pack(block)
	p[0], p[1] = uint32(len(shared.Slots)), uint32(len(shared.Values))
	p[2], p[3] = uint32(len(own.Slots)), uint32(len(own.Values))
	slots, values := p.shared()
	fill(slots, values, shared)
	slots, values = p.own()
	fill(slots, values, own)
	p.setContext(context)
	return r
}

// trim cuts values that no slot has.
func trim(v Vector) Vector {
	v.Values = v.Values[:min(len(v.Values), len(v.Slots))]
	return v
}

func fill(slots, values []uint32, v Vector) {
	copy(slots, v.Slots)
	for i, f := range v.Values {
		values[i] = math.Float32bits(f)
	}
}

func (p pack) setContext(context []byte) {
	p[4] = uint32(len(context))
	words := p[len(p)-contextWords(len(context)):]
	for i := range words {
		words[i] = wordAt(context, i)
	}
}

// repack returns the pack at r with another context; r is freed.
func (j *Joiner) repack(r ref, context []byte) ref {
	if r == 0 {
		return j.newPack(Vector{}, Vector{}, context)
	}
	old := j.pack(r)
	vectors := old.vectorWords()
	r2, block := j.arena.alloc(packHeader + len(vectors) + contextWords(len(context)))
	p := pack(block)
	copy(p, old[:packHeader])
	copy(p[packHeader:], vectors)
	p.setContext(context)
	j.arena.release(r)
	return r2
}

// pack returns the pack at r; it aliases the arena.
func (j *Joiner) pack(r ref) pack {
	if r == 0 {
		return j.nothing[:]
	}
	block := j.arena.words(r)
	return pack(block[:packWords(block)])
}

func (j *Joiner) freePack(r ref) { j.arena.release(r) }

// vector returns a Vector whose slots alias the arena and whose values lie in *scratch.
func vector(slots, values []uint32, scratch *[]float32) Vector {
	out := (*scratch)[:0]
	for _, bits := range values {
		out = append(out, math.Float32frombits(bits))
	}
	*scratch = out
	return Vector{Slots: slots, Values: out}
}

// encodeContext returns the binary form of a context, in a scratch that the next call overwrites; nothing for
// an empty one.
func (j *Joiner) encodeContext(a event.Attributes) []byte {
	if len(a) == 0 {
		return nil
	}
	j.contextBytes = event.AppendAttributes(j.contextBytes[:0], a)
	return j.contextBytes
}
