package validation

import "math"

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// sigmoid returns 1/(1+e^−s).
func sigmoid(s float64) float64 { return 1 / (1 + math.Exp(-s)) }
