package ingest

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/zeebo/xxh3"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
	"recsvc/internal/prints"
)

const (
	dedupPrefix = 'd'
	dedupV1     = 1    // version u8 | fingerprints, 8 bytes each, little-endian; key: prefix | hour i64 | number u32, big-endian
	pageIDs     = 1024 // fingerprints in a page: 8 KiB, written as one entity
	sealStep    = 2    // full pages that are looked at with each new id: whether a checkpoint has them
	spareBlocks = 64   // fingerprint blocks that are kept to be used again
)

// DedupOptions bounds what is remembered. A zero field takes the default named beside it.
type DedupOptions struct {
	Horizon time.Duration // how long an id is remembered, in event time; 24h. Of more than prints.MaxHours the oldest are forgotten early
	MaxIDs  int           // most ids remembered: above it the oldest hour is forgotten early; 20 million (0.24 GB)
}

// Dedup remembers which (user, id) pairs were applied. It keeps 64-bit fingerprints by the hour of the
// event's own time, and drops whole hours; a repetition is recognised whatever its own time.
//
// With n pairs in memory, a new one is taken for a repetition with probability n/2^64: at 20 million pairs a day that
// is one event in 126 years. A pair costs some 12 bytes. Dedup belongs to the writer's goroutine.
type Dedup struct {
	opts DedupOptions
	set  *dirty.Set

	ids     *prints.Set
	pages   []dedupPage   // by page id
	free    []uint32      // page ids
	buckets []dedupBucket // by hour, ascending
	evicted int64

	full    []uint32   // pages that take no more ids and still hold them: a checkpoint needs them
	next    int        // of full, to be looked at
	spare   [][]uint64 // empty
	held    int64      // bytes of the pages' ids and of spare
	scratch []byte
}

// dedupPage is an entry of the checkpoint. Its ids stay in memory until it is full and a committed checkpoint has it: from then on
// only its key is needed, to delete it.
type dedupPage struct {
	hour   int64
	number uint32 // within its hour
	count  int32  // ids
	place  int32  // in Dedup.full; -1: not there
	ids    []uint64
}

type dedupBucket struct {
	hour  int64 // of Unix time
	next  uint32
	open  uint32 // the page that takes the next id; valid when pages holds any
	count int    // ids
	pages []uint32
}

// NewDedup checks the options.
func NewDedup(opts DedupOptions) (*Dedup, error) {
	setDefault(&opts.Horizon, 24*time.Hour)
	setDefault(&opts.MaxIDs, 20_000_000)
	if opts.Horizon < 0 || opts.MaxIDs < 0 {
		return nil, fmt.Errorf("dedup: Horizon %v and MaxIDs %d must be positive", opts.Horizon, opts.MaxIDs)
	}
	d := &Dedup{opts: opts, ids: prints.New()}
	d.set = dirty.NewSet(dedupTable{d})
	return d, nil
}

// Seen reports whether the event's (user, id) was seen before, and remembers it. An event without an id never was.
func (d *Dedup) Seen(e *event.Event) bool {
	if e.ID == "" {
		return false
	}
	fingerprint := d.fingerprint(e.User, e.ID)
	if _, ok := d.ids.Hour(fingerprint); ok {
		return true
	}
	d.seal(sealStep)
	d.add(max(0, int64(e.Time)/int64(time.Hour)), fingerprint)
	if d.ids.Len() > d.opts.MaxIDs {
		d.evicted += int64(d.drop(0))
	}
	return false
}

// Advance forgets the hours that lie wholly before the watermark less the horizon: what could still come of them is
// too late to have an effect.
func (d *Dedup) Advance(watermark event.Time) {
	limit := int64(watermark.Add(-d.opts.Horizon)) / int64(time.Hour)
	for len(d.buckets) > 0 && d.buckets[0].hour < limit {
		d.drop(0)
	}
}

// Len returns the number of ids remembered.
func (d *Dedup) Len() int { return d.ids.Len() }

// Bytes returns the memory that the ids take. It grows for a moment with what the next checkpoint is to hold.
func (d *Dedup) Bytes() int64 { return d.ids.Bytes() + d.held }

// Evicted returns how many ids were forgotten before their time since the server started, because there were more than
// MaxIDs, or too many hours. A repetition of one of them counts twice.
func (d *Dedup) Evicted() int64 { return d.evicted }

// Set returns the table for checkpoints.
func (d *Dedup) Set() *dirty.Set { return d.set }

// fingerprint hashes the pair. Ids hold no control characters, so that 0 separates them.
func (d *Dedup) fingerprint(user, id string) uint64 {
	d.scratch = append(append(append(d.scratch[:0], user...), 0), id...)
	return xxh3.Hash(d.scratch)
}

func (d *Dedup) add(hour int64, fingerprint uint64) {
	if !d.remember(hour, fingerprint) {
		d.evicted++
		return
	}
	b := d.bucket(hour)
	if len(b.pages) == 0 || d.pages[b.open].count == pageIDs {
		b.open = d.newPage(hour, b.next)
		b.next++
		b.pages = append(b.pages, b.open)
	}
	b.count++
	d.set.Touch(b.open)
	d.append(b.open, fingerprint)
}

// remember adds a fingerprint to the set, and forgets the oldest hour if there are too many; it returns false if that is the
// fingerprint's own.
func (d *Dedup) remember(hour int64, fingerprint uint64) bool {
	dropped, full := d.ids.Add(fingerprint, uint32(hour))
	if !full {
		return true
	}
	if i, ok := d.search(int64(dropped)); ok {
		d.evicted += int64(d.drop(i))
	}
	return int64(dropped) != hour
}

// append puts a fingerprint on an open page.
func (d *Dedup) append(id uint32, fingerprint uint64) {
	p := &d.pages[id]
	if p.ids == nil {
		p.ids = d.block()
	}
	p.ids = append(p.ids, fingerprint)
	if p.count++; p.count == pageIDs {
		p.place = int32(len(d.full))
		d.full = append(d.full, id)
	}
}

// block returns room for the ids of a page.
func (d *Dedup) block() []uint64 {
	if n := len(d.spare); n > 0 {
		block := d.spare[n-1]
		d.spare = d.spare[:n-1]
		return block
	}
	d.held += 8 * pageIDs
	return make([]uint64, 0, pageIDs)
}

// bucket returns the bucket of an hour, made if need be. It is valid until the next one is made.
func (d *Dedup) bucket(hour int64) *dedupBucket {
	if n := len(d.buckets); n > 0 && d.buckets[n-1].hour == hour {
		return &d.buckets[n-1]
	}
	i, ok := d.search(hour)
	if !ok {
		d.buckets = slices.Insert(d.buckets, i, dedupBucket{hour: hour})
	}
	return &d.buckets[i]
}

func (d *Dedup) search(hour int64) (int, bool) {
	return slices.BinarySearchFunc(d.buckets, hour, func(b dedupBucket, hour int64) int { return cmp.Compare(b.hour, hour) })
}

// newPage returns the id of an empty page. The caller touches it before it fills it.
func (d *Dedup) newPage(hour int64, number uint32) uint32 {
	var id uint32
	if n := len(d.free); n > 0 {
		id, d.free = d.free[n-1], d.free[:n-1]
	} else {
		id = uint32(len(d.pages))
		d.pages = append(d.pages, dedupPage{})
	}
	d.pages[id] = dedupPage{hour: hour, number: number, place: -1}
	return id
}

// seal looks at up to n full pages and lets go of the ids of those that a committed checkpoint holds.
func (d *Dedup) seal(n int) {
	for n = min(n, len(d.full)); n > 0; n-- {
		if d.next >= len(d.full) {
			d.next = 0
		}
		if id := d.full[d.next]; d.set.Clean(id) {
			d.letGo(id)
		} else {
			d.next++
		}
	}
}

// letGo takes the ids out of a page.
func (d *Dedup) letGo(id uint32) {
	p := &d.pages[id]
	if p.place >= 0 {
		last := len(d.full) - 1
		moved := d.full[last]
		d.full[p.place], d.pages[moved].place = moved, p.place
		d.full = d.full[:last]
		p.place = -1
	}
	switch {
	case p.ids == nil:
	case len(d.spare) < spareBlocks:
		d.spare = append(d.spare, p.ids[:0])
	default:
		d.held -= 8 * pageIDs
	}
	p.ids = nil
}

// drop forgets the i-th bucket and returns how many ids it held.
func (d *Dedup) drop(i int) (n int) {
	b := &d.buckets[i]
	n = b.count
	d.ids.Drop(uint32(b.hour))
	for _, id := range b.pages {
		d.set.Remove(id)
		d.letGo(id)
		d.free = append(d.free, id)
	}
	d.buckets = slices.Delete(d.buckets, i, i+1)
	return n
}

// Load takes one entry of a checkpoint.
func (d *Dedup) Load(key, value []byte, sum dirty.Sum) error {
	if err := checkEntry("dedup", key, value, dedupPrefix, 13, dedupV1, 9); err != nil {
		return err
	}
	body := value[1:]
	hour, number := int64(binary.BigEndian.Uint64(key[1:])), binary.BigEndian.Uint32(key[9:])
	if len(body)%8 != 0 || len(body)/8 > pageIDs || hour < 0 || hour > math.MaxUint32 {
		return fmt.Errorf("dedup: page %x has %d bytes: %w", key, len(value), ErrStateCorrupt)
	}
	b := d.bucket(hour)
	id := d.newPage(hour, number)
	d.set.Loaded(id, sum)
	b.pages = append(b.pages, id)
	b.count += len(body) / 8
	if number >= b.next { // the last page is the one that may have room
		b.next, b.open = number+1, id
	}
	whole := len(body)/8 == pageIDs
	if whole {
		d.pages[id].count = pageIDs
	}
	for ; len(body) > 0; body = body[8:] {
		fingerprint := binary.LittleEndian.Uint64(body)
		if !d.remember(hour, fingerprint) {
			return nil // its hour is one too many
		}
		if !whole {
			d.append(id, fingerprint)
		}
	}
	return nil
}

// dedupTable encodes the pages for their dirty set.
type dedupTable struct{ d *Dedup }

func (t dedupTable) AppendKey(dst []byte, id uint32) []byte {
	p := &t.d.pages[id]
	dst = binary.BigEndian.AppendUint64(append(dst, dedupPrefix), uint64(p.hour))
	return binary.BigEndian.AppendUint32(dst, p.number)
}

func (t dedupTable) AppendValue(dst []byte, id uint32) []byte {
	dst = append(dst, dedupV1)
	for _, fingerprint := range t.d.pages[id].ids {
		dst = binary.LittleEndian.AppendUint64(dst, fingerprint)
	}
	return dst
}
