package ingest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/zeebo/xxh3"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

const (
	dedupPrefix = 'd'
	dedupV1     = 1    // version u8 | fingerprints, 8 bytes each, little-endian; key: prefix | hour i64 | number u32, big-endian
	pageIDs     = 1024 // fingerprints in a page: 8 KiB, written as one entity
	drainStep   = 8    // fingerprints of dropped pages that are forgotten with each id that is looked up
)

// DedupOptions bounds what is remembered. A zero field takes the default named beside it.
type DedupOptions struct {
	Horizon time.Duration // how long an id is remembered, in event time; 24h
	MaxIDs  int           // most ids remembered: above it the oldest hour is forgotten early; 20 million (0.6 GB)
}

// Dedup remembers which (user, id) pairs were applied. It keeps 64-bit fingerprints in buckets by the hour of the
// event's own time, and drops whole hours; a repetition is recognised whatever its own time.
//
// With n pairs in memory, a new one is taken for a repetition with probability n/2^64: at 20 million pairs a day that
// is one event in 126 years. A pair costs some 30 bytes. Dedup belongs to the writer's goroutine.
type Dedup struct {
	opts DedupOptions
	set  *dirty.Set

	ids     map[uint64]uint32 // fingerprint to the page that it stands in
	pages   []dedupPage       // by page id
	free    []uint32          // page ids
	buckets []dedupBucket     // by hour, ascending
	live    int               // ids in live pages
	evicted int64

	dropped []uint32 // pages of dropped hours whose fingerprints still stand in ids
	scratch []byte
}

type dedupPage struct {
	hour   int64
	number uint32 // within its hour
	live   bool   // false: free, or dropped and to be drained
	ids    []uint64
}

type dedupBucket struct {
	hour  int64 // of Unix time
	next  uint32
	open  uint32 // the page that takes the next id; valid when pages holds any
	pages []uint32
}

// NewDedup checks the options.
func NewDedup(opts DedupOptions) (*Dedup, error) {
	setDefault(&opts.Horizon, 24*time.Hour)
	setDefault(&opts.MaxIDs, 20_000_000)
	if opts.Horizon < 0 || opts.MaxIDs < 0 {
		return nil, fmt.Errorf("dedup: Horizon %v and MaxIDs %d must be positive", opts.Horizon, opts.MaxIDs)
	}
	d := &Dedup{opts: opts, ids: make(map[uint64]uint32)}
	d.set = dirty.NewSet(dedupTable{d})
	return d, nil
}

// Seen reports whether the event's (user, id) was seen before, and remembers it. An event without an id never was.
func (d *Dedup) Seen(e *event.Event) bool {
	if e.ID == "" {
		return false
	}
	d.drain(drainStep)
	fingerprint := d.fingerprint(e.User, e.ID)
	if page, ok := d.ids[fingerprint]; ok && d.pages[page].live {
		return true
	}
	d.add(int64(e.Time)/int64(time.Hour), fingerprint)
	if d.live > d.opts.MaxIDs {
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
func (d *Dedup) Len() int { return d.live }

// Evicted returns how many ids were forgotten before their time since the server started, because there were more than
// MaxIDs. A repetition of one of them counts twice.
func (d *Dedup) Evicted() int64 { return d.evicted }

// Set returns the table for checkpoints.
func (d *Dedup) Set() *dirty.Set { return d.set }

// fingerprint hashes the pair. Ids hold no control characters, so that 0 separates them.
func (d *Dedup) fingerprint(user, id string) uint64 {
	d.scratch = append(append(append(d.scratch[:0], user...), 0), id...)
	return xxh3.Hash(d.scratch)
}

func (d *Dedup) add(hour int64, fingerprint uint64) {
	b := d.bucket(hour)
	if len(b.pages) == 0 || len(d.pages[b.open].ids) == pageIDs {
		b.open = d.newPage(hour, b.next)
		b.next++
		b.pages = append(b.pages, b.open)
	}
	d.set.Touch(b.open)
	page := &d.pages[b.open]
	page.ids = append(page.ids, fingerprint)
	d.ids[fingerprint] = b.open
	d.live++
}

// bucket returns the bucket of an hour, made if need be. It is valid until the next one is made.
func (d *Dedup) bucket(hour int64) *dedupBucket {
	if n := len(d.buckets); n > 0 && d.buckets[n-1].hour == hour {
		return &d.buckets[n-1]
	}
	i, ok := slices.BinarySearchFunc(d.buckets, hour, func(b dedupBucket, hour int64) int {
		if b.hour < hour {
			return -1
		}
		return int(min(b.hour-hour, 1))
	})
	if !ok {
		d.buckets = slices.Insert(d.buckets, i, dedupBucket{hour: hour})
	}
	return &d.buckets[i]
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
	p := &d.pages[id]
	*p = dedupPage{hour: hour, number: number, live: true, ids: p.ids[:0]}
	return id
}

// drop forgets the i-th bucket and returns how many ids it held. Its pages leave the state at once; their fingerprints
// are taken out of the map a few at a time, and count as unknown until then.
func (d *Dedup) drop(i int) (n int) {
	for _, id := range d.buckets[i].pages {
		d.set.Remove(id)
		d.pages[id].live = false
		n += len(d.pages[id].ids)
		d.dropped = append(d.dropped, id)
	}
	d.buckets = slices.Delete(d.buckets, i, i+1)
	d.live -= n
	return n
}

// drain takes up to n fingerprints of dropped pages out of the map, and frees the pages that are done.
func (d *Dedup) drain(n int) {
	for ; n > 0 && len(d.dropped) > 0; n-- {
		last := len(d.dropped) - 1
		id := d.dropped[last]
		p := &d.pages[id]
		if len(p.ids) == 0 {
			d.dropped = d.dropped[:last]
			d.free = append(d.free, id)
			continue
		}
		fingerprint := p.ids[len(p.ids)-1]
		p.ids = p.ids[:len(p.ids)-1]
		if d.ids[fingerprint] == id { // else it was seen again since, and stands in a live page
			delete(d.ids, fingerprint)
		}
	}
}

// Load takes one entry of a checkpoint.
func (d *Dedup) Load(key, value []byte, sum dirty.Sum) error {
	if err := checkEntry("dedup", key, value, dedupPrefix, 13, dedupV1, 9); err != nil {
		return err
	}
	body := value[1:]
	if len(body)%8 != 0 || len(body)/8 > pageIDs {
		return fmt.Errorf("dedup: page %x has %d bytes: %w", key, len(value), ErrStateCorrupt)
	}
	hour, number := int64(binary.BigEndian.Uint64(key[1:])), binary.BigEndian.Uint32(key[9:])
	b := d.bucket(hour)
	id := d.newPage(hour, number)
	d.set.Loaded(id, sum)
	for ; len(body) > 0; body = body[8:] {
		fingerprint := binary.LittleEndian.Uint64(body)
		d.pages[id].ids = append(d.pages[id].ids, fingerprint)
		d.ids[fingerprint] = id
		d.live++
	}
	b.pages = append(b.pages, id)
	if number >= b.next { // the last page is the one that may have room
		b.next, b.open = number+1, id
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
