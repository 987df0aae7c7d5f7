package synthetic

import (
	"encoding/binary"
	"math"
)

// Fields is the number of fields of an example.
const Fields = 20

// Positions is the number of places of a list.
const Positions = 10

// Values is how many values each field has.
var Values = [Fields]uint32{
	400_000, 200_000, 150_000, 100_000, 60_000, 40_000, 20_000, 10_000, 8_000, 5_000,
	3_000, 2_000, 1_000, 500, 200, 100, 50, 24, 7, 3,
}

// Pairs are the pairs of fields that tell more together than each of them does.
var Pairs = [5][2]int{{7, 13}, {9, 14}, {12, 15}, {13, 16}, {10, 12}}

// Examined is the probability that a position, 1 to Positions, is looked at.
var Examined = [Positions + 1]float64{0, 1, .59, .44, .35, .30, .26, .23, .21, .19, .18}

// Example is one exposure and what came of it.
type Example struct {
	Values      [Fields]uint32 // by field: its value, below Values of the field
	Position    int            // 1 to Positions
	Randomised  bool           // the position was drawn evenly
	Relevant    bool           // hidden from learners: the user would click if he looked
	Click       bool           // he looked, and would
	Probability float64        // hidden: of Relevant
}

// ID returns a number that tells the value of a field from all values of all fields, below 999,884.
func (e *Example) ID(field int) uint32 { return offsets[field] + e.Values[field] }

// offsets are the sums of Values of the fields before.
var offsets = func() (sums [Fields]uint32) {
	for f := 1; f < Fields; f++ {
		sums[f] = sums[f-1] + Values[f-1]
	}
	return sums
}()

// BinarySize is the length of an example's binary form.
const BinarySize = 4*Fields + 4 + 4

// AppendBinary appends the form by which implementations of the stream are compared: the IDs of the fields (u32 each), position, randomised,
// relevant and click (a byte each), the probability (f32), little-endian.
func (e *Example) AppendBinary(dst []byte) []byte {
	for f := range Fields {
		dst = binary.LittleEndian.AppendUint32(dst, e.ID(f))
	}
	dst = append(dst, byte(e.Position), bit(e.Randomised), bit(e.Relevant), bit(e.Click))
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(e.Probability)))
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
