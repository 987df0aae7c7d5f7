package examination

import (
	"fmt"
	"math"
	"sync"

	"recsvc/internal/dirty"
)

// WeightOptions say what an impression weighs in learning, beside its position.
type WeightOptions struct {
	ShownClip      float64 // M in min(1/propensity, M) of what was shown, at least 1; 0: it weighs 1
	Popularity     float64 // η in the weight (n/max n)^−η of an item shown n times, in [0, 1]; 0: none
	PopularityClip float64 // the most that the latter may be; 10
	Normalise      bool    // divide by the running mean
}

func (o *WeightOptions) check() error {
	switch {
	case o.ShownClip != 0 && !(o.ShownClip >= 1 && finite(o.ShownClip)):
		return fmt.Errorf("examination: shown clip %v: want 0 (off) or a number from 1 on", o.ShownClip)
	case !(o.Popularity >= 0 && o.Popularity <= 1):
		return fmt.Errorf("examination: popularity %v: want an exponent in [0, 1]", o.Popularity)
	case !(o.PopularityClip >= 1 && finite(o.PopularityClip)):
		return fmt.Errorf("examination: popularity clip %v: want a number from 1 on", o.PopularityClip)
	}
	return nil
}

// Weights weigh impressions by how probable it was that they came about: by their propensity, and by how popular their item is.
//
// What is rarely shown weighs more, so that the model learns for what could be shown and not for what was. The weights then have some mean other than 1,
// which would be a learning rate by another name: n, and with it every step, would depend on how the propensities happen to lie, and drift with
// them. Divided by their running mean, Σw/n tends to 1 (self-normalisation, as in SNIPS), at the price of a bias that vanishes with n.
//
// They belong to the writer, but for Report.
type Weights struct {
	o   WeightOptions
	set *dirty.Set

	sum, n   float64 // of weights before they are normalised
	greatest float64 // how often the item was shown that was shown most

	mu     sync.Mutex
	report WeightReport
}

// WeightReport is what the weights of impressions were.
type WeightReport struct {
	N         float64 // impressions
	Mean      float64 // of the weights before they are normalised; 0 when there are none
	Effective float64 // (Σw)²/Σw² of the weights given out: the impressions of equal weight that would tell as much

	sum, squares float64
}

// NewWeights returns weights that have seen nothing.
func NewWeights(o WeightOptions) (*Weights, error) {
	if o.PopularityClip == 0 {
		o.PopularityClip = 10
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	w := &Weights{o: o}
	w.set = dirty.NewSet((*weightEntry)(w))
	return w, nil
}

// Counts reports whether Raw asks how often items were shown.
func (w *Weights) Counts() bool { return w.o.Popularity > 0 }

// Raw is the weight of an impression with the given propensity (outside (0, 1]: not known), of an item that was shown count times
// before, before it is normalised. It changes nothing but the greatest count.
func (w *Weights) Raw(propensity float64, count uint64) float64 {
	out := 1.0
	if w.o.ShownClip > 0 && propensity > 0 && propensity <= 1 {
		out = min(1/propensity, w.o.ShownClip)
	}
	if w.o.Popularity == 0 {
		return out
	}
	n := float64(max(count, 1))
	if n > w.greatest {
		w.set.Touch(0)
		w.greatest = n
	}
	return out * min(math.Pow(n/w.greatest, -w.o.Popularity), w.o.PopularityClip)
}

// Shown counts an impression of the given raw weight, and returns what it weighs. Steps that belong together must use the
// same: it is asked once for each impression.
func (w *Weights) Shown(raw float64) float64 {
	w.set.Touch(0)
	w.sum += raw
	w.n++
	out := raw
	if w.o.Normalise {
		out = raw * w.n / w.sum
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.report.N, w.report.Mean = w.n, w.sum/w.n
	w.report.sum += out
	w.report.squares += float64(out * out)
	w.report.Effective = w.report.sum / w.report.squares * w.report.sum
	return out
}

// Report says what the weights were.
func (w *Weights) Report() WeightReport {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.report
}

// Sets returns the dirty sets of all that is state.
func (w *Weights) Sets() []*dirty.Set { return []*dirty.Set{w.set} }

// kindWeights is the letter of the one entry; see state.go. Its value: sum, n, greatest, Σ, Σ² of what was given out, f64 each.
const kindWeights = 'w'

type weightEntry Weights

// AppendKey implements dirty.Table.
func (t *weightEntry) AppendKey(dst []byte, _ uint32) []byte { return append(dst, prefix, kindWeights) }

// AppendValue implements dirty.Table.
func (t *weightEntry) AppendValue(dst []byte, _ uint32) []byte {
	dst = append(dst, entryV1)
	for _, x := range [...]float64{t.sum, t.n, t.greatest, t.report.sum, t.report.squares} {
		dst = appendFloat(dst, x)
	}
	return dst
}

// Load takes the entry of a checkpoint; false: it is not of the weights.
func (w *Weights) Load(key, value []byte, sum dirty.Sum) (bool, error) {
	if string(key) != string([]byte{prefix, kindWeights}) {
		return false, nil
	}
	r := &reader{buf: value}
	if v := r.u8(); r.err == nil && v != entryV1 {
		return true, fmt.Errorf("examination: weights: %w %d", ErrVersion, v)
	}
	w.sum, w.n, w.greatest = r.sum(), r.sum(), r.sum()
	w.report.sum, w.report.squares = r.sum(), r.sum()
	if err := r.end(); err != nil {
		return true, fmt.Errorf("examination: weights: %w", err)
	}
	if w.n > 0 {
		w.report.N, w.report.Mean = w.n, w.sum/w.n
		w.report.Effective = w.report.sum / w.report.squares * w.report.sum
	}
	w.set.Loaded(0, sum)
	return true, nil
}
