package validation

import "math"

// Predictions are counted by logit, in bins of 1/512 from −16 to 16; what lies outside falls into the last bin of
// its side. A coarse histogram has an eighth of the bins, for what there are many of. Bins live in chunks that are
// allocated when first used: predictions of one head fill a few of them.
const (
	binsPerLogit = 512
	logitRange   = 16
	histBins     = 2 * logitRange * binsPerLogit
	chunkBins    = 256
	coarse       = 3 // shift of a coarse histogram: 64 bins per logit
)

// binOf returns the bin of a logit, which must not be NaN, in the finest histogram.
func binOf(logit float64) int {
	return int(min(max(math.Floor(logit*binsPerLogit)+histBins/2, 0), histBins-1))
}

type binCount struct{ pos, neg uint64 }

// histogram counts the predictions made for positives and for negatives. The zero histogram is empty and of the finest bins.
type histogram struct {
	shift  uint8 // of the numbers of bins
	chunks []*[chunkBins]binCount
}

// bins is the number of bins.
func (h *histogram) bins() int { return histBins >> h.shift }

// logit returns the middle of a bin.
func (h *histogram) logit(bin int) float64 {
	return (float64(bin-h.bins()/2) + 0.5) / float64(int(binsPerLogit)>>h.shift)
}

func (h *histogram) at(bin int) *binCount {
	if h.chunks == nil {
		h.chunks = make([]*[chunkBins]binCount, h.bins()/chunkBins)
	}
	chunk := &h.chunks[bin/chunkBins]
	if *chunk == nil {
		*chunk = new([chunkBins]binCount)
	}
	return &(*chunk)[bin%chunkBins]
}

// add counts a prediction by its bin in the finest histogram.
func (h *histogram) add(bin int, positive bool) {
	if c := h.at(bin >> h.shift); positive {
		c.pos++
	} else {
		c.neg++
	}
}

// remove takes back an add.
func (h *histogram) remove(bin int, positive bool) {
	if c := h.at(bin >> h.shift); positive {
		c.pos--
	} else {
		c.neg--
	}
}

// merge adds what a histogram of the same bins holds.
func (h *histogram) merge(o *histogram) {
	o.each(func(bin int, c binCount) bool {
		at := h.at(bin)
		at.pos += c.pos
		at.neg += c.neg
		return true
	})
}

// reset empties the histogram and keeps its memory.
func (h *histogram) reset() {
	for _, chunk := range h.chunks {
		if chunk != nil {
			*chunk = [chunkBins]binCount{}
		}
	}
}

// each calls fn for the bins that are not empty, in ascending order, while it returns true.
func (h *histogram) each(fn func(bin int, c binCount) bool) {
	for i, chunk := range h.chunks {
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
			out[next] = sigmoid(h.logit(bin))
			next++
		}
		return next < len(shares)
	})
	return out
}
