package race

import (
	"encoding/binary"
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
	m, err := model.New(opts)
	if err != nil {
		return Result{}, err
	}
	h := newHasher(s.Fields, r.Pairs)
	p := make([]float64, s.Len())
	runtime.GC() // what was made before is not to be swept while the clock runs
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadCPU()
	ex := model.Example{Weight: 1}
	for i := range p {
		ex.Shared.Slots = h.slots(s.row(i))
		if ex.Y = 0; s.Labels[i] {
			ex.Y = 1
		}
		var ok bool
		if p[i], ok = learn(m, &ex); !ok {
			return Result{}, fmt.Errorf("exposure %d was refused", i)
		}
	}
	out := Result{Name: r.Name, Examples: s.Len(), CPU: threadCPU() - began}
	out.LogLoss, out.AUC = judge(p, s.Labels)
	out.NonZero, _ = m.Head(0).Weights()
	return out, nil
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
	into  []uint32
}

func newHasher(fields int, pairs [][2]int) *hasher {
	h := &hasher{pairs: pairs, into: make([]uint32, fields+len(pairs))}
	for f := range fields {
		h.seeds = append(h.seeds, xxh3.HashString(fmt.Sprint("field ", f)))
	}
	for _, p := range pairs {
		h.cross = append(h.cross, xxh3.HashString(fmt.Sprint("cross ", p)))
	}
	return h
}

// slots are good until the next call.
func (h *hasher) slots(ids []uint32) []uint32 {
	var b [8]byte
	for f, id := range ids {
		binary.LittleEndian.PutUint32(b[:4], id)
		h.into[f] = fold(xxh3.HashSeed(b[:4], h.seeds[f]))
	}
	for k, p := range h.pairs {
		binary.LittleEndian.PutUint32(b[:4], ids[p[0]])
		binary.LittleEndian.PutUint32(b[4:], ids[p[1]])
		h.into[len(ids)+k] = fold(xxh3.HashSeed(b[:], h.cross[k]))
	}
	return h.into
}

func fold(h uint64) uint32 { return uint32(h>>32) ^ uint32(h) }
