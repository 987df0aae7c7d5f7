package model

import (
	"fmt"
	"strings"
)

// learner is the arithmetic of one head: how the words of its seat in the table make a prediction, and how a gradient changes
// them. It knows nothing of labels, positions, clipping, pages or files; those are the [Head]'s.
//
// A new learner is one file and one line in the table of learners. It passes the law battery (laws_test.go), which takes its
// subjects from that table, when it keeps to this:
//
//   - It learns by the gradient of the logit alone.
//   - Every word of a seat that is 0 means that nothing was learned there. What a slot begins with, if that is not 0, follows from
//     the row and the parameters, and comes to be stored with the slot's first step.
//   - add, logit and effect read published words only, each by an atomic load, and may run on many goroutines; the others
//     belong to the writer.
//   - add and read make the same sums to the bit, however a vector is split into parts.
//   - A feature whose value is 0, or whose gradient is, is passed over by step: not even its page is touched.
//   - All words stay finite as long as reach tells the truth.
//   - No randomness, no clock; float64(x*y)+z where a compiler could fuse.
type learner interface {
	// add adds what v contributes to the partial sums, which begin at zero.
	add(sums []float64, v Vector)
	// logit makes one number of complete sums.
	logit(sums []float64) float64
	// read is add; it also notes rows, values and weights of v's features in n, from the k-th on.
	read(n *notes, k int, sums []float64, v Vector)
	// reach bounds by how much the logit moves when one published word does by 1; greatest is the greatest |x|, at least 1.
	reach(sums []float64, greatest float64) float64
	// step takes the gradient g of the logit to all features in n, in order, with the weights that were noted: a slot may occur
	// twice. g is finite and not 0.
	step(n *notes, sums []float64, g float32)
	// effect is how much the logit moves with the value of a feature that is part of the sums.
	effect(sums []float64, slot uint32, x float32) float32

	// sound says whether learning could have left a slot's cell behind, which holds finite numbers, and no n below 0: the
	// published words, then z and n of each coordinate.
	sound(cell []float32) bool
	// tune takes other parameters; rebase must follow for every row that has learned.
	tune(h Hyper)
	// rebase replaces each n of a row by to.n(n), and makes whatever else the learner keeps agree with the published words, which stay.
	rebase(row uint32, to rebasing)
}

// rebasing is what a row is given new accumulators for (see [coordinate.rebase]).
type rebasing struct {
	n     func(float32) float32
	fresh bool    // where a weight is 0, z is too
	scale float32 // the accumulators are those of weights times this and of values by it
}

func sameN(n float32) float32 { return n }

// shape is what a learner asks for.
type shape struct {
	words       int // published float32 of a slot
	coordinates int // the writer's own pairs of float32 of a slot
	sums        int // float64 of a partial sum
}

// learners are all there are.
var learners = []struct {
	name  string
	shape func(Hyper) shape
	make  func(Hyper, seat) learner
}{
	{"ftrl", func(Hyper) shape { return shape{words: 1, coordinates: 1, sums: 1} }, newFTRL},
	{"fm", fmShape, newFM},
	{"sgd", func(Hyper) shape { return shape{words: 1, coordinates: 0, sums: 1} }, newSGD},
}

// sgdKind is the place of sgd, whose rate depends on how much it has learned.
const sgdKind = 2

// Learners returns the names of the learners, the default first.
func Learners() []string {
	var out []string
	for _, l := range learners {
		out = append(out, l.name)
	}
	return out
}

func learnerIndex(name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	for i := range learners {
		if learners[i].name == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("learner %q is not one of %s", name, strings.Join(Learners(), ", "))
}

// notes are what the writer notes of the example that it learns: one entry per feature, or as many as a slot has words.
type notes struct {
	words   int
	rows    []uint32
	xs      []float32
	ws      []float32 // published, [feature][word]
	touched []float32
	scales  []float32 // by which xs are divided and ws multiplied already, as published words are to be divided; nil: 1
	set     pages     // to be told of a row before it is changed: Touch(first + row>>pageBits)
	steps   uint64    // examples that the head has learned before
}

// reset makes room for an example.
func (n *notes) reset(features int) {
	if cap(n.rows) < features {
		n.rows, n.xs = make([]uint32, features), make([]float32, features)
		n.ws, n.touched = make([]float32, features*n.words), make([]float32, features)
	}
	n.rows, n.xs, n.touched = n.rows[:features], n.xs[:features], n.touched[:features]
	n.ws = n.ws[:features*n.words]
}

// part returns the entries of m features from the k-th on, where a slot has one word.
func (n *notes) part(k, m int) (rows []uint32, ws, xs, touched []float32) {
	return n.rows[k:][:m], n.ws[k:][:m], n.xs[k:][:m], n.touched[k:][:m]
}
