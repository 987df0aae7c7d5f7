package race

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/zeebo/xxh3"

	"recsvc/internal/model"
)

// Runner is a learner over the fields of a set, and over crosses of them.
type Runner struct {
	Name    string
	Learner string // as the model has them; its first when empty
	Hyper   model.Hyper
	Others  []model.Hyper // of further heads that learn the same: the prediction is the mean of all logits
	Pairs   [][2]int      // of fields, that are crossed
	Bits    int           // of the table; 22
	Bulk    bool          // learns by LearnBatch: nobody reads meanwhile. Of one head
}

// Result is how a runner did.
type Result struct {
	Name     string
	Examples int
	CPU      time.Duration // of hashing and learning
	LogLoss  float64
	AUC      float64
	NonZero  int // slots that weigh something
}

// PerSecond is examples for a second of CPU.
func (r *Result) PerSecond() float64 { return float64(r.Examples) / r.CPU.Seconds() }

// Run learns the set once, in its order; each exposure is predicted before it is learned.
func (r Runner) Run(s *Set) (Result, error) {
	bits := r.Bits
	if bits == 0 {
		bits = 22
	}
	opts := model.Options{Name: "race", Bits: bits}
	for i, hyper := range append([]model.Hyper{r.Hyper}, r.Others...) {
		opts.Heads = append(opts.Heads, model.HeadOptions{Name: fmt.Sprint(i), Learner: r.Learner, Hyper: hyper})
	}
	if r.Bulk && len(opts.Heads) > 1 {
		return Result{}, errors.New("learning in bulk is of one head")
	}
	m, err := model.New(opts)
	if err != nil {
		return Result{}, err
	}
	h := newHasher(s.Fields, r.Pairs)
	p := make([]float64, s.Len())
	runtime.GC() // what was made before is not to be swept while the clock runs
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pass := h.oneByOne
	if r.Bulk {
		pass = h.bulk
	}
	began := threadCPU()
	if err := pass(m, s, p); err != nil {
		return Result{}, err
	}
	out := Result{Name: r.Name, Examples: s.Len(), CPU: threadCPU() - began}
	out.LogLoss, out.AUC = judge(p, s.Labels)
	out.NonZero, _ = m.Head(0).Weights()
	return out, nil
}

// oneByOne hashes and learns one exposure after the other; p[i] becomes what was predicted of the i-th.
func (h *hasher) oneByOne(m *model.Model, s *Set, p []float64) error {
	ex := model.Example{Weight: 1}
	slots := make([]uint32, h.width())
	ex.Shared.Slots = slots
	for i := range p {
		h.slots(slots, s.row(i))
		ex.Y = s.y(i)
		var ok bool
		if p[i], ok = learn(m, &ex); !ok {
			return fmt.Errorf("exposure %d was refused", i)
		}
	}
	return nil
}

// bulkExamples are hashed before they are learned together: their slots stay in the cache meanwhile.
const bulkExamples = 128

// bulk is oneByOne by many at once.
func (h *hasher) bulk(m *model.Model, s *Set, p []float64) error {
	examples := make([]model.Example, bulkExamples)
	for k := range examples {
		examples[k] = model.Example{Shared: model.Vector{Slots: make([]uint32, h.width())}, Weight: 1}
	}
	for i := 0; i < len(p); i += bulkExamples {
		chunk := examples[:min(bulkExamples, len(p)-i)]
		for k := range chunk {
			h.slots(chunk[k].Shared.Slots, s.row(i+k))
			chunk[k].Y = s.y(i + k)
		}
		if m.LearnBatch(0, chunk, p[i:][:len(chunk)]) != len(chunk) {
			return fmt.Errorf("one of exposures %d to %d was refused", i, i+len(chunk)-1)
		}
	}
	return nil
}

// learn teaches all heads and returns what they predicted together.
func learn(m *model.Model, ex *model.Example) (p float64, ok bool) {
	heads := len(m.Heads())
	if heads == 1 {
		return m.Learn(0, ex)
	}
	var logit float64
	for h := range heads {
		if p, ok = m.Learn(h, ex); !ok {
			return 0, false
		}
		logit += math.Log(p / (1 - p))
	}
	return model.Sigmoid(logit / float64(heads)), true
}

// hasher makes slots of fields as the feature store does: one hash for each field and value.
type hasher struct {
	seeds []uint64
	pairs [][2]int
	cross []uint64
}

func newHasher(fields int, pairs [][2]int) *hasher {
	h := &hasher{pairs: pairs}
	for f := range fields {
		h.seeds = append(h.seeds, xxh3.HashString(fmt.Sprint("field ", f)))
	}
	for _, p := range pairs {
		h.cross = append(h.cross, xxh3.HashString(fmt.Sprint("cross ", p)))
	}
	return h
}

// width is how many slots an exposure has.
func (h *hasher) width() int { return len(h.seeds) + len(h.pairs) }

// slots sets into, which has the hasher's width.
func (h *hasher) slots(into, ids []uint32) {
	var b [8]byte
	for f, id := range ids {
		binary.LittleEndian.PutUint32(b[:4], id)
		into[f] = fold(xxh3.HashSeed(b[:4], h.seeds[f]))
	}
	for k, p := range h.pairs {
		binary.LittleEndian.PutUint32(b[:4], ids[p[0]])
		binary.LittleEndian.PutUint32(b[4:], ids[p[1]])
		into[len(ids)+k] = fold(xxh3.HashSeed(b[:], h.cross[k]))
	}
}

func fold(h uint64) uint32 { return uint32(h>>32) ^ uint32(h) }
