package model

import (
	"encoding/binary"
	"strconv"

	"github.com/zeebo/xxh3"
)

// The tests make their slots as the feature store makes its own: 32 bits of hash, of which a table masks what it needs.

// FieldSeed returns the seed of a field: what sets value 7 of one feature apart from value 7 of another.
func FieldSeed(name string) uint64 { return xxh3.HashString(name) }

// NameSlot returns the slot of a numeric feature, whose number is the value that goes with it.
func NameSlot(seed uint64) uint32 { return fold(seed) }

// TextSlot returns the slot of one value of a categorical feature. All 32 bits are hash: a table masks what it
// needs, so that one vector serves models of several sizes.
func TextSlot(seed uint64, value string) uint32 { return fold(xxh3.HashStringSeed(value, seed)) }

// Slot is TextSlot for values that are hashes, ids or bucket numbers already. For crosses use the hash of one part
// as the seed of the other.
func Slot(seed, value uint64) uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], value)
	return fold(xxh3.HashSeed(b[:], seed))
}

// NumberSlot is TextSlot of the shortest decimal form of value, so that the category 1 and the category "1" are one.
func NumberSlot(seed uint64, value float64) uint32 {
	var b [32]byte
	return fold(xxh3.HashSeed(strconv.AppendFloat(b[:0], value, 'g', -1, 64), seed))
}

// fold keeps something of all 64 bits.
func fold(h uint64) uint32 { return uint32(h>>32) ^ uint32(h) }
