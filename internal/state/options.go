package state

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Limits on what a checkpoint holds.
const (
	MaxKeyBytes   = 32 << 10  // length of a key, at least 1
	MaxValueBytes = 768 << 10 // length of a value
	MaxRootBytes  = 512 << 10 // length of Meta.Root
)

// Options of a store. A zero field takes the default named beside it.
type Options struct {
	QueueBytes      int64                 // what Put may have waiting for the disk before it blocks; 64 MiB
	FoldBytes       int64                 // deltas are folded when those behind the newest hold more; 512 MiB
	FoldCheckpoints int                   // … or are more than this; 60
	IndexBytes      int64                 // … or take more memory to be found by Get, 20 bytes an entry; 64 MiB
	MemTableBytes   int64                 // badger's write buffer, of which up to three are in memory; 16 MiB
	MinFreeBytes    int64                 // Open and Room refuse below it, folding waits; 256 MiB
	Log             *zap.Logger           // failed folds, badger's warnings; nil: silent
	Clock           func() time.Time      // measures durations, and dates the last scrub; time.Now
	Registerer      prometheus.Registerer // nil: counted, not exported

	// Fault is a seam for tests of crashes and broken disks; nil in production. It is called before each of Steps and after it,
	// on the goroutine that takes the step; a fold may take its steps beside a checkpoint. It may look at the directory, hang or end the process. An error from it is
	// the step's own: before, the step is not taken; after, it is taken and reported as failed.
	Fault func(step string, after bool) error
}

// withDefaults fills the zero fields and names the field that is wrong, if any.
func (o Options) withDefaults() (Options, error) {
	for _, f := range []struct {
		name  string
		value *int64
		def   int64
	}{
		{"QueueBytes", &o.QueueBytes, 64 << 20},
		{"FoldBytes", &o.FoldBytes, 512 << 20},
		{"IndexBytes", &o.IndexBytes, 64 << 20},
		{"MemTableBytes", &o.MemTableBytes, 16 << 20},
		{"MinFreeBytes", &o.MinFreeBytes, 256 << 20},
	} {
		if *f.value < 0 {
			return o, fmt.Errorf("state: option %s is negative: %d", f.name, *f.value)
		}
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	if o.FoldCheckpoints < 0 || o.FoldCheckpoints > 500 {
		return o, fmt.Errorf("state: option FoldCheckpoints is %d, not 0 to 500: each is an open file", o.FoldCheckpoints)
	}
	if o.FoldCheckpoints == 0 {
		o.FoldCheckpoints = 60
	}
	if o.MemTableBytes < 8<<20 {
		return o, fmt.Errorf("state: option MemTableBytes is %d, less than 8 MiB: a value might not fit", o.MemTableBytes)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	return o, nil
}
