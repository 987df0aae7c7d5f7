package ope

// Names of the estimators.
const (
	Logged       = "logged" // what the logging policy earned: no estimate of πₑ
	IPS          = "ips"
	ClippedIPS   = "ips_clipped"
	SNIPS        = "snips"
	ClippedSNIPS = "snips_clipped"
	DM           = "dm"
	DR           = "dr"
	SNDR         = "sndr"
)

// estimator is a function of the sums of all samples, with its linearisation: influence is what the sums of one cluster contribute to
// the error of the value v, to first order. Over all clusters influences sum to 0.
type estimator struct {
	name      string
	value     func(t *sums) float64
	influence func(t, g *sums, v float64) float64
}

var estimators = []estimator{
	mean(Logged, func(s *sums) float64 { return s.reward }),
	mean(IPS, func(s *sums) float64 { return s.wr }),
	mean(ClippedIPS, func(s *sums) float64 { return s.cr }),
	ratio(SNIPS, func(s *sums) float64 { return s.wr }, func(s *sums) float64 { return s.w }),
	ratio(ClippedSNIPS, func(s *sums) float64 { return s.cr }, func(s *sums) float64 { return s.c }),
	mean(DM, func(s *sums) float64 { return s.direct }),
	mean(DR, func(s *sums) float64 { return s.direct + (s.wr - s.wq) }),
	plus(SNDR,
		mean("", func(s *sums) float64 { return s.direct }),
		ratio("", func(s *sums) float64 { return s.wr - s.wq }, func(s *sums) float64 { return s.w })),
}

// mean is Σx/n.
func mean(name string, x func(*sums) float64) estimator {
	return ratio(name, x, func(s *sums) float64 { return s.n })
}

// ratio is Σx/Σy; its influence is (x − v·y)/Σy.
func ratio(name string, x, y func(*sums) float64) estimator {
	return estimator{
		name:  name,
		value: func(t *sums) float64 { return x(t) / y(t) },
		influence: func(t, g *sums, v float64) float64 {
			return (x(g) - float64(v*y(g))) / y(t)
		},
	}
}

// plus is the sum of two.
func plus(name string, a, b estimator) estimator {
	return estimator{
		name:  name,
		value: func(t *sums) float64 { return a.value(t) + b.value(t) },
		influence: func(t, g *sums, _ float64) float64 {
			return a.influence(t, g, a.value(t)) + b.influence(t, g, b.value(t))
		},
	}
}
