package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"recsvc/internal/config"
)

// memoryBudget is what the process should need: as configured, or three quarters of what it may have.
func memoryBudget(c *config.Config) int64 {
	if c.Memory.Budget > 0 {
		return int64(c.Memory.Budget)
	}
	return availableMemory() / 4 * 3
}

// limitMemory lets the garbage collector work harder as the heap comes near the budget. A limit that the environment sets
// (GOMEMLIMIT) stands.
func limitMemory(budget int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(budget)
	}
}

// availableMemory is the limit of the control group, or else the machine's memory; 4 GiB where the system tells neither.
func availableMemory() int64 {
	available := int64(4 << 30)
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
				if kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64); err == nil {
					available = kib << 10
				}
			}
		}
	}
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if text, err := os.ReadFile(path); err == nil { // "max" is no number
			if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 {
				available = min(available, limit)
			}
		}
	}
	return available
}
