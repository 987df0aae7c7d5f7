package features

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

func compileQuantile(c *compiler, d *Definition, f *feature) error {
	accuracy, part := d.Accuracy, d.Quantile
	if accuracy == 0 {
		accuracy = defaultAccuracy
	}
	if !(accuracy >= 0.001 && accuracy <= 0.2) {
		return c.fail("accuracy", "must be 0.001 to 0.2")
	}
	if !(part > 0 && part < 1) {
		return c.fail("quantile", "must lie above 0 and below 1")
	}
	form, bins := forms[d.As], newBins(accuracy)
	f.numeric = true
	return c.numbers(d, f, defaultQuantileSize, fmt.Sprint("quantile", accuracy), bins.of, func(y tally) {
		f.number = func(q *Query, f *feature) float64 {
			b := y.read(q, q.cell(f.at))
			if len(b) == 0 {
				return math.NaN()
			}
			// Negative keys come last in unsigned order.
			slices.SortFunc(b, func(x, y counted) int { return cmp.Compare(int64(x.key), int64(y.key)) })
			return form(bins.value(atPart(b, part)))
		}
	})
}

// atPart is the key at which the given part of all that was counted is reached.
func atPart(b []counted, part float64) uint64 {
	var all, below uint64
	for _, c := range b {
		all += c.n
	}
	place := uint64(part * float64(all-1))
	for _, c := range b {
		if below += c.n; below > place {
			return c.key
		}
	}
	return b[len(b)-1].key
}

// bins numbers values so that those of one bin lie within a relative error of each other (DDSketch's logarithmic mapping): bin i of the
// positive ones ends with γ^i, γ = (1+accuracy)/(1−accuracy), and counts as 2γ^i/(γ+1). The negative ones mirror them.
type bins struct {
	gamma, log float64 // γ, ln γ
	least      int64   // number of the lowest positive bin less one
}

// leastMagnitude is the least that is told from 0.
const leastMagnitude = 1e-9

func newBins(accuracy float64) bins {
	b := bins{gamma: (1 + accuracy) / (1 - accuracy)}
	b.log = math.Log(b.gamma)
	b.least = b.index(leastMagnitude) - 1
	return b
}

func (b bins) index(x float64) int64 { return int64(math.Ceil(math.Log(x) / b.log)) }

// of is the bin of x: greater for greater x, as a signed number.
func (b bins) of(x float64) uint64 {
	switch {
	case x >= leastMagnitude:
		return uint64(b.index(x) - b.least)
	case x <= -leastMagnitude:
		return uint64(b.least - b.index(-x))
	}
	return 0
}

// value is what a bin counts as.
func (b bins) value(bin uint64) float64 {
	switch i := int64(bin); {
	case i > 0:
		return b.middle(i + b.least)
	case i < 0:
		return -b.middle(b.least - i)
	}
	return 0
}

func (b bins) middle(i int64) float64 {
	return min(2*math.Exp(float64(i)*b.log)/(1+b.gamma), math.MaxFloat64)
}
