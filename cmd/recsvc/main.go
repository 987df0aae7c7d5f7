// Command recsvc is a real-time recommendation server: one process that takes behaviour events in, keeps features and
// models up to date with them, and answers with ranked lists.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], stdio{os.Stdout, os.Stderr})
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintf(os.Stderr, "recsvc: %v\n", err)
		os.Exit(1)
	}
}

// stdio is where a command writes: results, and everything else.
type stdio struct{ out, err io.Writer }

// errUsage says that the command line was wrong and that this has been told.
var errUsage = errors.New("wrong usage")

// command is one verb of the command line.
type command struct {
	name, args, short string
	run               func(ctx context.Context, args []string, std stdio) error
}

func commands() []command {
	return []command{
		{"serve", "[-config FILE] [-listen ADDR] [-data DIR] [-role ROLE]", "run the server", serve},
		{"demo", "[-listen ADDR] [-data DIR]", "load a slice of real traffic, learn from it, keep serving", demo},
		{"replay", "-from FILE… [-items FILE] [-users FILE] [-since TIME] [-until TIME] [-config FILE] [-data DIR] [-append] [-json]", "push event files or an archive through the whole engine and report what was learned", replay},
		{"eval", "-from FILE… [-items FILE] [-users FILE] [-config FILE] [-grid KEY=VALUE,…;…] [-compare online,1h,24h] [-out DIR] [-json]", "compare models by what they predict of a stream: settings, and real time against every hour or day", compareModels},
		{"export", "-from FILE… | -data DIR  -out FILE|DIR [-items FILE] [-users FILE] [-config FILE] [-format ndjson|parquet] [-since TIME] [-until TIME] [-sample N]", "write a training set: a row for each exposure, as it was captured", exportRows},
		{"ope", "-from FILE… | -data DIR  [-policy POLICY]… [-head HEAD] [-items FILE] [-users FILE] [-config FILE] [-only KEY=VALUE] [-frequencies FILE] [-json]", "estimate from logged traffic what other policies would have earned", evaluatePolicies},
		{"parity", "-data DIR [-config FILE] [-since TIME] [-until TIME] [-json]", "compare vectors captured live with those that the log makes anew", parityCheck},
		{"archive", "-data DIR -out DIR [-from TIME] [-to TIME] [-append] [-json]", "write the log as Parquet files that any engine can query", archiveLog},
		{"backfill", "-config FILE -data DIR [-archive DIR]", "make the state of changed features from the log, with the server stopped", refillCommand},
		{"train", "-config FILE -data DIR [-model NAME] [-passes N] [-shuffle] [-json]", "train a challenger in several passes over the log, with the server stopped", trainModel},
		{"autofeature", "-from FILE… [-items FILE] [-users FILE] [-n EVENTS] [-out FILE]", "propose a configuration from a sample of events", proposeFeatures},
		{"crosses", "-from FILE… | -data DIR  [-items FILE] [-users FILE] [-config FILE] [-head HEAD] [-n EXPOSURES] [-keep CROSSES] [-budget EXPOSURES] [-out FILE]", "search for pairs of features that tell more together", findCrosses},
		{"restore", "-from FILE -data DIR [-config FILE]", "make a data directory from a backup", restore},
		{"verify", "-data DIR [-config FILE] [-json]", "read everything in a data directory and say what is damaged", verify},
		{"check", "-config FILE", "validate a configuration", check},
		{"features", "explain|list [-config FILE] [-json] [NAME…]", "print what features compile to", featuresCommand},
		{"version", "", "print version, commit and Go version", version},
	}
}

// run is main without the process: tests call it.
func run(ctx context.Context, args []string, std stdio) error {
	if len(args) == 0 || args[0] == "-h" || args[0] == "-help" || args[0] == "--help" || args[0] == "help" {
		usage(std.out)
		if len(args) == 0 {
			return errUsage
		}
		return nil
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:], std)
		}
	}
	fmt.Fprintf(std.err, "recsvc: no command %q\n\n", args[0])
	usage(std.err)
	return errUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "recsvc is a real-time recommendation server.\n\nUsage: recsvc COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-11s %s\n", c.name, c.short)
	}
	fmt.Fprint(w, "\n`recsvc COMMAND -h` explains a command's flags. Start with `recsvc demo`.\n")
}

// flags returns the flag set of a command, whose -h shows text below the usage line.
func flags(name, text string, std stdio) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(std.err)
	fs.Usage = func() {
		for _, c := range commands() {
			if c.name == name {
				fmt.Fprintf(fs.Output(), "Usage: recsvc %s %s\n\n%s\n", c.name, c.args, strings.TrimSpace(text))
			}
		}
		has := false
		fs.VisitAll(func(*flag.Flag) { has = true })
		if has {
			fmt.Fprint(fs.Output(), "\nFlags:\n")
			fs.PrintDefaults()
		}
	}
	return fs
}

// parse reads the flags; arguments that are left over are an error unless rest takes them.
func parse(fs *flag.FlagSet, args []string, rest *[]string) error {
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage // the flag package has told it
	}
	if rest != nil {
		*rest = fs.Args()
	} else if fs.NArg() > 0 {
		fmt.Fprintf(fs.Output(), "recsvc %s: unexpected argument %q\n", fs.Name(), fs.Arg(0))
		fs.Usage()
		return errUsage
	}
	return nil
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}
