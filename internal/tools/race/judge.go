package race

import (
	"cmp"
	"math"
	"slices"
)

// judge returns the log-loss in nats and the area under the ROC curve, ties counted half.
func judge(p []float64, labels []bool) (logLoss, auc float64) {
	type one struct {
		p        float64
		positive bool
	}
	all := make([]one, len(p))
	for i, p := range p {
		all[i] = one{p, labels[i]}
		if !labels[i] {
			p = 1 - p
		}
		logLoss -= math.Log(max(p, 1e-15))
	}
	slices.SortFunc(all, func(a, b one) int { return cmp.Compare(a.p, b.p) })
	var ranks, positives float64
	for i := 0; i < len(all); {
		n := i
		for n < len(all) && all[n].p == all[i].p {
			n++
		}
		for _, x := range all[i:n] {
			if x.positive {
				ranks += float64(i+n+1) / 2
				positives++
			}
		}
		i = n
	}
	negatives := float64(len(all)) - positives
	return logLoss / float64(len(all)), (ranks - positives*(positives+1)/2) / (positives * negatives)
}
