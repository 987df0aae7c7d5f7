package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"recsvc/internal/api"
	"recsvc/internal/ope"
)

// policyValue is what an evaluation says of a policy.
func policyValue(name string, e *ope.Evaluation, b ope.Bootstrap) api.PolicyValue {
	v := api.PolicyValue{Policy: name, Slots: []api.SlotsValue{}, Skipped: map[string]int64{}}
	for _, s := range ope.Skips() {
		if n := e.Skipped(s); n > 0 {
			v.Skipped[s.String()] = n
		}
	}
	for _, i := range ope.Interactions() {
		if i == ope.Independent || e.Tally(i).N() > 0 {
			v.Slots = append(v.Slots, slotsValue(e, i, b))
		}
	}
	return v
}

func slotsValue(e *ope.Evaluation, i ope.Interaction, b ope.Bootstrap) api.SlotsValue {
	t := e.Tally(i)
	o := t.Overlap()
	v := api.SlotsValue{
		Slots: i.String(), PlaceValue: placeValue(t, &o, b), Refused: o.Refused, Clusters: o.Clusters, MeanStdErr: defined(o.MeanStdErr),
		ClippedMass: defined(o.ClippedMass), Missing: defined(o.Missing), Warnings: append([]string{}, o.Warnings...),
		Positions: []api.PositionValue{},
	}
	for at := range ope.MaxPosition + 1 {
		if t := e.Position(i, at); t != nil && t.N() > 0 {
			o := t.Overlap()
			v.Positions = append(v.Positions, api.PositionValue{Position: at, PlaceValue: placeValue(t, &o, ope.Bootstrap{})})
		}
	}
	return v
}

func placeValue(t *ope.Tally, o *ope.Overlap, b ope.Bootstrap) api.PlaceValue {
	v := api.PlaceValue{
		N: o.N, ESS: defined(o.ESS), MeanWeight: defined(o.MeanWeight), MaxWeight: defined(o.MaxWeight), Estimates: map[string]api.Estimate{},
	}
	for _, e := range t.Estimates(b) {
		v.Estimates[e.Name] = api.Estimate{
			Value: defined(e.Value), StdErr: defined(e.StdErr), Low: defined(e.Normal.Low), High: defined(e.Normal.High),
			BootstrapLow: defined(e.Bootstrap.Low), BootstrapHigh: defined(e.Bootstrap.High),
		}
	}
	return v
}

// writeOffPolicy prints values as a table, or as JSON.
func writeOffPolicy(w io.Writer, v *api.OffPolicy, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	fmt.Fprintf(w, "reward: %s, per impression; intervals of 95 %%, by user\n", v.Reward)
	for i := range v.Policies {
		if err := writePolicy(w, &v.Policies[i]); err != nil {
			return err
		}
	}
	return nil
}

// estimatorOrder is the order in which estimates are printed.
var estimatorOrder = []string{ope.Logged, ope.IPS, ope.ClippedIPS, ope.SNIPS, ope.ClippedSNIPS, ope.DM, ope.DR, ope.SNDR}

func writePolicy(w io.Writer, p *api.PolicyValue) error {
	fmt.Fprintf(w, "\npolicy %s\n", p.Policy)
	for _, why := range slices.Sorted(maps.Keys(p.Skipped)) {
		fmt.Fprintf(w, "  passed over: %d impressions: %s\n", p.Skipped[why], why)
	}
	for i := range p.Slots {
		s := &p.Slots[i]
		if s.N == 0 {
			continue
		}
		fmt.Fprintf(w, "  slots %s: %d impressions of %d people, effective %s, weights average %s ± %s, greatest %s\n", s.Slots, s.N, s.Clusters,
			figure(s.ESS, 1), figure(s.MeanWeight, 4), figure(s.MeanStdErr, 4), figure(s.MaxWeight, 2))
		if err := writeEstimates(w, s); err != nil {
			return err
		}
		for _, warning := range s.Warnings {
			fmt.Fprintf(w, "  warning: %s\n", warning)
		}
	}
	return nil
}

func writeEstimates(w io.Writer, s *api.SlotsValue) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "estimator\tvalue\tstd. error\tlow\thigh\tbootstrap low\thigh\t\n")
	for _, name := range estimatorOrder {
		e := s.Estimates[name]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", name, figure(e.Value, 6), figure(e.StdErr, 6), figure(e.Low, 6), figure(e.High, 6),
			figure(e.BootstrapLow, 6), figure(e.BootstrapHigh, 6))
	}
	if len(s.Positions) > 1 {
		fmt.Fprint(t, "position\timpressions\teffective\tlogged\tips\tsnips\tsnips std. error\t\n")
		for _, p := range s.Positions {
			snips := p.Estimates[ope.SNIPS]
			fmt.Fprintf(t, "%d\t%d\t%s\t%s\t%s\t%s\t%s\t\n", p.Position, p.N, figure(p.ESS, 1), figure(p.Estimates[ope.Logged].Value, 6),
				figure(p.Estimates[ope.IPS].Value, 6), figure(snips.Value, 6), figure(snips.StdErr, 6))
		}
	}
	return t.Flush()
}
