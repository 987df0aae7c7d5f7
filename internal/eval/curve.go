package eval

import (
	"math"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/validation"
)

// curvePoints is how many stretches of equal length event time is cut into.
const curvePoints = 60

// leastInPoint is how many outcomes a stretch must have for its mean to be shown.
const leastInPoint = 50

// Curve is the log-loss by stretch of event time.
type Curve struct {
	Start time.Time     `json:"start"`
	Step  time.Duration `json:"step_nanoseconds"`
	Arms  []CurveArm    `json:"arms"`

	start, step event.Time
}

// CurveArm is one arm's; null where too little was shown.
type CurveArm struct {
	Arm     string   `json:"arm"`
	LogLoss []Number `json:"logloss"`
}

func newCurve(t *Truth) Curve {
	if t.Len() == 0 {
		return Curve{step: 1}
	}
	first, last := t.Time[0], t.Time[0]
	for _, at := range t.Time {
		first, last = min(first, at), max(last, at)
	}
	c := Curve{start: first, step: (last-first)/curvePoints + 1}
	c.Start, c.Step = first.Time().UTC(), time.Duration(c.step)
	return c
}

func (c *Curve) add(arm string, t *Truth, p []float32) {
	var sum, n [curvePoints]float64
	for i, at := range t.Time {
		k := (at - c.start) / c.step
		sum[k] += loss(p[i], t.Positive[i])
		n[k]++
	}
	out := CurveArm{Arm: arm}
	for k := range sum {
		if n[k] < leastInPoint {
			sum[k] = math.NaN()
		}
		out.LogLoss = append(out.LogLoss, Number(sum[k]/n[k]))
	}
	c.Arms = append(c.Arms, out)
}

// Convergence is judged by windows of a twentieth of the stream, at most 10,000 examples, each a tenth of a window after the one before.
const (
	windowShare   = 20
	windowMost    = 10_000
	windowSteps   = 10
	convergedNear = 1.02
)

// windows are the figures of a stream by windows, in the order in which it was shown. A window's figure is its normalised entropy: where
// the base rate moves with the hour, plain log-loss would come and go with it.
type windows struct {
	ends    []int // of the windows, ascending
	figures []float64
	total   int
}

func windowsOf(t *Truth, p []float32, order []int) (w windows) {
	w.total = len(order)
	window := min(len(order)/windowShare, windowMost)
	step := window / windowSteps
	if step == 0 {
		return w
	}
	losses, positives := make([]float64, len(order)+1), make([]float64, len(order)+1)
	for k, i := range order {
		losses[k+1], positives[k+1] = losses[k]+loss(p[i], t.Positive[i]), positives[k]
		if t.Positive[i] {
			positives[k+1]++
		}
	}
	for end := window + (len(order)-window)%step; end <= len(order); end += step {
		base := (positives[end] - positives[end-window]) / float64(window)
		figure := 0.0 // where all outcomes are the same there is nothing to learn
		if base > 0 && base < 1 {
			figure = (losses[end] - losses[end-window]) / float64(window) / validation.Entropy(base)
		}
		w.ends, w.figures = append(w.ends, end), append(w.figures, figure)
	}
	return w
}

// final is the mean of the windows that end in the last quarter of the stream.
func (w windows) final() float64 {
	sum, n := 0.0, 0.0
	for i, end := range w.ends {
		if end > w.total*3/4 {
			sum, n = sum+w.figures[i], n+1
		}
	}
	return sum / n
}

// converged returns after how many examples the windows have come to within 2 % of a figure, or below, and stay there; 0 when they do not,
// or when there are none.
func (w windows) converged(to float64) (examples int) {
	for i := len(w.ends) - 1; i >= 0 && w.figures[i] <= to*convergedNear; i-- {
		examples = w.ends[i]
	}
	return examples
}
