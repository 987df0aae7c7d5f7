package main

import (
	"strings"

	"recsvc/internal/api"
	"recsvc/internal/engine"
	"recsvc/internal/validation"
)

func apiMetrics(m validation.Metrics) api.Metrics {
	out := api.Metrics{
		N: int64(m.N), Positives: int64(m.Positives), AUC: defined(m.AUC), LogLoss: defined(m.LogLoss),
		NormalizedEntropy: defined(m.NormalizedEntropy), Calibration: defined(m.Calibration), Bias: defined(m.Bias()), AUCBound: defined(m.AUCBound),
	}
	if m.ESS != float64(m.N) {
		out.ESS, out.WeightedLogLoss, out.WeightedCal = defined(m.ESS), defined(m.WeightedLogLoss), defined(m.WeightedCalibration)
	}
	return out
}

func spanMetrics(v *validation.Head) (out []api.SpanMetrics) {
	for _, s := range v.Spans() {
		out = append(out, api.SpanMetrics{Span: engine.SpanName(s.Length), End: s.End, Metrics: apiMetrics(s.Metrics)})
	}
	return out
}

func userMetrics(v *validation.Head) *api.UserMetrics {
	u := v.Users()
	return &api.UserMetrics{AUC: defined(u.AUC), GAUC: defined(u.GAUC), N: u.Rated, Share: u.Share}
}

func sliceMetrics(v *validation.Head) (out []api.SliceMetrics) {
	for _, s := range v.Slices() {
		out = append(out, api.SliceMetrics{Slice: s.Dimension, Value: strings.ToValidUTF8(s.Value, "\uFFFD"), Metrics: apiMetrics(s.Metrics)})
	}
	return out
}

// withoutSlices is what the status says of models: it is asked for often.
func withoutSlices(models []api.ModelStatus) []api.ModelStatus {
	for _, m := range models {
		for name, h := range m.Heads {
			h.Slices = nil
			m.Heads[name] = h
		}
	}
	return models
}
