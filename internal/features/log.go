package features

import "math"

// fastLog is ln(x) to within 1e-9, in half the time of math.Log, which took a tenth of scoring. Infinite, zero, negative, NaN
// and denormal arguments are left to math.Log.
//
// x = 2^e·m with m in [√½, √2), and ln m = 2·atanh(s) = 2(s + s³/3 + s⁵/5 + …) with s = (m−1)/(m+1), |s| < 0.172.
func fastLog(x float64) float64 {
	bits := math.Float64bits(x)
	e := int(bits>>52) - 1023
	if e < -1022 || e > 1023 { // zero, denormal, negative, infinite or NaN
		return math.Log(x)
	}
	m := math.Float64frombits(bits&(1<<52-1) | 1023<<52)
	if m >= math.Sqrt2 {
		m *= 0.5
		e++
	}
	s := (m - 1) / (m + 1)
	s2 := float64(s * s)
	// Each product is rounded by itself, so that no compiler fuses it with the sum.
	t := 1.0/9 + float64(s2*(1.0/11))
	t = 1.0/7 + float64(s2*t)
	t = 1.0/5 + float64(s2*t)
	t = 1.0/3 + float64(s2*t)
	t = 1 + float64(s2*t)
	return float64(float64(e)*math.Ln2) + float64(2*s*t)
}
