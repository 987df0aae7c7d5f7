package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"recsvc/internal/engine"
	"recsvc/internal/model"
	"recsvc/internal/validation"
)

// report is what a replay ends with; its JSON form is the one that docs and scripts rely on.
type report struct {
	Events          int64                  `json:"events"`
	Applied         int64                  `json:"applied"`
	Duplicates      int64                  `json:"duplicates"`
	Late            int64                  `json:"late"`
	Rejected        int64                  `json:"rejected"`
	Seconds         float64                `json:"seconds"`
	EventsPerSecond float64                `json:"events_per_second"`
	PeakBytes       int64                  `json:"peak_memory_bytes,omitempty"`
	Digest          string                 `json:"digest"`
	Heads           map[string]headReport  `json:"heads"`
	Days            []dayReport            `json:"days"`
	Models          map[string]modelReport `json:"models"`

	order, others []string // the champion's heads; those of the other models, as model/head
}

// modelReport is one of the models side by side. The champion's heads and days stand in the report itself as well.
type modelReport struct {
	Role  string                `json:"role"`
	Heads map[string]headReport `json:"heads"`
	Days  []dayReport           `json:"days"`
}

// headReport is one head's progressive metrics. What is not defined (an AUC without a positive) is null.
type headReport struct {
	N                 uint64   `json:"n"`
	Positives         uint64   `json:"positives"`
	AUC               *float64 `json:"auc"`
	LogLoss           *float64 `json:"logloss"`
	NormalizedEntropy *float64 `json:"normalized_entropy"`
	Calibration       *float64 `json:"calibration"`
}

type dayReport struct {
	Day   string                `json:"day"`
	Heads map[string]headReport `json:"heads"`
}

func newHeadReport(m validation.Metrics) headReport {
	return headReport{m.N, m.Positives, defined(m.AUC), defined(m.LogLoss), defined(m.NormalizedEntropy), defined(m.Calibration)}
}

func defined(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func newReport(a *app, before engine.Status, src *closing, took time.Duration) *report {
	now := a.engine.Status()
	r := &report{
		Applied:    int64(now.Applied-before.Applied) - src.catalogue,
		Duplicates: int64(now.Duplicate - before.Duplicate), Late: int64(now.Late - before.Late),
		Rejected: int64(now.DeadLettered - before.DeadLettered),
		Seconds:  took.Seconds(), PeakBytes: peakMemory(),
	}
	r.Events = r.Applied + r.Duplicates + r.Late + r.Rejected
	r.EventsPerSecond = float64(r.Events) / r.Seconds
	if c, ok := a.engine.LastCheckpoint(); ok {
		r.Digest = fmt.Sprintf("%016x%016x", c.Digest.Hi, c.Digest.Lo)
	}
	r.Models = map[string]modelReport{}
	for i, m := range a.models {
		of := newModelReport(m, a.role(i))
		r.Models[m.Name()] = of
		if of.Role == roleChampion {
			r.Heads, r.Days, r.order = of.Heads, of.Days, headNames(m)
			continue
		}
		for _, head := range headNames(m) {
			r.others = append(r.others, engine.FlatName(m.Name(), head))
		}
	}
	return r
}

func headNames(m *model.Model) (names []string) {
	for _, h := range m.Heads() {
		names = append(names, h.Name())
	}
	return names
}

func newModelReport(m *model.Model, role string) modelReport {
	r := modelReport{Role: role, Heads: map[string]headReport{}, Days: []dayReport{}}
	byDay := map[string]int{}
	for _, h := range m.Heads() {
		r.Heads[h.Name()] = newHeadReport(h.Validation().Total())
		for _, d := range h.Validation().Days() {
			day := d.Start.Format(time.DateOnly)
			i, ok := byDay[day]
			if !ok {
				i = len(r.Days)
				byDay[day] = i
				r.Days = append(r.Days, dayReport{Day: day, Heads: map[string]headReport{}})
			}
			r.Days[i].Heads[h.Name()] = newHeadReport(d.Metrics)
		}
	}
	return r
}

func (r *report) writeJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func (r *report) writeTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "day\thead\texposures\tpositive\tauc\tlogloss\tnorm. entropy\tcalibration\t\n")
	row := func(day, head string, h headReport) {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t\n", day, head, h.N, h.Positives,
			figure(h.AUC, 4), figure(h.LogLoss, 5), figure(h.NormalizedEntropy, 4), figure(h.Calibration, 3))
	}
	for _, head := range r.order {
		for _, d := range r.Days {
			if h, ok := d.Heads[head]; ok {
				row(d.Day, head, h)
			}
		}
	}
	for _, head := range r.order {
		row("overall", head, r.Heads[head])
	}
	for _, flat := range r.others {
		name, head, _ := strings.Cut(flat, "/")
		row("overall", flat, r.Models[name].Heads[head])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d events in %.2f s, %.0f a second: %d applied, %d duplicate, %d late, %d rejected\ndigest %s\n",
		r.Events, r.Seconds, r.EventsPerSecond, r.Applied, r.Duplicates, r.Late, r.Rejected, r.Digest)
	return err
}

func figure(x *float64, digits int) string {
	if x == nil {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, *x)
}
