package race

import (
	"math"
	"runtime"
	"time"
)

// MemoryBound measures updates of a table of pairs (z, n) alone: examples per second of CPU, each of twenty slots of a table of 2^22 that are drawn
// evenly, with one square root and one division each. It has neither hashing, nor a gradient, nor weights for readers.
func MemoryBound(examples int) (perSecond float64) {
	const bits, fields = 22, 20
	type cell struct{ z, n float32 }
	table := make([]cell, 1<<bits)
	for i := range table {
		table[i].n = 1 // touched before the clock runs
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadCPU()
	state := uint64(1)
	for range examples {
		var slots [fields]uint32
		var s float32
		for f := range slots {
			state = state*6364136223846793005 + 1442695040888963407
			slots[f] = uint32(state >> (64 - bits))
			c := &table[slots[f]]
			s += c.z / (1 + float32(math.Sqrt(float64(c.n))))
		}
		g := s - 0.25
		for _, slot := range slots {
			c := &table[slot]
			c.z += g
			c.n += float32(g * g)
		}
	}
	return float64(examples) / max(threadCPU()-began, time.Nanosecond).Seconds()
}
