package feedback

import (
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// tombstones remember closed impressions by their hashes, so that what comes later is known to be late. They lie
// in pages of one hour of watermark each, in the order of closing; a page is an entry of the checkpoint, and only
// the newest one ever changes. Whether a hash is still remembered follows from its hour and the watermark alone,
// whenever its page is evicted.
type tombstones struct {
	hours  map[uint64]uint32 // by hash: the last hour in which it was buried, counted from 1970
	pages  slab[page]
	queue  []uint32 // pages, oldest first
	head   int      // of queue
	memory event.Time
	set    *dirty.Set
	spare  [][]uint64
}

type page struct {
	hour   uint32
	number uint32 // within the hour
	prints []uint64
}

const (
	pageSize = 4096
	hour     = event.Time(time.Hour)
)

func newTombstones(memory time.Duration) tombstones {
	return tombstones{hours: map[uint64]uint32{}, memory: event.Time(memory)}
}

func hourOf(t event.Time) uint32 {
	if t < 0 {
		return 0
	}
	return uint32(t / hour)
}

func (t *tombstones) expired(h uint32, now event.Time) bool {
	return now >= event.Time(h+1)*hour+t.memory
}

// has reports whether print is remembered at watermark now.
func (t *tombstones) has(print uint64, now event.Time) bool {
	h, ok := t.hours[print]
	return ok && !t.expired(h, now)
}

// bury remembers print. now never decreases from call to call.
func (t *tombstones) bury(print uint64, now event.Time) {
	h := hourOf(now)
	t.hours[print] = h // a page may hold a print twice: dearer to look for than to keep
	id := t.openPage(h)
	t.set.Touch(id)
	p := t.pages.at(id)
	p.prints = append(p.prints, print)
}

// openPage returns the page that takes the next print of hour h.
func (t *tombstones) openPage(h uint32) uint32 {
	number := uint32(0)
	if n := len(t.queue); n > t.head {
		last := t.queue[n-1]
		p := t.pages.at(last)
		if p.hour == h && len(p.prints) < pageSize {
			return last
		}
		if p.hour == h {
			number = p.number + 1
		}
	}
	id := t.pages.alloc()
	p := t.pages.at(id)
	p.hour, p.number = h, number
	if n := len(t.spare); n > 0 {
		p.prints, t.spare = t.spare[n-1], t.spare[:n-1]
	}
	t.queue = append(t.queue, id)
	return id
}

// evict frees the oldest page if it has expired, at most one a call, so that the end of an hour stalls nobody.
func (t *tombstones) evict(now event.Time) {
	if t.head == len(t.queue) {
		return
	}
	id := t.queue[t.head]
	p := t.pages.at(id)
	if !t.expired(p.hour, now) {
		return
	}
	t.set.Remove(id)
	for _, print := range p.prints {
		if t.hours[print] == p.hour {
			delete(t.hours, print)
		}
	}
	if len(t.spare) < maxSpare {
		t.spare = append(t.spare, p.prints[:0])
	}
	t.pages.release(id)
	if t.head++; t.head > 1024 && 2*t.head > len(t.queue) {
		t.queue = append(t.queue[:0], t.queue[t.head:]...)
		t.head = 0
	}
}
