package autofeature

import (
	"fmt"
	"io"
	"strings"
)

// alpha is the learning rate that shipped configurations have: what suits clicks of some per cent and more.
const alpha = "0.03"

// WriteYAML writes the configuration, with the reasons as comments.
func (p *Proposal) WriteYAML(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Proposed by recsvc autofeature from %d events over %s: %d exposures, of %d items to %d users; %.2f %% were followed\n"+
		"# by a %s. A gain is what a value saves of the loss of predicting each exposure, from those before it alone; of the\n"+
		"# outcome there are %.0f mbit to know.\n", p.Events, rough(p.Span), p.Exposures, p.Items, p.Users, 100*p.Heads[0].Share, comment(p.Heads[0].Type), 1000*p.Entropy)
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "# Note: %s.\n", comment(n))
	}
	p.models(&b)
	b.WriteString("\nfeatures:\n")
	for _, group := range []string{groupFields, groupRates, groupHistory, groupCrosses} {
		p.group(&b, group)
	}
	p.leftOut(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *Proposal) models(b *strings.Builder) {
	fmt.Fprintf(b, "\nmodels:\n  - name: ctr\n    bits: %d\n    score: %s # the head that lists are ranked by\n    heads:\n", p.Bits, scalar(p.Heads[0].Name))
	for _, h := range p.Heads {
		positive := "type: " + scalar(h.Type)
		if h.HasMin {
			positive += ", min: " + decimal(h.Min)
		}
		why := fmt.Sprintf("99.5 %% came within %s", rough(h.Late))
		fmt.Fprintf(b, "      - name: %s\n        positive: [{%s}]\n        window: %s # %s\n        alpha: %s\n", scalar(h.Name), positive, short(h.Window), why, alpha)
	}
}

func (p *Proposal) group(b *strings.Builder, group string) {
	first := true
	for _, f := range p.Features {
		if f.Group != group {
			continue
		}
		if first {
			fmt.Fprintf(b, "  # %s\n", group)
			first = false
		}
		fmt.Fprintf(b, "  - {name: %s, %s} # %s\n", scalar(f.Name), f.Body, comment(f.Why))
	}
}

func (p *Proposal) leftOut(b *strings.Builder) {
	first := true
	for _, f := range p.Fields {
		if f.Role != LeftOut {
			continue
		}
		if first {
			b.WriteString("\n# Left out:\n")
			first = false
		}
		fmt.Fprintf(b, "#   %s: %s\n", comment(f.Name), comment(f.Reason))
	}
}

// comment makes a text fit for a comment's one line.
func comment(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return ' '
		}
		return r
	}, name)
}
