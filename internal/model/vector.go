package model

// Vector is a sparse feature vector: hashed slots, of which a table uses the low bits, and their values. Values may
// be shorter than Slots: the values that are missing are 1. A slot may occur more than once; its contributions add
// up.
type Vector struct {
	Slots  []uint32
	Values []float32
}

// split returns the slots that have a value, their values, and the slots whose value is 1.
func (v Vector) split() (valued []uint32, values []float32, ones []uint32) {
	n := min(len(v.Values), len(v.Slots))
	return v.Slots[:n], v.Values[:n], v.Slots[n:]
}

// Example is one thing to learn. Its slices are only read, and not kept.
type Example struct {
	Shared, Own Vector // concatenated, in this order

	Y      float32 // the label; beyond [0, 1] only where the head's loss allows it
	Weight float32 // importance: multiplies the gradient; 0 changes nothing, below 0 is refused
	Theta  float32 // probability that the position was examined, in (0, 1]; 0 means 1; unused by NoExamination

	// Correction takes back a y = 0 that was learned from the same vectors: the gradient is that of Y less
	// that of 0, both at the weights of now.
	Correction bool

	// FakeNegative multiplies the weight by 1+p, and by 1−p too where Y is 0; p is the prediction at the weights of now, and a
	// constant to the gradient (Ktena et al., RecSys'19: FNW). It makes up for a stream in which every example comes as negative
	// first, and as positive beside that when it is one. For NoExamination.
	FakeNegative bool
}
