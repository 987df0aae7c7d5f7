package train

import (
	"recsvc/internal/feedback"
	"recsvc/internal/model"
)

// batchExamples of a head are learned together.
const batchExamples = 128

// batch gathers examples for a model, which nobody else uses meanwhile. Heads do not touch each other, so that it learns them as if they had come
// one by one.
type batch struct {
	model *model.Model
	heads [][]model.Example
}

func newBatch(m *model.Model) *batch {
	b := &batch{model: m, heads: make([][]model.Example, len(m.Heads()))}
	for i := range b.heads {
		b.heads[i] = make([]model.Example, 0, batchExamples)
	}
	return b
}

// add copies an example.
func (b *batch) add(head int, ex model.Example) {
	n := len(b.heads[head])
	examples := b.heads[head][:n+1]
	shared, own := examples[n].Shared, examples[n].Own // of an earlier one, to be written over
	keep((*feedback.Vector)(&shared), feedback.Vector(ex.Shared))
	keep((*feedback.Vector)(&own), feedback.Vector(ex.Own))
	ex.Shared, ex.Own = shared, own
	examples[n] = ex
	b.heads[head] = examples
	if len(examples) == batchExamples {
		b.learn(head)
	}
}

func (b *batch) learn(head int) {
	b.model.LearnBatch(head, b.heads[head], nil)
	b.heads[head] = b.heads[head][:0]
}

// end learns what is left.
func (b *batch) end() {
	for head := range b.heads {
		b.learn(head)
	}
}
