package eval

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// WriteTable writes the result as tables in markdown: the figures for each head, and what the arms have cost.
func (r *Result) WriteTable(w io.Writer) error {
	var b strings.Builder
	for i := range r.Heads {
		r.Heads[i].table(&b)
	}
	r.costs(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (h *HeadResult) table(b *strings.Builder) {
	first := h.Arms[0]
	fmt.Fprintf(b, "### %s\n\n%d exposures, %d positive. Gains are against `%s`, with 95 %% intervals over users; above 0 is better.\n\n",
		h.Head, first.All.N, first.All.Positives, first.Arm)
	header(b, "arm", "log-loss", "AUC", "GAUC", "calibration", "gain in log-loss", "gain in AUC", "last half: log-loss", "AUC", "gain in log-loss", "gain in AUC")
	for i, a := range h.Arms {
		row(b, "`"+a.Arm+"`", fixed(a.All.LogLoss, 5), fixed(a.All.AUC, 4), fixed(a.All.GAUC, 4), fixed(a.All.Calibration, 3),
			gain(i, a.Gain.LogLoss, 5), gain(i, a.Gain.AUC, 4), fixed(a.LastHalf.LogLoss, 5), fixed(a.LastHalf.AUC, 4),
			gain(i, a.LastGain.LogLoss, 5), gain(i, a.LastGain.AUC, 4))
	}
	b.WriteString("\n")
}

// costs is the table of what the arms have taken, which is the same for all heads of an arm.
func (r *Result) costs(b *strings.Builder) {
	names := []string{"arm", "learner, CPU s", "features, CPU s", "weights, MiB"}
	for _, h := range r.Heads {
		names = append(names, "examples to convergence: "+h.Head)
	}
	header(b, names...)
	for i, a := range r.Heads[0].Arms {
		cells := []string{"`" + a.Arm + "`", fmt.Sprintf("%.2f", a.LearnSeconds), fmt.Sprintf("%.2f", a.FeaturesSeconds), fmt.Sprintf("%.1f", float64(a.TableBytes)/(1<<20))}
		for _, h := range r.Heads {
			cells = append(cells, examples(h.Arms[i].Converged))
		}
		row(b, cells...)
	}
	b.WriteString("\n")
}

func header(b *strings.Builder, names ...string) {
	row(b, names...)
	b.WriteString("|---|" + strings.Repeat("---:|", len(names)-1) + "\n")
}

func row(b *strings.Builder, cells ...string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// gain writes a difference from the first arm, which has none.
func gain(arm int, r Range, digits int) string {
	if arm == 0 {
		return "–"
	}
	return fmt.Sprintf("%s (%s to %s)", signed(r.Value, digits), signed(r.Low, digits), signed(r.High, digits))
}

func examples(n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprint(n)
}

func fixed(x Number, digits int) string {
	if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
		return "–"
	}
	return fmt.Sprintf("%.*f", digits, float64(x))
}

func signed(x Number, digits int) string {
	if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
		return "–"
	}
	return fmt.Sprintf("%+.*f", digits, float64(x))
}
