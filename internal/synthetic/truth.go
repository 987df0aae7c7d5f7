package synthetic

import "math/bits"

// bias is the logit of an example all of whose values weigh nothing, in the first half.
const bias = -3.0

// scales are the deviations of the weights of each field's values.
var scales = [Fields]float64{.4, .4, .3, .3, .2, .2, .2, .3, .2, .3, .2, .2, .4, .4, .3, .3, .2, .2, .2, .2}

// factors is how many products a pair contributes.
const factors = 4

// logitOf returns the logit of relevance. Where both the epoch and the number of a field or pair are odd its weights are those of the
// second half.
func logitOf(values *[Fields]uint32, epoch uint64) float64 {
	logit := bias + float64(0.2*float64(epoch))
	for f, v := range values {
		h := mix(seedWeight + uint64(f)<<40 + uint64(v) + (epoch&uint64(f))<<60)
		logit += float64(scales[f] * normal(h))
	}
	for p, fields := range Pairs {
		first, second := uint64(values[fields[0]]), uint64(values[fields[1]])
		of := seedPair + uint64(p)<<48 + (epoch&uint64(p))<<60
		for k := range uint64(factors) {
			a := 0.5 * normal(mix(of+k<<40+first))
			b := 0.5 * normal(mix(of+1<<46+k<<40+second))
			logit += float64(a * b)
		}
	}
	return logit
}

// uniformBelow returns a number below n.
func uniformBelow(r, n uint64) uint64 {
	high, _ := bits.Mul64(r, n)
	return high
}
