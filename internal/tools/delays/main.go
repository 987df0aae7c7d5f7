// Command delays prints the table of docs/learning.md: what it costs to wait for outcomes, and to learn from a sample, in a world
// whose truth is known.
//
//	go run ./internal/tools/delays
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	stretch := flag.Duration("stretch", 24*time.Hour, "of event time that is learned; the second half of it is judged")
	seed := flag.Uint64("seed", 1, "of the world")
	flag.Parse()
	if err := table(*seed, *stretch); err != nil {
		fmt.Fprintln(os.Stderr, "delays:", err)
		os.Exit(1)
	}
}

func table(seed uint64, stretch time.Duration) error {
	fmt.Print("| | log-loss | above the truth's | Σp/Σy | steps per exposure |\n|---|---|---|---|---|\n")
	for _, m := range modes() {
		r, err := run(m, seed, stretch)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Printf("| %s | %.5f | %.5f | %.3f | %.2f |\n", m.name, r.logLoss, r.logLoss-r.bestLoss, r.calibration, float64(r.steps)/float64(2*r.n))
	}
	return nil
}
