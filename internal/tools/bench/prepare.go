package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// lastLines is how many events of the end of the data the traffic is made of, save for the batches.
const lastLines = 64_000

// benchScene is added to the shipped configuration: the default scene, filled up to 200 candidates whatever the
// channels find.
const benchScene = `
rank:
  scenes:
    bench:
      min_pool: 200
`

// prepare loads KuaiRand, its times shifted to end now, into a data directory, and makes the traffic.
func (b *bench) prepare(ctx context.Context) (loaded string, err error) {
	b.say("loading kuairand")
	if err := b.writeConfig(); err != nil {
		return "", err
	}
	events, items, err := b.kuairand.shift(b.work)
	if err != nil {
		return "", err
	}
	loaded = filepath.Join(b.work, "kuairand")
	if _, err := b.replay(ctx, append(b.kuairand.replayFrom(events, items), "-data", loaded)); err != nil {
		return "", err
	}
	return loaded, b.makeTraffic()
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

// makeTraffic turns the events into requests. The batches go through all of them, so that a pair of user and item
// comes again as seldom as the set allows; the others, which do not send as many, through the last ones.
func (b *bench) makeTraffic() error {
	var lines [][]byte
	err := eachLine(b.kuairand.file("events"), func(line []byte) error {
		lines = append(lines, bytes.Clone(line))
		return nil
	})
	if err != nil {
		return err
	}
	last := lines[max(0, len(lines)-lastLines):]
	b.singles = newTraffic('1', last, 1)
	b.beside = newTraffic('2', last, besideEvents)
	b.hundreds = newTraffic('4', lines, 100)
	b.batches = newTraffic('3', lines, batch)
	if b.pairs, err = pairsOf(last); err != nil {
		return err
	}
	b.users, err = usersOf(last)
	return err
}

// usersOf returns the users of events, in the order in which they come.
func usersOf(lines [][]byte) (users []string, err error) {
	seen := make(map[string]bool)
	for _, line := range lines {
		var e struct {
			User string `json:"user"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, err
		}
		if !seen[e.User] {
			seen[e.User] = true
			users = append(users, e.User)
		}
	}
	return users, nil
}
