package validation

// Bias is the mean prediction less the share of positives: by how much what happens is over-predicted. It is not a number without an
// observation. The ratio is Calibration.
func (m Metrics) Bias() float64 { return m.MeanP - float64(m.Positives)/float64(m.N) }
