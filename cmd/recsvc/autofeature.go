package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"recsvc/configs"
	"recsvc/internal/autofeature"
	"recsvc/internal/config"
	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

const autofeatureHelp = `
Proposes a configuration from a sample: the first -n behaviour events of files (NDJSON, plain or gzip, merged by ts) or of an
archive, with catalogue and profiles. It chooses what to predict, label windows, fields, buckets, rates, counts, windows and
combinations by what they would have told of the outcome at the time, and says in comments what each is worth and why a field
was left out. A table of all outcomes and fields goes to the standard error.

The result is a beginning: read its notes, then recsvc check and recsvc replay it. The same input makes the same proposal.
docs/autofeature.md tells how it is made.`

func proposeFeatures(ctx context.Context, args []string, std stdio) error {
	var f replayFlags
	fs := flags("autofeature", autofeatureHelp, std)
	fs.Var(&f.from, "from", "event `FILE`, or an archive; may be repeated, and arguments after the flags are further files")
	fs.Var(&f.items, "items", "catalogue `FILE`; may be repeated")
	fs.Var(&f.users, "users", "profile `FILE`; may be repeated")
	n := fs.Int("n", 100_000, "`EVENTS` to look at, from the beginning")
	out := fs.String("out", "", "`FILE` to write; the standard output when absent")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	f.from = append(f.from, rest...)
	if wrong := wrongSample(&f, *n); wrong != "" {
		fmt.Fprintln(std.err, "recsvc autofeature: "+wrong)
		fs.Usage()
		return errUsage
	}
	sample, err := f.sample(ctx, *n, std)
	if err != nil {
		return err
	}
	p, err := sample.Propose()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := errors.Join(p.WriteYAML(&text), p.WriteTable(std.err)); err != nil {
		return err
	}
	if *out == "" {
		_, err = std.out.Write(text.Bytes())
		return err
	}
	return writeWhole(*out, text.Bytes())
}

// wrongSample says what is wrong with the flags.
func wrongSample(f *replayFlags, n int) string {
	switch archives := f.archives(); {
	case len(f.from) == 0:
		return "name at least one event file with -from"
	case n < 1000:
		return fmt.Sprintf("-n %d: less than 1000 events tell nothing", n)
	case archives > 0 && archives < len(f.from):
		return "-from names archives and files of events: use one or the other"
	case archives > 0 && len(f.items)+len(f.users) > 0:
		return "an archive holds its catalogue and profiles: leave out -items and -users"
	}
	return ""
}

// sample reads up to n events, and the catalogue and profiles before them.
func (f *replayFlags) sample(ctx context.Context, n int, std stdio) (*autofeature.Sample, error) {
	bar := newBar(std.err, false, "autofeature")
	src, err := f.records(bar)
	if err != nil {
		return nil, err
	}
	s, refused := autofeature.NewSample(n), 0
	err = relay(ctx, src, nil, func(b *ingest.Batch) error {
		for i := range b.Records {
			if b.Records[i].Kind == event.KindDeadLetter {
				refused++
			}
			if s.Add(&b.Records[i]); s.Full() {
				return errEnough
			}
		}
		return nil
	})
	bar.done()
	if refused > 0 {
		fmt.Fprintf(std.err, "recsvc autofeature: %d records were refused and not looked at; recsvc replay tells why\n", refused)
	}
	return s, err
}

// records is what -from names, judged by the rules of the built-in configuration.
func (f *replayFlags) records(shown *bar) (ingest.Source, error) {
	if f.archives() > 0 {
		return ingest.NewArchive(f.from, ingest.ArchiveOptions{Progress: shown.update})
	}
	c, err := config.Parse("built-in configuration", configs.Default, config.Overrides{})
	if err != nil {
		return nil, err
	}
	v, err := ingest.NewValidator(ingest.ValidatorOptions{Horizon: c.Horizon, MaxFuture: c.MaxFuture})
	if err != nil {
		return nil, err
	}
	return ingest.NewFiles(v, ingest.FilesOptions{
		Items: f.items, Users: f.users, Events: f.from, MaxRecordBytes: int(c.Limits.RecordBytes), Progress: shown.update,
	})
}

// writeWhole puts a file in place when all of it is on the disk.
func writeWhole(path string, content []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close(), os.Chmod(file.Name(), 0o644)); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
