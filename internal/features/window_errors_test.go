package features

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestWrongWindowsAndSketchesSayWhatToWriteInstead(t *testing.T) {
	mean := 0.5
	user, click := []string{"user"}, On("click")
	for _, tc := range []struct {
		name string
		def  Definition
		key  string
		says string
	}{
		{"a window below zero", Definition{Kind: "min", On: click, Window: -time.Hour}, "window", "longer than 0"},
		{"a slide that does not divide", Definition{Kind: "max", On: click, Window: time.Hour, Slide: 7 * time.Minute}, "slide", "does not divide"},
		{"too many tiles", Definition{Kind: "variance", On: click, Window: 24 * time.Hour, Slide: time.Second}, "slide", "at most 1024"},
		{"a slide alone", Definition{Kind: "quantile", On: click, Slide: time.Second, Quantile: 0.5}, "slide", "needs a window"},
		{"a window twice", Definition{Kind: "distinct", On: click, Windows: []time.Duration{time.Hour, time.Hour}}, "windows", "stands there twice"},
		{"a negative time to live", Definition{Kind: "min", On: click, TTL: -time.Second}, "ttl", "must not be negative"},
		{"a half-life beside min", Definition{Kind: "min", On: click, HalfLife: time.Hour}, "half_life", "is not read by min"},
		{"the item as a number", Definition{Kind: "max", On: click, Value: "item"}, "value", "no number"},
		{"no events", Definition{Kind: "variance"}, "on", "is missing"},
		{"an unknown form", Definition{Kind: "variance", On: click, As: "range"}, "as", "none of variance, deviation, population, population_deviation"},
		{"no half-life", Definition{Kind: "decay", On: click}, "half_life", "is missing"},
		{"a half-life below zero", Definition{Kind: "decay", On: click, HalfLife: -time.Hour}, "half_life", "longer than 0"},
		{"a window beside decay", Definition{Kind: "decay", On: click, HalfLife: time.Hour, Window: time.Hour}, "window", "is not read by decay"},
		{"a rate of nothing", Definition{Kind: "decayed_rate", Over: click, HalfLife: time.Hour}, "of", "is missing"},
		{"a negative prior", Definition{Kind: "decayed_rate", Of: click, Over: On("exposure"), HalfLife: time.Hour, Prior: Prior{Strength: -1}}, "prior.strength", "must not be negative"},
		{"a trend without a window", Definition{Kind: "trend", On: click}, "window", "is missing"},
		{"a trend of too many tiles", Definition{Kind: "trend", On: click, Window: time.Hour, Slide: 6 * time.Second}, "slide", "two windows"},
		{"a mean of a trend", Definition{Kind: "trend", On: click, Window: time.Hour, Prior: Prior{Mean: &mean}}, "prior.mean", "strength alone"},
		{"a negative strength", Definition{Kind: "trend", On: click, Window: time.Hour, Prior: Prior{Strength: -1}}, "prior.strength", "above 0"},
		{"too coarse a sketch", Definition{Kind: "distinct", On: click, Precision: 3}, "precision", "4 to 14"},
		{"too fine a sketch", Definition{Kind: "distinct", On: click, Precision: 15}, "precision", "4 to 14"},
		{"a sketch that no checkpoint holds", Definition{Kind: "distinct", Scope: user, On: click, Precision: 14, Window: time.Hour}, "scope", "coarser sketches"},
		{"a top list of none", Definition{Kind: "top_k", On: click}, "n", "is missing"},
		{"too long a top list", Definition{Kind: "top_k", On: click, N: 65}, "n", "1 to 64"},
		{"too many values", Definition{Kind: "top_k", On: click, N: 1, Size: 1025}, "size", "1 to 1024"},
		{"negative values", Definition{Kind: "top_k", On: click, N: 1, Size: -1}, "size", "1 to 1024"},
		{"buckets that fall", Definition{Kind: "histogram", On: click, Buckets: []float64{2, 1}}, "buckets", "ascend"},
		{"a bucket without end", Definition{Kind: "histogram", On: click, Buckets: []float64{1, math.Inf(1)}}, "buckets", "finite"},
		{"too many buckets", Definition{Kind: "histogram", On: click, Buckets: make([]float64, 64)}, "buckets", ""},
		{"a size beside buckets", Definition{Kind: "histogram", On: click, Buckets: []float64{1}, Size: 8}, "size", "beside buckets"},
		{"no quantile", Definition{Kind: "quantile", On: click}, "quantile", "is missing"},
		{"a quantile of one", Definition{Kind: "quantile", On: click, Quantile: 1}, "quantile", "below 1"},
		{"a quantile below zero", Definition{Kind: "quantile", On: click, Quantile: -0.5}, "quantile", "above 0"},
		{"a quantile that is no number", Definition{Kind: "quantile", On: click, Quantile: math.NaN()}, "quantile", "above 0"},
		{"too exact", Definition{Kind: "quantile", On: click, Quantile: 0.5, Accuracy: 0.0001}, "accuracy", "0.001 to 0.2"},
		{"too many bins", Definition{Kind: "quantile", On: click, Quantile: 0.5, Size: 2000}, "size", "1 to 1024"},
		{"a wrong condition", Definition{Kind: "min", On: Selection{Types: []string{"click"}, Where: "value >"}}, "on.where", ""},
		{"a wrong expression", Definition{Kind: "quantile", On: click, Quantile: 0.5, Value: "item.price *"}, "value", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.def.Name = "x"
			_, err := New([]Definition{tc.def}, Options{})
			var de *DefinitionError
			if !errors.As(err, &de) || de.Key != tc.key || !strings.Contains(de.Msg, tc.says) {
				t.Errorf("%v, want one about %s that says %q", err, tc.key, tc.says)
			}
		})
	}
}
