package validation

import "math"

// minChance bounds predictions away from 0 and 1, so that one sure error costs 16.1 nats and not infinity.
const minChance = 1e-7

// outcome is one prediction beside what came of it.
type outcome struct {
	p, loss  float64
	bin      int
	positive bool
}

// judge scores a prediction. p must be finite.
func judge(p float64, positive bool) outcome {
	p = min(max(p, minChance), 1-minChance)
	yes, no := math.Log(p), math.Log1p(-p)
	o := outcome{p: p, loss: -no, bin: binOf(yes - no), positive: positive}
	if positive {
		o.loss = -yes
	}
	return o
}

// sums are what metrics need beside a histogram.
type sums struct {
	n, positives uint64
	p, loss      float64
}

func (s *sums) add(o outcome) {
	s.n++
	if o.positive {
		s.positives++
	}
	s.p += o.p
	s.loss += o.loss
}

func (s *sums) merge(t sums) {
	s.n += t.n
	s.positives += t.positives
	s.p += t.p
	s.loss += t.loss
}

// tally is everything about a set of outcomes.
type tally struct {
	sums
	hist histogram
}

func (t *tally) add(o outcome) {
	t.sums.add(o)
	t.hist.add(o.bin, o.positive)
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

	Quantiles [len(QuantileShares)]float64 // of p, at QuantileShares, to 0.1 % of the odds
}

// QuantileShares are the shares of Metrics.Quantiles.
var QuantileShares = [...]float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99}

func (t *tally) metrics() Metrics { return metricsOf(t.sums, &t.hist) }

func metricsOf(s sums, h *histogram) Metrics {
	n, positives := float64(s.n), float64(s.positives)
	m := Metrics{N: s.n, Positives: s.positives, LogLoss: s.loss / n, MeanP: s.p / n, Calibration: math.NaN(), NormalizedEntropy: math.NaN()}
	m.AUC, m.AUCBound = h.auc()
	if s.positives > 0 {
		m.Calibration = s.p / positives
	}
	if base := positives / n; base > 0 && base < 1 {
		m.NormalizedEntropy = m.LogLoss / -(float64(base*math.Log(base)) + float64((1-base)*math.Log1p(-base)))
	}
	copy(m.Quantiles[:], h.quantiles(QuantileShares[:], s.n))
	return m
}
