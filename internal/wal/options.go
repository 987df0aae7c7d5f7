package wal

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options of a log. A zero field takes the default named beside it.
type Options struct {
	SegmentBytes int64                 // a segment is closed before a write would take it past this; 64 MiB
	BufferBytes  int64                 // encoded bytes that may wait to be written: above it Append blocks; 8 MiB
	SyncDelay    time.Duration         // how long what nobody waits for may stay unsynced; 50 ms
	RetryDelay   time.Duration         // after which a write that found the disk full is tried again; 1 s
	RetainBytes  int64                 // TrimBefore holds the log to this size; 0: no bound by size
	RetainAge    time.Duration         // TrimBefore drops what is older; 0: no bound by age
	First        int64                 // number of the first record of a log that is made new; a log that exists must hold that place, unless it is 0
	Clock        func() time.Time      // stamps segments; time.Now
	Registerer   prometheus.Registerer // nil: counted, not exported
	FS           FS                    // nil: the operating system's
}

// withDefaults fills the zero fields and names the field that is wrong, if any.
func (o Options) withDefaults() (Options, error) {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"SegmentBytes", o.SegmentBytes},
		{"BufferBytes", o.BufferBytes},
		{"SyncDelay", int64(o.SyncDelay)},
		{"RetryDelay", int64(o.RetryDelay)},
		{"RetainBytes", o.RetainBytes},
		{"First", o.First},
		{"RetainAge", int64(o.RetainAge)},
	} {
		if f.value < 0 {
			return o, fmt.Errorf("wal: option %s is negative: %d", f.name, f.value)
		}
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.BufferBytes == 0 {
		o.BufferBytes = 8 << 20
	}
	if o.SyncDelay == 0 {
		o.SyncDelay = 50 * time.Millisecond
	}
	if o.RetryDelay == 0 {
		o.RetryDelay = time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.FS == nil {
		o.FS = osFS{}
	}
	return o, nil
}
