package validation

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// naiveSpan picks what a span should cover.
func naiveSpan(obs []Observation, length, wait time.Duration) (n naive, end time.Time) {
	var now int64
	for _, o := range obs {
		now = max(now, o.Time, o.Final)
	}
	slice := int64(length) / spanSlices
	until := (now - int64(wait)) / slice * slice
	for _, o := range obs {
		if o.Time >= until-int64(length) && o.Time < until {
			n = append(n, o)
		}
	}
	return n, time.Unix(0, until).UTC()
}

// finished orders observations as they become final.
func finished(obs []Observation) []Observation {
	obs = slices.Clone(obs)
	slices.SortStableFunc(obs, func(a, b Observation) int { return int(a.Final/1e6 - b.Final/1e6) })
	return obs
}

func TestSpansCoverWhatWasShownWhenAllOfItIsFinal(t *testing.T) {
	spans := []time.Duration{2 * time.Hour, 24 * time.Hour}
	v := New("m/h", Options{Wait: labelWindow, Spans: spans})
	obs := finished(observations(6, 9_000))
	checked := 0
	for i, o := range obs {
		v.Observe(o)
		if i < 4000 || i%500 != 0 {
			continue
		}
		for k, got := range v.Spans() {
			want, end := naiveSpan(obs[:i+1], spans[k], labelWindow)
			name := fmt.Sprintf("%v after %d", spans[k], i)
			if got.Length != spans[k] || !got.End.Equal(end) {
				t.Errorf("%s: %v long, until %v, want %v", name, got.Length, got.End, end)
			}
			want.checkWithin(t, name, got.Metrics, 0.02)
			checked++
		}
	}
	if checked != 20 {
		t.Errorf("%d spans checked", checked)
	}
}

func TestSpansShorterThanTheWaitForOutcomesAreLeftOut(t *testing.T) {
	v := New("m/h", Options{Wait: 7 * 24 * time.Hour})
	if s := v.Spans(); len(s) != 1 || s[0].Length != 24*time.Hour {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsTooOldForASpanIsLeftOut(t *testing.T) {
	v := New("m/h", Options{Spans: []time.Duration{time.Hour}})
	at := func(d time.Duration) Observation { return Observation{P: 0.5, Positive: true, Time: int64(d)} }
	v.Observe(at(100 * time.Hour))
	v.Observe(at(50 * time.Hour))
	v.Observe(at(100*time.Hour - 20*time.Minute))
	v.Observe(at(100*time.Hour + 10*time.Minute))
	if s := v.Spans()[0]; s.N != 2 || !s.End.Equal(time.Unix(0, int64(100*time.Hour+10*time.Minute)).UTC()) {
		t.Errorf("%+v", s)
	}
	if n := v.Total().N; n != 4 {
		t.Errorf("%d in total", n)
	}
}
