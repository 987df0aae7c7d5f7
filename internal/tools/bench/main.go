// Command bench measures the real server on this machine, with KuaiRand or a million made-up users loaded and everything
// logged, and prints one table of figures beside their goals.
//
//	go run ./internal/tools/bench -shared ../shared
//	go run ./internal/tools/bench -only lists,click -repeats 1 -seconds 5
//
// It builds recsvc, replays the data sets with it, starts it on a copy of the loaded state, and loads it over HTTP from
// this process: on the same cores, with requests that are encoded beforehand and written to raw connections, so that the
// server gets most of the machine. What the generator and other processes used is printed beside each figure. It is no
// test: nothing fails because it is slow.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sections are the parts that can be chosen, in the order in which they run.
var sections = []string{"learner", "stream", "features", "replay", "archive", "groups", "lists", "serving", "feature-reads", "click", "durable", "restart", "checkpoint", "memory", "kafka"}

// options are the flags.
type options struct {
	shared  string
	binary  string
	dir     string
	only    []string
	repeats int
	cap     time.Duration // of each load; 0: none
}

func main() {
	opts, err := parseFlags(os.Args[1:])
	if err != nil {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, opts); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parseFlags(args []string) (o options, err error) {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.StringVar(&o.shared, "shared", "../shared", "`DIR`ectory that holds data/kuairand and data/trivago")
	fs.StringVar(&o.binary, "binary", "", "recsvc `FILE` to measure; built from this tree when absent")
	fs.StringVar(&o.dir, "dir", "", "`DIR`ectory on the disk to measure; the system's temporary one when absent")
	fs.IntVar(&o.repeats, "repeats", 3, "how often each figure is taken")
	seconds := fs.Int("seconds", 0, "most seconds that one load takes, below 60 with less data; 0: as the figures ask for")
	only := fs.String("only", "", "comma-separated sections to run: "+strings.Join(sections, ", ")+"; all when absent")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.cap = time.Duration(*seconds) * time.Second
	if o.only = sections; *only != "" {
		o.only = strings.Split(*only, ",")
	}
	err = o.check(fs.NArg())
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	return o, err
}

func (o options) check(arguments int) error {
	for _, s := range o.only {
		if !slices.Contains(sections, s) {
			return fmt.Errorf("-only: no section %q; there are %s", s, strings.Join(sections, ", "))
		}
	}
	if o.repeats < 1 || o.cap < 0 || arguments > 0 {
		return errors.New("-repeats must be at least 1, -seconds not negative, and there are no arguments")
	}
	return nil
}

// runs reports whether a section was asked for.
func (o options) runs(section string) bool { return slices.Contains(o.only, section) }

// long is how long a load takes that should take d.
func (o options) long(d time.Duration) time.Duration {
	if o.cap > 0 {
		return min(d, o.cap)
	}
	return d
}

// fullCap is the cap from which on nothing is made smaller.
const fullCap = time.Minute

// scaled is how many of something that takes no certain time there should be: fewer where loads are cut.
func (o options) scaled(n uint64) uint64 {
	if o.cap == 0 || o.cap >= fullCap {
		return n
	}
	return n * uint64(o.cap) / uint64(fullCap)
}

func run(ctx context.Context, opts options) (err error) {
	b, err := newBench(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	return b.run(ctx)
}
