package drift

import (
	"fmt"
	"math"
)

// Window sums up what the latest predictions of a head were worth. It decays: the weight of an observation is
// (1 − 1/memory)^k when k others have followed it, so that it covers about the latest memory of them.
type Window struct {
	keep float64
	n    float64 // Σ of the weights
	loss float64 // Σ log-loss
	sq   float64 // Σ log-loss²
	p, y float64 // Σ predictions, Σ labels
}

// NewWindow returns an empty window over about the latest memory observations.
func NewWindow(memory int) (*Window, error) {
	if memory < 10 || memory > 1<<30 {
		return nil, fmt.Errorf("drift: a window of %d observations, want 10 to 2^30", memory)
	}
	return &Window{keep: 1 - 1/float64(memory)}, nil
}

func (w *Window) add(p, loss, y float64) {
	for _, x := range [...]struct {
		sum *float64
		add float64
	}{{&w.n, 1}, {&w.loss, loss}, {&w.sq, square(loss)}, {&w.p, p}, {&w.y, y}} {
		*x.sum = float64(*x.sum*w.keep) + x.add
	}
}

// N returns the weight of what the window covers, at most its memory.
func (w Window) N() float64 { return w.n }

// Positives returns the weight of the positives among it.
func (w Window) Positives() float64 { return w.y }

// LogLoss returns the mean loss in nats; NaN of none.
func (w Window) LogLoss() float64 { return w.loss / w.n }

// LogLossError returns the standard error of LogLoss, of independent outcomes; NaN of none.
func (w Window) LogLossError() float64 {
	mean := w.LogLoss()
	return math.Sqrt(math.Max(0, w.sq/w.n-square(mean)) / w.n)
}

// Calibration returns Σp/Σy; NaN without positives.
func (w Window) Calibration() float64 {
	if w.y <= 0 {
		return math.NaN()
	}
	return w.p / w.y
}

// NormalizedEntropy returns the mean loss over the entropy of the rate of positives: above 1, to predict that rate
// always would be better. NaN where all labels are alike.
func (w Window) NormalizedEntropy() float64 {
	base := w.y / w.n
	if !(base > 0 && base < 1) {
		return math.NaN()
	}
	return w.LogLoss() / -(float64(base*math.Log(base)) + float64((1-base)*math.Log1p(-base)))
}

// Forget empties the window.
func (w *Window) Forget() { *w = Window{keep: w.keep} }

const windowV1 = 1

// AppendState appends version | n | Σloss | Σloss² | Σp | Σy.
func (w *Window) AppendState(dst []byte) []byte {
	dst = append(dst, windowV1)
	for _, x := range [...]float64{w.n, w.loss, w.sq, w.p, w.y} {
		dst = appendFloat(dst, x)
	}
	return dst
}

// LoadState takes back what AppendState has appended. After an error nothing has changed.
func (w *Window) LoadState(b []byte) error {
	r := reader{b: b}
	v := w.load(&r)
	if err := r.end(); err != nil {
		return err
	}
	*w = v
	return nil
}

func (w *Window) load(r *reader) Window {
	r.version(windowV1)
	return Window{keep: w.keep, n: r.positive(), loss: r.positive(), sq: r.positive(), p: r.positive(), y: r.positive()}
}
