package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// goFigure is a figure that a Go benchmark reports.
type goFigure struct {
	benchmark, metric string // as go test prints them
	name, unit        string // as the table has them
	goal              goal
}

// Flink CEP 2.3.0 on this kind of machine, p=1, heap: 698,000 events/s.
const flinkPattern = 698_000

var featureFigures = []goFigure{
	{"FeaturesOfKuairand/recall=false", "capture-events/s", "kuairand's features, vectors and windows, no recall", "events/s", noGoal},
	{"FeaturesOfKuairand/recall=false", "windows-events/s", "kuairand's features, windows alone, no recall", "events/s", noGoal},
	{"FeaturesOfKuairand/recall=false", "windows-cells/s", "the same, updates of single windows", "1/s", atLeast(1_000_000)},
	{"FeaturesOfKuairand/recall=false", "windows-allocs/event", "the same, allocations per event", "", noGoal},
	{"FeaturesOfKuairand/recall=false", "reads/s", "kuairand's features, vectors read in process", "1/s", noGoal},
	{"FeaturesOfKuairand/recall=false", "bytes/user", "kuairand's features, memory per user, no recall", "B", noGoal},
	{"FeaturesOfKuairand/recall=true", "capture-events/s", "kuairand's features, vectors and windows, with recall", "events/s", noGoal},
	{"FeaturesOfKuairand/recall=true", "windows-cells/s", "with recall, updates of single windows", "1/s", noGoal},
	{"FeaturesOfKuairand/recall=true", "bytes/user", "kuairand's features, memory per user, with recall", "B", noGoal},
	{"PatternOfThreeClicks/arrival", "events/s", "pattern of three clicks, on the completing event", "events/s", atLeast(2 * flinkPattern)},
	{"PatternOfThreeClicks/event_time", "events/s", "pattern of three clicks, in event time as Flink", "events/s", atLeast(2 * flinkPattern)},
	{"PatternOfThreeClicks/none", "events/s", "the same events without a pattern", "events/s", noGoal},
}

// features takes the figures of the feature engine by itself, from Go benchmarks.
func (b *bench) features(ctx context.Context) error {
	for i := range b.opts.repeats {
		b.say("features by themselves, repeat %d of %d", i+1, b.opts.repeats)
		whole, err := b.goBench(ctx, "./cmd/recsvc", "FeaturesOfKuairand", "1x")
		if err != nil {
			return err
		}
		patterns, err := b.goBench(ctx, "./internal/features", "PatternOfThreeClicks", "3000000x")
		if err != nil {
			return err
		}
		for _, f := range featureFigures {
			x, ok := whole[f.benchmark][f.metric]
			if !ok {
				x, ok = patterns[f.benchmark][f.metric]
			}
			if !ok {
				return fmt.Errorf("the benchmark %s reports no %s", f.benchmark, f.metric)
			}
			b.figures.add(f.name, f.unit, f.goal, x)
		}
	}
	return nil
}

// goBench runs Go benchmarks and returns what they report, by name and metric.
func (b *bench) goBench(ctx context.Context, pkg, name, times string) (map[string]map[string]float64, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark"+name+"$", "-benchtime", times, "-timeout", "20m", pkg)
	shared, err := filepath.Abs(b.opts.shared)
	if err != nil {
		return nil, err
	}
	cmd.Env = append(os.Environ(), "SHARED="+shared)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %w\n%s%s", cmd.Args, err, out, errs.Bytes())
	}
	return parseGoBench(string(out)), nil
}

// parseGoBench reads lines such as "BenchmarkX/y-2  1  5 ns/op  7 events/s".
func parseGoBench(out string) map[string]map[string]float64 {
	all := map[string]map[string]float64{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		name, ok := strings.CutPrefix(line, "Benchmark")
		if !ok || len(fields) < 4 {
			continue
		}
		name = strings.Fields(name)[0]
		if i := strings.LastIndexByte(name, '-'); i > 0 { // the number of processors
			name = name[:i]
		}
		metrics := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			if x, err := strconv.ParseFloat(fields[i], 64); err == nil {
				metrics[fields[i+1]] = x
			}
		}
		all[name] = metrics
	}
	return all
}
