package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// probeBytes is what is written between two syncs: about one event.
const probeBytes = 256

// probeDisk appends and syncs one small write after the other in dir, as the log does for a lone client, for as long as
// asked. It returns how long each pair took, sorted: no durable answer of this machine can be faster.
func probeDisk(dir string, long time.Duration) (_ latencies, err error) {
	f, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		return nil, fmt.Errorf("probe the disk: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, probeBytes)
	var took latencies
	for start := time.Now(); time.Since(start) < long; {
		begin := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, fmt.Errorf("probe the disk: %w", err)
		}
		if err := datasync(f); err != nil {
			return nil, fmt.Errorf("probe the disk: %w", err)
		}
		took = append(took, time.Since(begin))
	}
	return sorted(took), nil
}
