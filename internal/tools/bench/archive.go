package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// archiveReport is what we read of `recsvc archive -json`.
type archiveReport struct {
	Records int64   `json:"records"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

// archives takes the figures of writing the log of kuairand as Parquet, and of learning from that again.
func (b *bench) archives(ctx context.Context) error {
	dir, err := os.MkdirTemp(b.work, "archive-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	data := filepath.Join(dir, "data")
	b.say("archive of kuairand: its log")
	files, err := b.replay(ctx, append(b.kuairand.replayArgs(), "-data", data))
	if err != nil {
		return err
	}
	for i := range b.opts.repeats {
		b.say("archive of kuairand, repeat %d of %d", i+1, b.opts.repeats)
		if err := b.archive(ctx, data, filepath.Join(dir, fmt.Sprint(i)), files.Digest); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) archive(ctx context.Context, data, out, digest string) error {
	var text, log bytes.Buffer
	cmd := exec.CommandContext(ctx, b.binary, "archive", "-json", "-data", data, "-out", out)
	cmd.Stdout, cmd.Stderr = &text, &log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("recsvc archive: %w\n%s", err, log.Bytes())
	}
	var made archiveReport
	if err := json.Unmarshal(text.Bytes(), &made); err != nil {
		return err
	}
	b.figures.add("archive of kuairand, written", "records/s", noGoal, float64(made.Records)/made.Seconds)
	b.figures.add("archive of kuairand, CPU per record", "µs", noGoal,
		(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()).Seconds()*1e6/float64(made.Records))
	b.figures.add("archive of kuairand, size", "bytes/record", noGoal, float64(made.Bytes)/float64(made.Records))
	r, err := b.replay(ctx, []string{"replay", "-json", "-config", b.kuairand.config, "-from", out})
	if err != nil {
		return err
	}
	if r.Digest != digest {
		b.note("The files of kuairand ended in the digest %s and their archive in %s: that is a bug.", digest, r.Digest)
	}
	f := b.figures.add("replay of the archive of kuairand", "events/s", noGoal, r.EventsPerSecond)
	f.cpu = append(f.cpu, r.usage)
	return nil
}
