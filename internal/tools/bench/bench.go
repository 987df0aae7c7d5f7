package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// bench is one run of everything.
type bench struct {
	opts     options
	work     string // directory that is removed at the end
	binary   string
	kuairand dataset
	trivago  dataset
	raw      table // of the disk
	figures  table
	notes    []string
	progress io.Writer

	// For the live sections.
	config   string
	singles  *traffic
	beside   *traffic
	hundreds *traffic
	batches  *traffic
	users    []string // of whom lists are asked for
	pairs    []pair   // whose features are read

	// For the sections with a million users.
	crowd   *streamed
	glanced int // rounds of glances so far

	// For Kafka.
	helpers []int // processes whose CPU time counts as the generator's
	topics  int   // made so far
}

// newBench finds the data and builds the server.
func newBench(ctx context.Context, opts options) (*bench, error) {
	b := &bench{opts: opts, binary: opts.binary, progress: os.Stderr}
	var err error
	if b.kuairand, err = openDataset(opts.shared, "kuairand", true); err != nil {
		return nil, err
	}
	if b.trivago, err = openDataset(opts.shared, "trivago", false); err != nil {
		return nil, err
	}
	if b.work, err = os.MkdirTemp(opts.dir, "recsvc-bench-"); err != nil {
		return nil, err
	}
	if b.binary == "" {
		b.say("building recsvc")
		b.binary = filepath.Join(b.work, "recsvc")
		if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.binary, "./cmd/recsvc").CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build recsvc: %w\n%s", err, out)
		}
	}
	return b, nil
}

func (b *bench) close() error { return os.RemoveAll(b.work) }

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.progress, format+"\n", args...) }

// note adds a line below the table, once.
func (b *bench) note(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); !slices.Contains(b.notes, line) {
		b.notes = append(b.notes, line)
	}
}

// diskProbe is how long the raw disk is measured, each time.
const diskProbe = 2 * time.Second

func (b *bench) run(ctx context.Context) error {
	began, load := time.Now(), loadAverage()
	if err := b.disk("before"); err != nil {
		return err
	}
	if err := b.learners(ctx); err != nil {
		return err
	}
	if err := b.rates(ctx); err != nil {
		return err
	}
	if b.opts.runs("replay") {
		if err := b.replays(ctx); err != nil {
			return err
		}
	}
	if b.opts.runs("archive") {
		if err := b.archives(ctx); err != nil {
			return err
		}
	}
	if b.opts.runs("features") {
		if err := b.features(ctx); err != nil {
			return err
		}
	}
	if b.opts.runs("groups") {
		if err := b.groups(ctx); err != nil {
			return err
		}
	}
	for _, part := range []func(context.Context) error{b.live, b.crowded, b.memory, b.kafka} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	if err := b.disk("after"); err != nil {
		return err
	}
	return b.report(os.Stdout, began, load)
}

func (b *bench) disk(when string) error {
	took, err := probeDisk(b.work, b.opts.long(diskProbe))
	if err != nil {
		return err
	}
	b.raw.add("the disk alone, "+when+": append and fdatasync, p50", "ms", noGoal, ms(took.quantile(0.5)))
	b.raw.add("the disk alone, "+when+": append and fdatasync, p99", "ms", noGoal, ms(took.quantile(0.99)))
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

// live runs the sections that need a server with KuaiRand in it.
func (b *bench) live(ctx context.Context) error {
	return b.onCopies(ctx, b.prepare, map[string]section{"lists": b.lists, "serving": b.serving, "feature-reads": b.reads, "click": b.clicks, "durable": b.durable})
}

// crowded runs the sections that need a server with a million users in it.
func (b *bench) crowded(ctx context.Context) error {
	return b.onCopies(ctx, b.gather, map[string]section{"restart": b.restart, "checkpoint": b.checkpoint})
}

// section takes its figures once, on a data directory.
type section func(ctx context.Context, data string) error

// onCopies runs those of the parts that were asked for, in each repeat on a fresh copy of the directory that prepare makes.
func (b *bench) onCopies(ctx context.Context, prepare func(context.Context) (string, error), parts map[string]section) error {
	if !slices.ContainsFunc(b.opts.only, func(s string) bool { return parts[s] != nil }) {
		return nil
	}
	loaded, err := prepare(ctx)
	if err != nil {
		return err
	}
	for i := range b.opts.repeats {
		data, err := b.copyOf(loaded)
		if err != nil {
			return err
		}
		for _, s := range sections {
			if parts[s] == nil || !b.opts.runs(s) {
				continue
			}
			b.say("%s, repeat %d of %d", s, i+1, b.opts.repeats)
			if err := parts[s](ctx, data); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		if err := os.RemoveAll(data); err != nil {
			return err
		}
	}
	return os.RemoveAll(loaded)
}

// copyOf copies a loaded directory, and waits until the copy no longer keeps the disk busy.
func (b *bench) copyOf(loaded string) (string, error) {
	data := filepath.Join(b.work, "data")
	if err := os.CopyFS(data, os.DirFS(loaded)); err != nil {
		return "", fmt.Errorf("copy the loaded state: %w", err)
	}
	syscall.Sync()
	return data, nil
}

// report prints the table with what a reader must know to trust it.
func (b *bench) report(w io.Writer, began time.Time, load string) error {
	fmt.Fprintf(w, "%s, %s. Repeats: %d, in %v. ", time.Now().UTC().Format(time.DateOnly), describeMachine(), b.opts.repeats,
		time.Since(began).Round(time.Second))
	fmt.Fprintf(w, "Load average: %s before, %s after.\n\n", load, loadAverage())
	all := table{slices.Concat(b.raw.figures, b.figures.figures)}
	if err := all.write(w); err != nil {
		return err
	}
	fmt.Fprint(w, "\nA ratio of 1 just reaches the goal; above it is better, in bold it is missed. The generator runs on the same cores.\n")
	if b.opts.cap > 0 {
		fmt.Fprintf(w, "Loads were cut to %v each: not the figures to quote.\n", b.opts.cap)
	}
	if cores, during := b.figures.noise(); cores > noisy {
		fmt.Fprintf(w, "NOISY: other processes used %.2f cores during \"%s\"; take the figures again on a quiet machine.\n", cores, during)
	}
	for _, n := range b.notes {
		fmt.Fprintln(w, n)
	}
	return nil
}
