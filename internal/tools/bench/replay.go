package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// replayReport is what we read of `recsvc replay -json`.
type replayReport struct {
	Events          int64   `json:"events"`
	EventsPerSecond float64 `json:"events_per_second"`
	Digest          string  `json:"digest"`
	Heads           map[string]struct {
		AUC     float64 `json:"auc"`
		LogLoss float64 `json:"logloss"`
	} `json:"heads"`

	memory resident // at most, each
	usage  usage
	cpu    float64 // seconds
}

// replay runs the command, with settings from its environment, and watches its memory.
func (b *bench) replay(ctx context.Context, args []string, env ...string) (*replayReport, error) {
	var out, log bytes.Buffer
	cmd := exec.CommandContext(ctx, b.binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &log
	cmd.Env = append(append(os.Environ(), "TMPDIR="+b.work), env...)
	before := readCPU(0)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var r replayReport
	var err error
	for ended := false; !ended; {
		r.memory = r.memory.most(readResident(cmd.Process.Pid))
		select {
		case err = <-done:
			ended = true
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err != nil {
		return nil, fmt.Errorf("recsvc %v: %w\n%s", args, err, log.Bytes())
	}
	after := readCPU(0)
	r.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	after.server = r.cpu
	r.usage = before.until(after)
	return &r, json.Unmarshal(out.Bytes(), &r)
}

// replays takes the figures of `recsvc replay`.
func (b *bench) replays(ctx context.Context) error {
	var digest string
	for i := range b.opts.repeats {
		b.say("replay of kuairand, repeat %d of %d", i+1, b.opts.repeats)
		r, err := b.replay(ctx, b.kuairand.replayArgs())
		if err != nil {
			return err
		}
		if digest == "" {
			digest = r.Digest
		}
		if r.Digest != digest {
			b.note("Two replays of the same files ended in the digests %s and %s: that is a bug.", digest, r.Digest)
		}
		f := b.figures.add("replay of kuairand", "events/s", atLeast(150_000), r.EventsPerSecond)
		f.cpu = append(f.cpu, r.usage)
		b.figures.add("replay of kuairand, CPU per event", "µs", noGoal, r.cpu*1e6/float64(r.Events))
		b.figures.add("replay of kuairand, peak memory", "MB", atMost(400), r.memory.peak/1e6)
		b.figures.add("kuairand, click AUC", "", atLeast(0.737), r.Heads["click"].AUC)
		b.figures.add("kuairand, click log-loss", "", atMost(0.5925), r.Heads["click"].LogLoss)
	}
	b.say("replay of trivago")
	r, err := b.replay(ctx, b.trivago.replayArgs())
	if err != nil {
		return err
	}
	f := b.figures.add("replay of trivago", "events/s", noGoal, r.EventsPerSecond)
	f.cpu = append(f.cpu, r.usage)
	b.figures.add("replay of trivago, peak memory", "MB", noGoal, r.memory.peak/1e6)
	b.figures.add("trivago, click AUC, without position features", "", atLeast(0.70), r.Heads["click"].AUC)
	return nil
}
