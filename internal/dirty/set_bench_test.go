package dirty

import (
	"encoding/binary"
	"testing"
)

// slab is a table of fixed-size entries.
type slab struct{ size int }

func (s slab) AppendKey(dst []byte, id uint32) []byte { return binary.BigEndian.AppendUint32(dst, id) }
func (s slab) AppendValue(dst []byte, id uint32) []byte {
	n := len(dst)
	dst = append(dst, make([]byte, s.size)...)
	binary.LittleEndian.PutUint32(dst[n:], id)
	return dst
}

func BenchmarkTouchOfADirtyEntry(b *testing.B) {
	s := NewSet(slab{300})
	s.Touch(1023)
	for id := range uint32(1024) {
		s.Touch(id)
	}
	b.ReportAllocs()
	id := uint32(0)
	for b.Loop() {
		s.Touch(id & 1023)
		id += 7
	}
}

func BenchmarkTouchCutFlush(b *testing.B) {
	const n = 100_000
	s := NewSet(slab{300})
	var bytes int
	sink := func(key, value []byte, _ Sum) { bytes += len(key) + len(value) }
	b.ReportAllocs()
	for b.Loop() {
		for id := range uint32(n) {
			s.Touch(id)
		}
		s.Cut(sink)
		for !s.Flush(64) {
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/entry")
}

func BenchmarkCopyOnFirstTouch(b *testing.B) {
	s := NewSet(slab{12 << 10})
	b.ReportAllocs()
	for b.Loop() {
		s.Touch(0)
		s.Cut(func(_, _ []byte, _ Sum) {})
		s.Touch(0)
		s.Flush(1)
	}
}
