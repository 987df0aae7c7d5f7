package eval

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"recsvc/internal/validation"
)

// Entry is an arm with what is to be said of it beside its predictions.
type Entry struct {
	Arm   *Arm
	Truth []*Truth // of the arm's Feed
	// Features is what capturing and joining have cost; arms of one Feed share it.
	Features time.Duration
	// Validation returns the progressive metrics that the arm has kept itself, by flat head; nil: none.
	Validation func(head int) *validation.Head
	// TableBytes is what the arm's weights take in memory.
	TableBytes int64
}

// Result is what came of a comparison.
type Result struct {
	Examples int          `json:"examples"` // outcomes of all heads
	Heads    []HeadResult `json:"heads"`
}

// HeadResult compares the arms by one head. The first arm is what the others are compared with.
type HeadResult struct {
	Head  string      `json:"head"`
	Arms  []ArmResult `json:"arms"`
	Curve Curve       `json:"curve"`
}

// ArmResult is how one arm did.
type ArmResult struct {
	Arm      string  `json:"arm"`
	All      Metrics `json:"all"`
	LastHalf Metrics `json:"last_half"`
	// Gain is the first arm's less this one's in log-loss, and this one's less the first one's in AUC: above 0 is better than the first.
	Gain     Gain `json:"gain"`
	LastGain Gain `json:"last_half_gain"`
	// Converged is after how many examples the normalised entropy of a window has come to within 2 % of what the first arm's is in the last
	// quarter of the stream, or below, for good; 0: it has not.
	Converged       int     `json:"examples_to_convergence"`
	LearnSeconds    float64 `json:"learn_cpu_seconds"`
	FeaturesSeconds float64 `json:"features_cpu_seconds"`
	TableBytes      int64   `json:"table_bytes"`
	// Progressive is what a replay of the same says of such a model, to the bit: its sums are made in the order of settlement, and its AUC
	// from a histogram.
	Progressive *Metrics `json:"progressive,omitempty"`
}

// Metrics are Figures as JSON; null where they are not defined.
type Metrics struct {
	N                 int    `json:"n"`
	Positives         int    `json:"positives"`
	LogLoss           Number `json:"logloss"`
	AUC               Number `json:"auc"`
	NormalizedEntropy Number `json:"normalized_entropy"`
	Calibration       Number `json:"calibration"`
	UserAUC           Number `json:"user_auc"`
	GAUC              Number `json:"gauc"`
}

// Gain is differences with their 95 % intervals.
type Gain struct {
	LogLoss Range `json:"logloss"`
	AUC     Range `json:"auc"`
	GAUC    Range `json:"gauc"`
}

// Range is an Interval as JSON.
type Range struct {
	Value Number `json:"value"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
}

// Number is a float that is null in JSON where it is not a number.
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 64), nil
}

// Judge compares arms that saw the same. heads are the names of the flat heads.
func Judge(heads []string, entries []Entry) (*Result, error) {
	out := &Result{}
	for h, name := range heads {
		truth := entries[0].Truth[h]
		for _, e := range entries {
			if e.Truth[h] != truth && !e.Truth[h].Equal(truth) {
				return nil, fmt.Errorf("head %s: arm %s saw other outcomes than arm %s", name, e.Arm.Name(), entries[0].Arm.Name())
			}
			if got := len(e.Arm.Predicted(h)); got != truth.Len() {
				return nil, fmt.Errorf("head %s: arm %s made %d predictions of %d", name, e.Arm.Name(), got, truth.Len())
			}
		}
		out.Examples += truth.Len()
		out.Heads = append(out.Heads, judgeHead(name, h, truth, entries))
	}
	return out, nil
}

func judgeHead(name string, h int, truth *Truth, entries []Entry) HeadResult {
	order := truth.shown()
	out := HeadResult{Head: name, Curve: newCurve(truth)}
	var first, firstLast *measured
	final := 0.0
	for _, e := range entries {
		p := e.Arm.Predicted(h)
		all, last := measure(sample{truth, p, order}), measure(sample{truth, p, order[len(order)/2:]})
		w := windowsOf(truth, p, order)
		if first == nil {
			first, firstLast, final = all, last, w.final()
		}
		result := ArmResult{
			Arm: e.Arm.Name(), All: metricsOf(&all.all), LastHalf: metricsOf(&last.all),
			Gain: gainOf(first, all), LastGain: gainOf(firstLast, last), Converged: w.converged(final),
			LearnSeconds: e.Arm.CPU().Seconds(), FeaturesSeconds: e.Features.Seconds(), TableBytes: e.TableBytes,
		}
		if e.Validation != nil {
			result.Progressive = progressive(e.Validation(h))
		}
		out.Arms = append(out.Arms, result)
		out.Curve.add(e.Arm.Name(), truth, p)
	}
	return out
}

func metricsOf(f *Figures) Metrics {
	return Metrics{
		N: f.N, Positives: f.Positives, LogLoss: Number(f.LogLoss), AUC: Number(f.AUC),
		NormalizedEntropy: Number(f.NormalizedEntropy), Calibration: Number(f.Calibration), UserAUC: Number(f.UserAUC), GAUC: Number(f.GAUC),
	}
}

func progressive(v *validation.Head) *Metrics {
	m, u := v.Total(), v.Users()
	return &Metrics{
		N: int(m.N), Positives: int(m.Positives), LogLoss: Number(m.LogLoss), AUC: Number(m.AUC),
		NormalizedEntropy: Number(m.NormalizedEntropy), Calibration: Number(m.Calibration), UserAUC: Number(u.AUC), GAUC: Number(u.GAUC),
	}
}

func gainOf(first, arm *measured) Gain {
	return Gain{
		LogLoss: rangeOf(difference(first, arm, func(f *Figures) float64 { return f.LogLoss })),
		AUC:     rangeOf(difference(arm, first, func(f *Figures) float64 { return f.AUC })),
		GAUC:    rangeOf(difference(arm, first, func(f *Figures) float64 { return f.GAUC })),
	}
}

func rangeOf(i Interval) Range { return Range{Number(i.Value), Number(i.Low), Number(i.High)} }
