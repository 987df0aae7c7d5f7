package model

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync/atomic"
)

// Calibration is how a head's probabilities are put right by what came of them.
type Calibration uint8

// The kinds of calibration. All are monotone: they never change the order of one head's predictions.
const (
	Uncalibrated Calibration = iota // the logit is what was learned
	Platt                           // σ(a·s + b), a and b learned online
	Isotonic                        // a monotone curve through what came of bins of the logit
)

var calibrations = []string{"none", "platt", "isotonic"}

// ParseCalibration reads a Calibration's name.
func ParseCalibration(name string) (Calibration, error) {
	for i, n := range calibrations {
		if n == name {
			return Calibration(i), nil
		}
	}
	return 0, fmt.Errorf("calibration %q is not one of none, platt, isotonic", name)
}

// calibrator turns logits into calibrated ones. observe and what concerns storage belong to the writer; the rest may be called beside
// it. What it has learned is bounded in size, and a function of the observations in their order.
type calibrator interface {
	// logit is the calibrated logit of s, which lies within ±maxLogit.
	logit(s float64) float64
	// observe learns from a raw logit, the probability that it was examined at all, and what came of it.
	observe(s, theta, y float64)
	blank() bool
	reset()
	append(dst []byte) []byte
	// published is append of what readers see alone, with nothing to learn on from; it appends nothing where that is nothing. It may be
	// called beside the writer.
	published(dst []byte) []byte
	// decode fills a new one.
	decode(b []byte) error
}

func newCalibrator(kind Calibration) calibrator {
	switch kind {
	case Platt:
		c := &platt{}
		c.reset()
		return c
	case Isotonic:
		c := &isotonic{}
		c.reset()
		return c
	}
	return nil
}

// Calibrated reports whether the head has a calibration, and so wants the raw logit with each outcome.
func (h *Head) Calibrated() bool { return h.calibrator != nil }

// Calibrate learns from what came of a raw logit, that of a capture. theta is the probability that the place was examined; 0 means 1.
// It belongs to the writer, and passes over what is not finite.
func (h *Head) Calibrate(logit, theta float32, positive bool) {
	s, t, y := float64(logit), float64(theta), 0.0
	if t == 0 {
		t = 1
	}
	if h.calibrator == nil || h.frozen || !finite(s) || !(t > 0 && t <= 1) {
		return
	}
	if positive {
		y = 1
	}
	h.notes.set.Touch(h.calibration)
	h.calibrator.observe(clampLogit(s), t, y)
}

// Platt scaling: σ(a·s + b) by recursive Newton steps on the log-loss of θσ, with the second derivatives forgotten by plattMemory
// (Platt 1999; the recursion is that of recursive least squares with exponential forgetting, applied to the logistic loss). It
// begins at a = 1, b = 0, as sure of that as if plattPrior outcomes had said so.
const (
	plattMemory = 1 - 1.0/20000
	plattPrior  = 100
	plattLeast  = 0.05 // of a: order is never lost
	plattMost   = 20
)

type platt struct {
	n           uint64 // observations
	a, b        float64
	haa, hab    float64 // second derivatives
	hbb         float64
	slope, bias atomic.Uint64 // of a and b, for readers
}

func (c *platt) reset() {
	c.n, c.a, c.b = 0, 1, 0
	c.haa, c.hab, c.hbb = plattPrior/4, 0, plattPrior/4
	c.publish()
}

func (c *platt) publish() {
	c.slope.Store(math.Float64bits(c.a))
	c.bias.Store(math.Float64bits(c.b))
}

func (c *platt) blank() bool { return c.n == 0 }

func (c *platt) logit(s float64) float64 {
	a, b := math.Float64frombits(c.slope.Load()), math.Float64frombits(c.bias.Load())
	return clampLogit(float64(a*s) + b)
}

func (c *platt) observe(s, theta, y float64) {
	p := Sigmoid(clampLogit(float64(c.a*s) + c.b))
	g := float64(theta*p) - y
	h := math.Max(float64(theta*p)*(1-p), 1e-9)
	c.haa = float64(plattMemory*c.haa) + float64(float64(h*s)*s)
	c.hab = float64(plattMemory*c.hab) + float64(h*s)
	c.hbb = float64(plattMemory*c.hbb) + h
	if det := float64(c.haa*c.hbb) - float64(c.hab*c.hab); det > 1e-12 {
		ga, gb := float64(g*s), g
		c.a -= (float64(c.hbb*ga) - float64(c.hab*gb)) / det
		c.b -= (float64(c.haa*gb) - float64(c.hab*ga)) / det
	}
	c.a = math.Min(math.Max(c.a, plattLeast), plattMost)
	c.b = math.Min(math.Max(c.b, -maxLogit), maxLogit)
	c.n++
	c.publish()
}

// A calibrator's value, little-endian: version u8 = 1 | kind u8 | n uvarint | of platt: a, b, h… f64 × 5; of isotonic: bins × (Σθ, Σy, Σs
// f64), then the knots of the curve: number u8 × (s, logit f64).
const calibrationV1 = 1

func (c *platt) append(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, calibrationV1, byte(Platt)), c.n)
	return appendFloats(dst, c.a, c.b, c.haa, c.hab, c.hbb)
}

func (c *platt) published(dst []byte) []byte {
	a, b := math.Float64frombits(c.slope.Load()), math.Float64frombits(c.bias.Load())
	if a == 1 && b == 0 {
		return dst
	}
	dst = append(dst, calibrationV1, byte(Platt), 1)
	return appendFloats(dst, a, b, plattPrior/4, 0, plattPrior/4)
}

func (c *platt) decode(b []byte) error {
	n, b, err := calibrationHead(b, Platt)
	if err != nil {
		return err
	}
	var v [5]float64
	if b, err = takeFloats(b, v[:]); err != nil {
		return err
	}
	if len(b) > 0 || !(v[0] >= plattLeast && v[0] <= plattMost && math.Abs(v[1]) <= maxLogit && v[2] >= 0 && v[4] >= 0) {
		return fmt.Errorf("%w: calibration %v", ErrCorrupt, v)
	}
	c.n, c.a, c.b, c.haa, c.hab, c.hbb = n, v[0], v[1], v[2], v[3], v[4]
	c.publish()
	return nil
}

func appendFloats(dst []byte, values ...float64) []byte {
	for _, x := range values {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
	}
	return dst
}

func takeFloats(b []byte, into []float64) ([]byte, error) {
	if len(b) < 8*len(into) {
		return nil, ErrShort
	}
	for i := range into {
		into[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		if !finite(into[i]) {
			return nil, fmt.Errorf("%w: %v", ErrCorrupt, into[i])
		}
	}
	return b[8*len(into):], nil
}

func calibrationHead(b []byte, kind Calibration) (n uint64, rest []byte, err error) {
	switch {
	case len(b) < 3:
		return 0, nil, ErrShort
	case b[0] != calibrationV1:
		return 0, nil, fmt.Errorf("%w %d", ErrVersion, b[0])
	case b[1] != byte(kind):
		return 0, nil, fmt.Errorf("%w: another kind of calibration", ErrShape)
	}
	n, k := binary.Uvarint(b[2:])
	if k <= 0 || n == 0 {
		return 0, nil, fmt.Errorf("%w: %d outcomes", ErrCorrupt, n)
	}
	return n, b[2+k:], nil
}
