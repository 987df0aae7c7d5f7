package feedback

import (
	"cmp"
	"slices"
	"time"
	"unsafe"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
	"recsvc/internal/prints"
)

// tombstones remember closed impressions by their hashes, so that what comes later is known to be late. They lie
// in pages of one hour of watermark each, in the order of closing; a page is an entry of the checkpoint, and only
// the newest one ever changes. Whether a hash is still remembered follows from its hour, the watermark and the floor,
// whenever its page is evicted.
//
// In memory the hashes are a set of prints by generation: some pages of an hour that follow on one another. The hashes of a
// page itself are kept until it is full and stored.
type tombstones struct {
	known       *prints.Set // by generation
	generations []uint32    // those known, oldest first
	perGen      uint32      // pages
	most        int         // prints
	floor       pageName    // pages before it are forgotten before their time
	forgotten   *int64      // counts prints that were

	pages    slab[page]
	queue    []uint32 // pages, oldest first
	head     int      // of queue
	full     int      // pages of the queue from head on whose hashes are not in memory
	pageSize int
	memory   event.Time
	set      *dirty.Set
	spare    [][]uint64
}

type pageName struct {
	hour   uint32
	number uint32 // within the hour
}

type page struct {
	pageName
	prints []uint64 // nil: stored
}

const (
	pageSize = 4096
	hour     = event.Time(time.Hour)

	// A generation is a 64th of the prints that may be remembered, so that with 7 days of hours, each of which may end in the
	// middle of one, there are fewer than prints.MaxHours. Where there are more nevertheless, the oldest is forgotten.
	generationsOfAll = 64
	maxGenerations   = prints.MaxHours - 1
	generationBits   = 8 // of its number within the hour
)

func newTombstones(memory time.Duration, most int) tombstones {
	t := tombstones{known: prints.New(), memory: event.Time(memory), most: most}
	t.setPage(pageSize)
	return t
}

func (t *tombstones) setPage(size int) {
	t.pageSize = size
	t.perGen = uint32(max(1, t.most/generationsOfAll/size))
}

func hourOf(t event.Time) uint32 {
	if t < 0 {
		return 0
	}
	return uint32(t / hour)
}

func (n pageName) compare(m pageName) int {
	return cmp.Or(cmp.Compare(n.hour, m.hour), cmp.Compare(n.number, m.number))
}

// generation returns the one that a page belongs to.
func (t *tombstones) generation(n pageName) uint32 {
	return n.hour<<generationBits | min(n.number/t.perGen, 1<<generationBits-1)
}

// after returns the first page behind a generation.
func (t *tombstones) after(generation uint32) pageName {
	h, n := generation>>generationBits, generation&(1<<generationBits-1)
	if n == 1<<generationBits-1 {
		return pageName{hour: h + 1}
	}
	return pageName{h, (n + 1) * t.perGen}
}

func (t *tombstones) expired(h uint32, now event.Time) bool {
	return now >= event.Time(h+1)*hour+t.memory
}

// has reports whether print is remembered at watermark now.
func (t *tombstones) has(print uint64, now event.Time) bool {
	generation, ok := t.known.Hour(print)
	return ok && !t.expired(generation>>generationBits, now)
}

// bury remembers print. now never decreases from call to call.
func (t *tombstones) bury(print uint64, now event.Time) {
	id := t.openPage(hourOf(now))
	t.set.Touch(id)
	p := t.pages.at(id)
	p.prints = append(p.prints, print) // a page may hold a print twice: dearer to look for than to keep
	generation := t.generation(p.pageName)
	if n := len(t.generations); n == 0 || t.generations[n-1] != generation {
		if n >= maxGenerations {
			t.forget()
		}
		t.generations = append(t.generations, generation)
	}
	t.known.Add(print, generation)
	for t.known.Len() > t.most {
		t.forget()
	}
}

// forget forgets the oldest generation before its time.
func (t *tombstones) forget() {
	*t.forgotten += int64(t.known.Drop(t.generations[0]))
	t.floor = t.after(t.generations[0])
	t.generations = t.generations[1:]
}

// openPage returns the page that takes the next print of hour h.
func (t *tombstones) openPage(h uint32) uint32 {
	name := pageName{hour: h}
	if n := len(t.queue); n > t.head {
		last := t.queue[n-1]
		p := t.pages.at(last)
		open := p.hour == h && p.compare(t.floor) >= 0 && len(p.prints) < t.pageSize
		if open {
			return last
		}
		if p.hour == h {
			name.number = p.number + 1
		}
	}
	if t.floor.hour == h {
		name.number = max(name.number, t.floor.number)
	}
	id := t.pages.alloc()
	p := t.pages.at(id)
	p.pageName = name
	if n := len(t.spare); n > 0 {
		p.prints, t.spare = t.spare[n-1], t.spare[:n-1]
	} else {
		p.prints = make([]uint64, 0, 16)
	}
	t.queue = append(t.queue, id)
	return id
}

// evict frees the oldest page if it is forgotten: at most one a call, so that the end of an hour stalls nobody. It also
// lets go of the hashes of a page that is full and stored.
func (t *tombstones) evict(now event.Time) {
	if t.head == len(t.queue) {
		return
	}
	id := t.queue[t.head]
	p := t.pages.at(id)
	if !t.expired(p.hour, now) && p.compare(t.floor) >= 0 {
		t.shed()
		return
	}
	t.set.Remove(id)
	t.recycle(p)
	t.pages.release(id)
	t.full = max(0, t.full-1)
	if t.head++; t.head > 1024 && 2*t.head > len(t.queue) {
		t.queue = append(t.queue[:0], t.queue[t.head:]...)
		t.head = 0
	}
}

// expire forgets the hours that have come to their end.
func (t *tombstones) expire(now event.Time) {
	for len(t.generations) > 0 && t.expired(t.generations[0]>>generationBits, now) {
		t.known.Drop(t.generations[0])
		t.generations = t.generations[1:]
	}
}

// shed lets go of the hashes of the oldest page that has them, unless it is the last one. Only its name is needed from then on.
func (t *tombstones) shed() {
	if i := t.head + t.full; i < len(t.queue)-1 && t.set.Clean(t.queue[i]) {
		t.recycle(t.pages.at(t.queue[i]))
		t.full++
	}
}

func (t *tombstones) recycle(p *page) {
	if p.prints != nil && len(t.spare) < maxSpare {
		t.spare = append(t.spare, p.prints[:0])
	}
	p.prints = nil
}

// load takes a page of a checkpoint. Pages may come in any order.
func (t *tombstones) load(name pageName, hashes []uint64) (id uint32) {
	id = t.pages.alloc()
	*t.pages.at(id) = page{name, hashes}
	generation := t.generation(name)
	for _, print := range hashes {
		if g, ok := t.known.Hour(print); !ok || g < generation {
			t.known.Add(print, generation)
		}
	}
	// Of all pages only the last one may be written again: the first of the queue is the last one so far.
	if t.queue = append(t.queue, id); len(t.queue) > 1 {
		n := len(t.queue) - 1
		if last := t.pages.at(t.queue[0]); last.compare(name) < 0 {
			t.queue[0], t.queue[n] = t.queue[n], t.queue[0]
		}
		t.pages.at(t.queue[n]).prints = nil
	}
	return id
}

// endLoad puts what was loaded in order, and forgets what was forgotten at watermark now.
func (t *tombstones) endLoad(now event.Time) {
	slices.SortFunc(t.queue, func(a, b uint32) int { return t.pages.at(a).compare(t.pages.at(b).pageName) })
	for _, id := range t.queue {
		name := t.pages.at(id).pageName
		generation := t.generation(name)
		if n := len(t.generations); n > 0 && t.generations[n-1] == generation {
			continue
		}
		if name.compare(t.floor) < 0 {
			t.known.Drop(generation)
			continue
		}
		t.generations = append(t.generations, generation)
	}
	t.expire(now)
	t.full = max(0, len(t.queue)-1)
}

func (t *tombstones) bytes() int64 {
	inMemory := int64(len(t.queue) - t.head - t.full + len(t.spare))
	return t.known.Bytes() + t.pages.bytes() + int64(t.pages.live())*markBytes + 4*int64(cap(t.queue)) +
		inMemory*int64(t.pageSize)*int64(unsafe.Sizeof(uint64(0)))
}
