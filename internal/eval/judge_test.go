package eval

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"recsvc/internal/event"
)

func TestGridsAreAllCombinations(t *testing.T) {
	points, err := ParseGrid(" alpha = 0.01, 0.03; l1=0,1 ")
	var names []string
	for _, p := range points {
		names = append(names, p.String())
	}
	if want := []string{"alpha=0.01 l1=0", "alpha=0.01 l1=1", "alpha=0.03 l1=0", "alpha=0.03 l1=1"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v", names, err)
	}
	if points, err := ParseGrid(""); err != nil || len(points) != 1 || len(points[0]) != 0 {
		t.Errorf("%v, %v", points, err)
	}
	for _, bad := range []string{"alpha", "=1", "alpha=", "alpha=1,", "alpha=1;alpha=2", "alpha=1, 1", "a=1,2,3,4,5,6,7,8,9;b=1,2,3,4,5,6,7,8,9"} {
		if points, err := ParseGrid(bad); err == nil {
			t.Errorf("%q gives %v", bad, points)
		}
	}
}

// learning is a stream of which the first quarter is predicted badly.
func learning(count int) sample {
	s := sample{truth: &Truth{}}
	for i := range count {
		s.truth.Time = append(s.truth.Time, event.Time(i)*1e9)
		s.truth.User = append(s.truth.User, uint64(i%97)+1)
		s.truth.Positive = append(s.truth.Positive, i%2 == 0)
		p := float32(0.3)
		if i < count/4 {
			p = 0.45
		}
		if i%2 == 0 {
			p = 1 - p
		}
		s.p, s.at = append(s.p, p), append(s.at, i)
	}
	return s
}

func TestConvergenceIsWhereWindowsComeToStay(t *testing.T) {
	s := learning(40_000)
	w := windowsOf(s.truth, s.p, s.at)
	if got := w.converged(w.final()); got < 10_000 || got > 12_400 {
		t.Errorf("after %d", got)
	}
	if got := w.converged(w.final() / 2); got != 0 {
		t.Errorf("what it never comes to it comes to after %d", got)
	}
	few := windowsOf(s.truth, s.p, s.at[:50])
	if got := few.converged(few.final()); got != 0 {
		t.Errorf("after %d of 50", got)
	}
}

// entries are two arms of one stream.
func entries(t *testing.T) []Entry {
	t.Helper()
	s := learning(6000)
	better, worse := NewArm(ArmOptions{Name: "online"}), NewArm(ArmOptions{Name: "daily"})
	better.p = [][]float32{s.p}
	worse.p = [][]float32{slices.Clone(s.p)}
	for i, p := range worse.p[0] {
		worse.p[0][i] = 0.5 + (p-0.5)*0.8
	}
	truth := []*Truth{s.truth}
	return []Entry{{Arm: better, Truth: truth, TableBytes: 3 << 20}, {Arm: worse, Truth: truth}}
}

func TestAWorseArmHasANegativeGain(t *testing.T) {
	r, err := Judge([]string{"ctr/click"}, entries(t))
	if err != nil {
		t.Fatal(err)
	}
	online, daily := r.Heads[0].Arms[0], r.Heads[0].Arms[1]
	if g := daily.Gain.LogLoss; !(g.High < 0 && g.Low < g.Value && math.Abs(float64(online.All.LogLoss-daily.All.LogLoss-g.Value)) < 1e-12) {
		t.Errorf("gain %+v, %v against %v", g, daily.All.LogLoss, online.All.LogLoss)
	}
	if g := daily.Gain.AUC; g.Value != daily.All.AUC-online.All.AUC {
		t.Errorf("%+v", g)
	}
	if online.LastHalf.N != 3000 || online.LastHalf.LogLoss >= online.All.LogLoss {
		t.Errorf("last half %+v of %+v", online.LastHalf, online.All)
	}
}

func TestArmsThatSawOtherOutcomesAreNotCompared(t *testing.T) {
	list := entries(t)
	list[1].Truth = []*Truth{learning(5999).truth}
	if _, err := Judge([]string{"h"}, list); err == nil {
		t.Error("they are")
	}
	list = entries(t)
	list[1].Arm.p[0] = list[1].Arm.p[0][1:]
	if _, err := Judge([]string{"h"}, list); err == nil {
		t.Error("an arm with a prediction too few is judged")
	}
}

func TestTheResultIsWrittenAsTableJSONAndPlot(t *testing.T) {
	r, err := Judge([]string{"ctr/click"}, entries(t))
	if err != nil {
		t.Fatal(err)
	}
	var table, plot bytes.Buffer
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"### ctr/click\n\n6000 exposures, 3000 positive.", "| `online` | 0.41", "| – | – |", "| `daily` | ", " (-0.", "| `online` | 0.00 | 0.00 | 3.0 | "} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
	columns := 0
	for line := range strings.Lines(table.String()) {
		n := strings.Count(line, "|")
		if n > 0 && columns > 0 && n != columns {
			t.Errorf("%d columns, not %d: %s", n-1, columns-1, line)
		}
		columns = n
	}
	text, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(text), `"examples_to_convergence"`) {
		t.Errorf("%s, %v", text, err)
	}
	if err := r.Heads[0].WritePlot(&plot); err != nil {
		t.Fatal(err)
	}
	lines, d := 0, xml.NewDecoder(&plot)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "path" {
			for _, a := range e.Attr {
				if a.Name.Local == "style" && strings.Contains(a.Value, "stroke-width:1.3") {
					lines++
				}
			}
		}
	}
	if lines != 6 { // two in each plot, and two in the legend
		t.Errorf("%d lines", lines)
	}
}

func TestWhatIsNotANumberIsNullInJSON(t *testing.T) {
	text, err := json.Marshal([]Number{1.5, Number(math.NaN()), Number(math.Inf(1))})
	if err != nil || string(text) != "[1.5,null,null]" {
		t.Errorf("%s, %v", text, err)
	}
}
