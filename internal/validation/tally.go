package validation

import "math"

// minChance bounds predictions away from 0 and 1, so that one sure error costs 16.1 nats and not infinity.
const minChance = 1e-7

// outcome is one prediction beside what came of it.
type outcome struct {
	p, loss, weight float64
	bin             int // of the finest histogram
	positive        bool
}

// judge scores a prediction. p must be finite.
func judge(p float64, positive bool) outcome {
	p = min(max(p, minChance), 1-minChance)
	yes, no := math.Log(p), math.Log1p(-p)
	o := outcome{p: p, loss: -no, weight: 1, bin: binOf(yes - no), positive: positive}
	if positive {
		o.loss = -yes
	}
	return o
}

// sums are what metrics need beside a histogram.
type sums struct {
	n, positives uint64
	p, loss      float64
	weighted     weighted
}

// weighted are sums over outcomes times their weights w. As long as every weight is 1 they are the plain sums to the bit.
type weighted struct{ w, w2, p, loss, y float64 }

func (s *sums) add(o outcome) {
	s.n++
	if o.positive {
		s.positives++
		s.weighted.y += o.weight
	}
	s.p += o.p
	s.loss += o.loss
	s.weighted.w += o.weight
	s.weighted.w2 += float64(o.weight * o.weight)
	s.weighted.p += float64(o.weight * o.p)
	s.weighted.loss += float64(o.weight * o.loss)
}

func (s *sums) merge(t sums) {
	s.n += t.n
	s.positives += t.positives
	s.p += t.p
	s.loss += t.loss
	s.weighted.w += t.weighted.w
	s.weighted.w2 += t.weighted.w2
	s.weighted.p += t.weighted.p
	s.weighted.loss += t.weighted.loss
	s.weighted.y += t.weighted.y
}

// plain is what the weighted sums are when every weight is 1.
func (s *sums) plain() weighted {
	n := float64(s.n)
	return weighted{w: n, w2: n, p: s.p, loss: s.loss, y: float64(s.positives)}
}

// tally is everything about a set of outcomes. The zero tally is empty.
type tally struct {
	sums
	hist histogram
}

func (t *tally) add(o outcome) {
	t.sums.add(o)
	t.hist.add(o.bin, o.positive)
}

func (t *tally) merge(o *tally) {
	t.sums.merge(o.sums)
	t.hist.merge(&o.hist)
}

// reset empties the tally and keeps its memory.
func (t *tally) reset() {
	t.sums = sums{}
	t.hist.reset()
}

// Metrics of a set of predictions, each made before its outcome was learned. What is not defined is NaN: all but the
// counts where N is 0, AUC and its bound without both outcomes, Calibration without positives, NormalizedEntropy
// without both.
type Metrics struct {
	N, Positives uint64

	AUC      float64 // from a histogram of logits
	AUCBound float64 // |AUC − exact AUC| is at most this
	LogLoss  float64 // mean, in nats; predictions clamped to [1e-7, 1−1e-7]

	NormalizedEntropy float64 // LogLoss over the entropy of the base rate: below 1 beats guessing that rate
	Calibration       float64 // Σp/Σy: above 1 over-predicts
	MeanP             float64

	ESS                 float64 // (Σw)²/Σw² of the weights of what was shown: N where every weight is 1
	WeightedLogLoss     float64 // Σwℓ/Σw
	WeightedCalibration float64 // Σwp/Σwy

	Quantiles [len(QuantileShares)]float64 // of p, at QuantileShares, to half a bin of the histogram
}

// QuantileShares are the shares of Metrics.Quantiles.
var QuantileShares = [...]float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99}

func (t *tally) metrics() Metrics { return metricsOf(t.sums, &t.hist) }

func metricsOf(s sums, h *histogram) Metrics {
	n, positives, w := float64(s.n), float64(s.positives), &s.weighted
	m := Metrics{
		N: s.n, Positives: s.positives, LogLoss: s.loss / n, MeanP: s.p / n, Calibration: math.NaN(), NormalizedEntropy: math.NaN(),
		ESS: float64(w.w*w.w) / w.w2, WeightedLogLoss: w.loss / w.w, WeightedCalibration: math.NaN(),
	}
	m.AUC, m.AUCBound = h.auc()
	if s.positives > 0 {
		m.Calibration = s.p / positives
	}
	if w.y > 0 {
		m.WeightedCalibration = w.p / w.y
	}
	if base := positives / n; base > 0 && base < 1 {
		m.NormalizedEntropy = m.LogLoss / Entropy(base)
	}
	copy(m.Quantiles[:], h.quantiles(QuantileShares[:], s.n))
	return m
}

// Entropy returns that of an outcome with probability p in (0, 1), in nats.
func Entropy(p float64) float64 {
	return -(float64(p*math.Log(p)) + float64((1-p)*math.Log1p(-p)))
}
