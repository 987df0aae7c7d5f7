// Command drift prints the table of docs/learning.md: how often each detector calls where nothing has changed, and how
// long it takes where something has.
//
//	go run ./internal/tools/drift
package main

import (
	"flag"
	"fmt"
	"os"

	"recsvc/internal/drift/trial"
)

func main() {
	runs := flag.Int("runs", 100, "runs of each stream")
	flag.Parse()
	if err := table(*runs); err != nil {
		fmt.Fprintln(os.Stderr, "drift:", err)
		os.Exit(1)
	}
}

const (
	shiftAt = 30_000
	length  = 70_000
	seed    = 1
)

func table(runs int) error {
	quiet := []trial.Stream{{Name: "none", Shift: length}, {Name: "daily", Shift: length, Daily: .3}}
	shifts := []trial.Stream{
		{Name: "labels", Shift: shiftAt, Noise: .3}, {Name: "labels, slowly", Shift: shiftAt, Ramp: 20_000, Noise: .3},
		{Name: "inputs", Shift: shiftAt, Move: 1}, {Name: "inputs, slowly", Shift: shiftAt, Ramp: 20_000, Move: 1},
	}
	fmt.Print("| detector | false alarms per million | with a daily swing |")
	for _, s := range shifts {
		fmt.Printf(" %s |", s.Name)
	}
	fmt.Print("\n|---|---|---|---|---|---|---|\n")
	for _, d := range trial.Detectors() {
		fmt.Printf("| %s |", d.Name)
		for _, s := range quiet {
			r, err := trial.Measure(d, s, seed, runs, length)
			if err != nil {
				return err
			}
			fmt.Printf(" %.1f |", r.FalsePerMillion())
		}
		for _, s := range shifts {
			r, err := trial.Measure(d, s, seed, runs, length)
			if err != nil {
				return err
			}
			if r.Found == 0 {
				fmt.Print(" never |")
				continue
			}
			fmt.Printf(" %.0f (%.0f), %.0f %% |", r.Delay, r.DelayP90, 100*float64(r.Found)/float64(r.Runs))
		}
		fmt.Println()
	}
	return nil
}
