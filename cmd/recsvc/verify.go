package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

const verifyHelp = `
Reads everything in a data directory that no server has open, checks it, and changes nothing: marker, log, state and model
snapshots, each byte against its checksum, and whether they fit together. It prints a line for each, and for everything that is
wrong what to do about it; the exit status is then 1.

The reading is done in processes of their own: a damaged database may kill who reads it, which is a finding like any other.
They need up to 200 MB in the directory for temporary files (TMPDIR).`

func verify(ctx context.Context, args []string, std stdio) error {
	if len(args) == 3 && args[0] == partFlag {
		return verifyPart(ctx, args[1], args[2], std.out)
	}
	fs := flags("verify", verifyHelp, std)
	data := fs.String("data", "", "data `DIR`ectory")
	file := fs.String("config", "", "configuration `FILE`, to know whether the log is Kafka's, and how much disk must be free")
	asJSON := fs.Bool("json", false, "print one JSON object instead of the lines")
	if err := parse(fs, args, nil); err != nil {
		return err
	}
	if *data == "" {
		fmt.Fprintln(std.err, "recsvc verify: name the directory with -data")
		fs.Usage()
		return errUsage
	}
	c, err := loadConfig(*file, map[string]string{"data": *data})
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	v := &verifier{
		dir: c.Data, free: int64(c.Limits.FreeBytes), embedded: *file != "" && len(c.Kafka.Brokers) == 0,
		command: func(ctx context.Context, args ...string) *exec.Cmd { return exec.CommandContext(ctx, self, args...) },
	}
	report, err := v.run(ctx)
	if err != nil {
		return err
	}
	if *asJSON {
		err = json.NewEncoder(std.out).Encode(report)
	} else {
		err = report.write(std.out)
	}
	switch n := len(report.Findings); {
	case err != nil || n == 0:
		return err
	case n == 1:
		return fmt.Errorf("%s is not whole: one thing is wrong", c.Data)
	default:
		return fmt.Errorf("%s is not whole: %d things are wrong", c.Data, n)
	}
}

// verified is what verify has to say.
type verified struct {
	Data     string    `json:"data"`
	Whole    bool      `json:"whole"`
	Checks   []checked `json:"checks"`
	Findings []finding `json:"findings"`
	Notes    []string  `json:"notes"` // nothing is wrong, but worth to know
}

// checked is one thing that was looked at.
type checked struct {
	Name    string  `json:"name"`
	Whole   bool    `json:"whole"`
	Detail  string  `json:"detail"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

// finding is something that is wrong, and what to do about it.
type finding struct {
	Check string `json:"check"`
	What  string `json:"what"`
	Do    string `json:"do"`
}

func (r *verified) write(w io.Writer) error {
	var b strings.Builder
	for _, c := range r.Checks {
		word := "whole"
		if !c.Whole {
			word = "WRONG"
		}
		fmt.Fprintf(&b, "%-10s %s  %s", c.Name, word, c.Detail)
		if c.Bytes > 0 {
			fmt.Fprintf(&b, ", %s", sizeText(c.Bytes))
		}
		if c.Seconds > 0 {
			fmt.Fprintf(&b, ", %.1f s", c.Seconds)
		}
		b.WriteByte('\n')
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for i, f := range r.Findings {
		fmt.Fprintf(&b, "\n%d. %s: %s\n   do: %s\n", i+1, f.Check, f.What, f.Do)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func sizeText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}
