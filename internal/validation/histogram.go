package validation

import "math"

// Predictions are counted by logit, in bins of 1/512 from −16 to 16; what lies outside falls into the last bin of
// its side. Bins live in chunks that are allocated when first used: predictions of one head fill a few of them.
const (
	binsPerLogit = 512
	logitRange   = 16
	histBins     = 2 * logitRange * binsPerLogit
	chunkBins    = 256
)

// binOf returns the bin of a logit, which must not be NaN.
func binOf(logit float64) int {
	return int(min(max(math.Floor(logit*binsPerLogit)+histBins/2, 0), histBins-1))
}

// binLogit returns the middle of a bin.
func binLogit(bin int) float64 { return (float64(bin-histBins/2) + 0.5) / binsPerLogit }

type binCount struct{ pos, neg uint64 }

// histogram counts the predictions made for positives and for negatives. The zero histogram is empty.
type histogram [histBins / chunkBins]*[chunkBins]binCount

func (h *histogram) at(bin int) *binCount {
	chunk := &h[bin/chunkBins]
	if *chunk == nil {
		*chunk = new([chunkBins]binCount)
	}
	return &(*chunk)[bin%chunkBins]
}

func (h *histogram) add(bin int, positive bool) {
	if positive {
		h.at(bin).pos++
	} else {
		h.at(bin).neg++
	}
}

// remove takes back an add.
func (h *histogram) remove(bin int, positive bool) {
	if positive {
		h.at(bin).pos--
	} else {
		h.at(bin).neg--
	}
}

// each calls fn for the bins that are not empty, in ascending order, while it returns true.
func (h *histogram) each(fn func(bin int, c binCount) bool) {
	for i, chunk := range h {
		if chunk == nil {
			continue
		}
		for j, c := range chunk {
			if c != (binCount{}) && !fn(i*chunkBins+j, c) {
				return
			}
		}
	}
}

// auc returns the area under the ROC curve with all predictions of a bin taken as ties, and a bound of how far that
// is from the area with none: each of the P_b·N_b pairs of a bin counts ½ here and between 0 and 1 there, hence
// ½ Σ P_b·N_b / (P·N). Both are NaN without a positive and a negative.
func (h *histogram) auc() (area, bound float64) {
	var won, tied, pos, neg float64
	h.each(func(_ int, c binCount) bool {
		p, n := float64(c.pos), float64(c.neg)
		won += float64(p * neg)
		tied += float64(p * n)
		pos += p
		neg += n
		return true
	})
	pairs := pos * neg
	return (won + tied/2) / pairs, tied / 2 / pairs
}

// quantiles returns the predicted probabilities below which the given shares (ascending, in [0, 1]) of n predictions
// lie, to half a bin; NaN without predictions.
func (h *histogram) quantiles(shares []float64, n uint64) []float64 {
	out := make([]float64, len(shares))
	for i := range out {
		out[i] = math.NaN()
	}
	var seen uint64
	next := 0
	h.each(func(bin int, c binCount) bool {
		seen += c.pos + c.neg
		for next < len(shares) && float64(seen) >= shares[next]*float64(n) {
			out[next] = sigmoid(binLogit(bin))
			next++
		}
		return next < len(shares)
	})
	return out
}
