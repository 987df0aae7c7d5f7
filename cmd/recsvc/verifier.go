package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// verifier looks at one data directory. It reads nothing itself that could kill it.
type verifier struct {
	dir      string
	free     int64 // bytes of disk that a server needs
	embedded bool  // it is known that the log is not Kafka's
	command  func(ctx context.Context, args ...string) *exec.Cmd

	report               verified
	log                  *logFacts   // nil: there is none
	state                *stateFacts // nil: there is none, or it could not be opened
	logWhole, stateWhole bool
}

func (v *verifier) run(ctx context.Context) (_ *verified, err error) {
	if _, err := os.ReadDir(v.dir); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	for _, name := range []string{logName, filepath.Join(stateName, "badger")} {
		lock, err := shareDirectory(filepath.Join(v.dir, name))
		if errors.Is(err, errHeld) {
			return nil, fmt.Errorf("%s is in use by a running server: stop it first, or let it check itself (metrics recsvc_scrub_…)", v.dir)
		}
		if err != nil {
			return nil, err
		}
		defer lock.Close() // no server starts beside us
	}
	v.report = verified{Data: v.dir, Findings: []finding{}, Notes: []string{}}
	v.marker()
	if err := v.parts(ctx); err != nil {
		return nil, err
	}
	v.agreement()
	v.room()
	v.report.Whole = len(v.report.Findings) == 0
	return &v.report, nil
}

func (v *verifier) found(check, what, do string) {
	v.report.Findings = append(v.report.Findings, finding{check, what, do})
}

func (v *verifier) note(format string, args ...any) {
	v.report.Notes = append(v.report.Notes, fmt.Sprintf(format, args...))
}

func (v *verifier) checked(c checked) { v.report.Checks = append(v.report.Checks, c) }

func (v *verifier) marker() {
	n := len(v.report.Findings)
	path := filepath.Join(v.dir, marker)
	text, err := os.ReadFile(path)
	detail := strings.TrimSpace(string(text))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		detail = "missing"
		do := fmt.Sprintf("if the rest is whole, write it: printf %q > %s", markerText, path)
		if _, err := os.Stat(filepath.Join(v.dir, restoringDir)); err == nil {
			do = "a restore was broken off here: run recsvc restore again"
		}
		v.found("marker", path+" is missing: a server refuses the directory", do)
	case err != nil:
		v.found("marker", err.Error(), "look at the disk, and at who may read the file")
	case string(text) != markerText:
		v.found("marker", fmt.Sprintf("%s says %.60q, this recsvc writes %q", path, text, markerText),
			fmt.Sprintf("use the version of recsvc that wrote it; if the file is damaged and the rest whole, write it: printf %q > %s", markerText, path))
	}
	if reason, err := os.ReadFile(filepath.Join(v.dir, "DAMAGED")); err == nil {
		v.note("a server's scrub has found damage, and the next start looks at the whole state first: %s", bytes.TrimSpace(reason))
	}
	v.checked(checked{Name: "marker", Whole: len(v.report.Findings) == n, Detail: detail})
}

// parts runs the processes that read log, state and snapshots, and judges what they have found.
func (v *verifier) parts(ctx context.Context) error {
	names := []string{logPart, statePart, snapshotsPart}
	found, took := map[string]part{}, map[string]time.Duration{}
	for _, name := range names {
		began := time.Now()
		p, err := v.part(ctx, name)
		if err != nil {
			return err
		}
		found[name], took[name] = p, time.Since(began)
	}
	v.log, v.logWhole, v.state = found[logPart].Log, len(found[logPart].Damage) == 0, found[statePart].State
	v.stateWhole = len(found[statePart].Damage) == 0
	for _, name := range names {
		p := found[name]
		for _, d := range p.Damage {
			do, err := v.remedy(ctx, name, d)
			if err != nil {
				return err
			}
			v.found(name, d.What, do)
		}
		v.report.Notes = append(v.report.Notes, p.Notes...)
		v.checked(checked{Name: name, Whole: len(p.Damage) == 0, Detail: p.Detail, Bytes: p.Bytes, Seconds: took[name].Seconds()})
	}
	return nil
}

// part runs one process. One that dies has found something.
func (v *verifier) part(ctx context.Context, name string) (p part, err error) {
	scratch, err := os.MkdirTemp("", "recsvc-verify-") // not the process's own: one that dies leaves it behind
	if err != nil {
		return part{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	cmd := v.command(ctx, "verify", partFlag, name, v.dir)
	cmd.Env = append(cmd.Environ(), "TMPDIR="+scratch)
	var out bytes.Buffer
	errs := &beginning{max: 256 << 10}
	cmd.Stdout, cmd.Stderr = &out, errs
	err = cmd.Run()
	if ctx.Err() != nil {
		return part{}, ctx.Err()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return part{}, fmt.Errorf("verify %s: %w", name, err) // it could not be started
	}
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &p)
	}
	if err == nil {
		return p, nil
	}
	if reason, ok := strings.CutPrefix(strings.TrimSpace(errs.String()), "recsvc: "); ok && exit != nil && exit.ExitCode() == 1 {
		return part{}, fmt.Errorf("verify %s: %s", name, reason) // it could not do its work, and says why
	}
	return part{
		Detail: "could not be read",
		Damage: []damage{{What: fmt.Sprintf("the process that read it died (%v): %s", err, lastWords(errs.String())), Sequence: -1}},
	}, nil
}

// lastWords picks the lines from a dying Go program that say why.
func lastWords(text string) string {
	var why []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		for _, begin := range []string{"panic:", "fatal error:", "unexpected fault address", "[signal ", "SIG"} {
			if strings.HasPrefix(line, begin) && len(why) < 4 {
				why = append(why, line)
			}
		}
	}
	if len(why) == 0 {
		return fmt.Sprintf("it said %.200q", text)
	}
	return strings.Join(why, "; ")
}

// beginning keeps the first bytes that are written to it: a dying program says first why.
type beginning struct {
	bytes.Buffer
	max int
}

// Write implements io.Writer.
func (b *beginning) Write(p []byte) (int, error) {
	if room := b.max - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}
