package autofeature

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteTable writes what was found about outcomes and fields, for people.
func (p *Proposal) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d events over %s, %d exposures, %d users, %d items; %d features proposed\n", p.Events, rough(p.Span), p.Exposures, p.Users, p.Items, len(p.Features))
	if len(p.Outcomes) > 0 {
		fmt.Fprint(t, "\noutcome\tevents\tfollow\tshare\tmedian delay\t99.5 %\t\n")
	}
	for _, o := range p.Outcomes {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.2f %%\t%s\t%s\t%s\n", comment(o.Type), o.Events, o.Joined, 100*o.Share, rough(o.Median), rough(o.Late), o.Note)
	}
	fmt.Fprint(t, "\nfield\trole\ttypes\tvalues\tmissing\tentropy\tinformation\tgain\t\n")
	for _, f := range p.Fields {
		told, gain := "", ""
		if f.Information != (Information{}) || f.Gain != (Gain{}) {
			told, gain = fmt.Sprintf("%.2f mbit", 1000*f.Information.Bits), fmt.Sprintf("%.2f mbit, %.1fσ", 1000*f.Gain.Bits, f.Gain.Z)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%.1f %%\t%.2f bit\t%s\t%s\t%s\n",
			comment(f.Name), f.Role, f.Types, f.Values, 100*f.Missing, f.Entropy, told, gain, comment(f.Reason))
	}
	for i, n := range p.Notes {
		if i == 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintf(t, "note: %s\n", comment(n))
	}
	return t.Flush()
}
