package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// Errors of loading a table from a checkpoint.
var (
	ErrStateVersion = errors.New("state of an unknown version")
	ErrStateCorrupt = errors.New("corrupt state")
)

const (
	clockPrefix = 'c'
	clockV1     = 1 // version u8 | newest i64 | watermark i64, little-endian; key: prefix | partition i32 big-endian

	allPartitions = -1 // the pseudo partition that holds the watermark of them all, always parts[0]
)

// Verdict says how an event's time stands to the watermark of its partition.
type Verdict uint8

// The verdicts.
const (
	OnTime  Verdict = iota // at or after the watermark
	Late                   // before it, within the horizon: goes to its own tile and join
	TooLate                // beyond the horizon: counted, no effect
)

// ClockOptions bounds how late events may be. A zero field takes the default named beside it.
type ClockOptions struct {
	Lateness time.Duration // how far the watermark stays behind the newest event; 5s. Negative: none
	Horizon  time.Duration // how far behind the watermark an event may still count; 24h
}

// Clock is the time of the log: one watermark per partition, the greatest event time seen less the lateness. An event
// time ahead of the record's receipt counts as its receipt, so that no single event can drag time away. Watermarks
// never move back. It belongs to the writer's goroutine.
type Clock struct {
	opts  ClockOptions
	set   *dirty.Set
	index map[int32]uint32 // of a partition in parts
	parts []partitionTime
}

type partitionTime struct {
	partition int32
	newest    event.Time // greatest event time, capped by receipt
	watermark event.Time
}

// NewClock checks the options.
func NewClock(opts ClockOptions) (*Clock, error) {
	setDefault(&opts.Lateness, 5*time.Second)
	setDefault(&opts.Horizon, 24*time.Hour)
	opts.Lateness = max(opts.Lateness, 0)
	if opts.Horizon < 0 {
		return nil, fmt.Errorf("clock: Horizon %v must be positive", opts.Horizon)
	}
	c := &Clock{opts: opts, index: map[int32]uint32{allPartitions: 0}, parts: []partitionTime{{partition: allPartitions}}}
	c.set = dirty.NewSet(clockTable{c})
	return c, nil
}

// Verdict judges a behaviour event. It changes nothing.
func (c *Clock) Verdict(rec *event.Record) Verdict {
	id, ok := c.index[rec.Partition]
	if !ok {
		return OnTime
	}
	switch w := c.parts[id].watermark; {
	case rec.Event.Time >= w:
		return OnTime
	case rec.Event.Time >= w.Add(-c.opts.Horizon):
		return Late
	}
	return TooLate
}

// Late reports whether an event is beyond the horizon and must have no effect.
func (c *Clock) Late(rec *event.Record) bool { return c.Verdict(rec) == TooLate }

// Observe moves the watermark of the record's partition by a behaviour event.
func (c *Clock) Observe(rec *event.Record) { c.reach(rec.Partition, rec.Event.Time, rec.Received) }

// Tick moves the watermark of the record's partition by a tick, as an event of its time would.
func (c *Clock) Tick(rec *event.Record) { c.reach(rec.Partition, rec.Tick.Time, rec.Received) }

// Expect says that a partition exists. It holds Watermark back until it has had an event or a tick; without it, time
// would pass over the partitions that happen to be read last.
func (c *Clock) Expect(partition int32) {
	if _, ok := c.index[partition]; !ok {
		c.add(partitionTime{partition: partition})
	}
}

// Watermark returns the least watermark of all partitions that were expected or had an event; 0: one had none yet. It
// never moves back, so that a partition which turns up unexpectedly may be behind it.
func (c *Clock) Watermark() event.Time { return c.parts[0].watermark }

// Partition returns the watermark of one partition; 0: it had no event. It may move ahead of Watermark.
func (c *Clock) Partition(partition int32) event.Time {
	if id, ok := c.index[partition]; ok {
		return c.parts[id].watermark
	}
	return 0
}

// Newest returns the greatest event time of all partitions, capped by receipt; 0: there was no event.
func (c *Clock) Newest() event.Time { return c.parts[0].newest }

// Set returns the clock's table for checkpoints.
func (c *Clock) Set() *dirty.Set { return c.set }

func (c *Clock) reach(partition int32, t, received event.Time) {
	if received != 0 {
		t = min(t, received)
	}
	c.Expect(partition)
	id := c.index[partition]
	p := &c.parts[id]
	if t <= p.newest {
		return
	}
	c.set.Touch(id)
	p.newest = t
	p.watermark = max(p.watermark, t.Add(-c.opts.Lateness))
	c.reachAll(t)
}

// reachAll moves the watermark of all partitions after one of them has moved.
func (c *Clock) reachAll(newest event.Time) {
	low := c.parts[1].watermark
	for i := range c.parts[2:] {
		low = min(low, c.parts[i+2].watermark)
	}
	all := &c.parts[0]
	if newest > all.newest || low > all.watermark {
		c.set.Touch(0)
		all.newest, all.watermark = max(all.newest, newest), max(all.watermark, low)
	}
}

func (c *Clock) add(p partitionTime) uint32 {
	id := uint32(len(c.parts))
	c.parts = append(c.parts, p)
	c.index[p.partition] = id
	return id
}

// Load takes one entry of a checkpoint, before anything else is asked of the clock.
func (c *Clock) Load(key, value []byte, sum dirty.Sum) error {
	if err := checkEntry("clock", key, value, clockPrefix, 5, clockV1, 17); err != nil {
		return err
	}
	p := partitionTime{
		partition: int32(binary.BigEndian.Uint32(key[1:])),
		newest:    event.Time(binary.LittleEndian.Uint64(value[1:])),
		watermark: event.Time(binary.LittleEndian.Uint64(value[9:])),
	}
	id, ok := c.index[p.partition]
	if ok && (id != 0 || c.parts[0].newest != 0) {
		return fmt.Errorf("clock: partition %d twice: %w", p.partition, ErrStateCorrupt)
	}
	if ok {
		c.parts[0] = p
	} else {
		id = c.add(p)
	}
	c.set.Loaded(id, sum)
	return nil
}

// clockTable encodes the clock for its dirty set.
type clockTable struct{ c *Clock }

func (t clockTable) AppendKey(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, clockPrefix), uint32(t.c.parts[id].partition))
}

func (t clockTable) AppendValue(dst []byte, id uint32) []byte {
	p := &t.c.parts[id]
	dst = binary.LittleEndian.AppendUint64(append(dst, clockV1), uint64(p.newest))
	return binary.LittleEndian.AppendUint64(dst, uint64(p.watermark))
}

// checkEntry checks the outer form of an entry that was read from a checkpoint: the prefix and exact length of its key,
// the version and least length of its value.
func checkEntry(table string, key, value []byte, prefix byte, keyLen int, version byte, least int) error {
	switch {
	case len(key) != keyLen || key[0] != prefix:
		return fmt.Errorf("%s: key %x: %w", table, key, ErrStateCorrupt)
	case len(value) == 0:
		return fmt.Errorf("%s: entry %x is empty: %w", table, key, ErrStateCorrupt)
	case value[0] != version:
		return fmt.Errorf("%s: entry %x has version %d: %w", table, key, value[0], ErrStateVersion)
	case len(value) < least:
		return fmt.Errorf("%s: entry %x has %d bytes: %w", table, key, len(value), ErrStateCorrupt)
	}
	return nil
}
