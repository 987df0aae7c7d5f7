package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
)

// stalledGauge is recsvc_feedback_stalled of a head.
func stalledGauge(t *testing.T, e *Engine, head string) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(NewFeedbackCollector(e))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if f.GetName() == "recsvc_feedback_stalled" && labels["head"] == head {
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no recsvc_feedback_stalled of head %q", head)
	return 0
}

func TestOutcomesThatStopAreToldOnceAndAgainWhenTheyCome(t *testing.T) {
	core, logged := observer.New(zap.InfoLevel)
	l := openRig(t, t.TempDir(), func(o *Options) {
		o.Feedback.Stalls = feedback.StallOptions{Missing: 5, After: time.Second}
		o.Logger = zap.New(core)
	}).follow()
	n := 0
	show := func(times int, clicked bool) {
		for range times {
			n++
			records := []event.Record{behaviour("exposure", fmt.Sprint("u", n), "i1", at(float64(n)))}
			if clicked {
				records = append(records, behaviour("click", fmt.Sprint("u", n), "i1", at(float64(n))))
			}
			l.append(records...)
		}
	}
	lines := func() (stopped, again int) {
		return logged.FilterMessageSnippet("outcomes have stopped").Len(), logged.FilterMessageSnippet("outcomes come again").Len()
	}
	show(60, true)
	if stopped, again := lines(); stopped != 0 || again != 0 || stalledGauge(t, l.Engine, "click") != 0 {
		t.Errorf("told of %d stops and %d returns while outcomes came", stopped, again)
	}
	show(20, false)
	if stopped, again := lines(); stopped != 1 || again != 0 || stalledGauge(t, l.Engine, "click") != 1 || stalledGauge(t, l.Engine, "long_dwell") != 0 {
		t.Errorf("told of %d stops and %d returns after 20 exposures without outcomes", stopped, again)
	}
	if h := l.Status().Feedback.Heads[0]; !h.Stalled || h.StalledFrom != at(65) {
		t.Errorf("status %+v", h)
	}
	show(10, true)
	if stopped, again := lines(); stopped != 1 || again != 1 || stalledGauge(t, l.Engine, "click") != 0 {
		t.Errorf("told of %d stops and %d returns after the outcomes came again", stopped, again)
	}
	l.stop()
}
