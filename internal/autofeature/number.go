package autofeature

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// quantile of a sorted list, by the nearest rank; 0 of none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// nice rounds to three significant digits.
func nice(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	if err != nil {
		return x
	}
	return y
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func seconds(x float64) time.Duration { return time.Duration(x * float64(time.Second)) }

// short writes a duration as the configuration does: 30m, 1d.
func short(d time.Duration) string {
	if d >= 24*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// rough writes a measured duration to about two digits.
func rough(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.0fd", d.Hours()/24)
	case d >= time.Minute:
		return short(d.Round(time.Second))
	}
	return d.Round(time.Millisecond).String()
}

// entropy in bits of counts that sum up to n.
func entropy(counts []int, n int) (h float64) {
	for _, c := range counts {
		if c > 0 {
			p := float64(c) / float64(n)
			h -= float64(p * math.Log2(p))
		}
	}
	return h
}

// lossOf is the loss of a prediction p of y, in bits.
func lossOf(p float64, y bool) float64 {
	if y {
		return -math.Log2(p)
	}
	return -math.Log2(1 - p)
}

// moments are mean, standard deviation and skewness.
func moments(xs []float64) (mean, deviation, skew float64) {
	n := float64(len(xs))
	if n == 0 {
		return 0, 0, 0
	}
	for _, x := range xs {
		mean += x / n
	}
	var m2, m3 float64
	for _, x := range xs {
		d := x - mean
		m2 += float64(d*d) / n
		m3 += float64(float64(d*d)*d) / n
	}
	if m2 == 0 {
		return mean, 0, 0
	}
	deviation = math.Sqrt(m2)
	return mean, deviation, m3 / float64(m2*deviation)
}

// signedLog is the form `log` of a number.
func signedLog(x float64) float64 { return math.Copysign(math.Log1p(math.Abs(x)), x) }
