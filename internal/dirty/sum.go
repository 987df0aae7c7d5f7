package dirty

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/zeebo/xxh3"
)

// SumBytes is the length of an encoded Sum.
const SumBytes = 16

// Sum is the hash of one entry (see [SumOf]), or the sum of such hashes mod 2^128. As the sum of an entry, the
// zero Sum means "never written".
type Sum struct{ Hi, Lo uint64 }

// SumOf returns the hash of an entry: xxh3-128 of key followed by value, seeded with the length of the key, so
// that moving a byte from the one to the other gives another hash. It allocates for entries above 1 KiB; see
// [SumJoined].
func SumOf(key, value []byte) Sum {
	var small [1 << 10]byte
	return SumJoined(append(append(small[:0], key...), value...), len(key))
}

// SumJoined is SumOf for an entry whose value stands directly behind its key of keyLen bytes.
func SumJoined(entry []byte, keyLen int) Sum {
	h := xxh3.Hash128Seed(entry, uint64(keyLen))
	return Sum{Hi: h.Hi, Lo: h.Lo}
}

// Add adds t mod 2^128.
func (s *Sum) Add(t Sum) {
	var carry uint64
	s.Lo, carry = bits.Add64(s.Lo, t.Lo, 0)
	s.Hi, _ = bits.Add64(s.Hi, t.Hi, carry)
}

// Sub takes t away mod 2^128.
func (s *Sum) Sub(t Sum) {
	var borrow uint64
	s.Lo, borrow = bits.Sub64(s.Lo, t.Lo, 0)
	s.Hi, _ = bits.Sub64(s.Hi, t.Hi, borrow)
}

// AppendTo appends s as 16 bytes, big-endian.
func (s Sum) AppendTo(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, s.Hi)
	return binary.BigEndian.AppendUint64(dst, s.Lo)
}

// DecodeSum reads what AppendTo wrote. b must hold at least SumBytes.
func DecodeSum(b []byte) Sum {
	return Sum{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}
}

// String returns s as 32 hexadecimal digits.
func (s Sum) String() string { return fmt.Sprintf("%016x%016x", s.Hi, s.Lo) }
