package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// keptLines is how many events of the end of the data the traffic is made of.
const keptLines = 64_000

// benchScene is added to the shipped configuration: the default scene, filled up to 200 candidates whatever the
// channels find.
const benchScene = `
rank:
  scenes:
    bench:
      min_pool: 200
`

// prepare loads KuaiRand, its times shifted to end now, into a data directory, and gathers what traffic is made of.
func (b *bench) prepare(ctx context.Context) error {
	b.say("loading kuairand")
	if err := b.writeConfig(); err != nil {
		return err
	}
	events, items, err := b.kuairand.shift(b.work)
	if err != nil {
		return err
	}
	b.loaded = filepath.Join(b.work, "loaded")
	if _, err := b.replay(ctx, append(b.kuairand.replayFrom(events, items), "-data", b.loaded)); err != nil {
		return err
	}
	return b.keepLines()
}

func (b *bench) writeConfig() error {
	shipped, err := os.ReadFile(b.kuairand.config)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(shipped, []byte("rank:")) || bytes.Contains(shipped, []byte("\nrank:")) {
		return fmt.Errorf("%s has a section rank of its own: benchScene has to go into it", b.kuairand.config)
	}
	b.config = filepath.Join(b.work, "bench.yaml")
	return os.WriteFile(b.config, append(shipped, benchScene...), 0o644)
}

// keepLines keeps the last events, oldest first, and their users.
func (b *bench) keepLines() error {
	ring := make([][]byte, keptLines)
	n := 0
	err := eachLine(b.kuairand.file("events"), func(line []byte) error {
		ring[n%keptLines] = append(ring[n%keptLines][:0], line...)
		n++
		return nil
	})
	if err != nil {
		return err
	}
	if n < keptLines {
		return fmt.Errorf("%s holds %d events only", b.kuairand.file("events"), n)
	}
	b.lines = slices.Concat(ring[n%keptLines:], ring[:n%keptLines])
	seen := make(map[string]bool)
	for _, line := range b.lines {
		var e struct {
			User string `json:"user"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		if !seen[e.User] {
			seen[e.User] = true
			b.users = append(b.users, e.User)
		}
	}
	return nil
}
