package feedback

import (
	"time"

	"recsvc/internal/event"
)

// timer says that at its time something may be due for an impression. It is stale, and to be passed over, unless
// the impression still has that seq and is due at that time.
type timer struct {
	at  event.Time
	seq uint64
	id  uint32
}

func (t timer) before(u timer) bool {
	return t.at < u.at || (t.at == u.at && t.seq < u.seq)
}

// timers yields timers in the order of time, then seq, whatever the order in which they were added. Far ones lie
// unsorted in buckets of a second, at 8 bytes each; only the seconds that have begun are kept as a heap.
type timers struct {
	// dueFor says whether an impression is due at that time, and its seq.
	dueFor  func(at event.Time, id uint32) (seq uint64, ok bool)
	due     []timer // heap
	buckets map[int64][]far
	seconds []int64 // heap of the keys of buckets
	begun   int64   // timers of this second and before belong to due
	spare   [][]far
	room    int64 // of the slices in buckets and spare
}

// far is a timer in a bucket, whose second is the bucket's.
type far struct {
	nanosecond uint32
	id         uint32
}

const (
	maxSpare    = 64 // empty buckets kept for use again
	bucketBytes = 64 // of a bucket beside its timers
)

func newTimers(dueFor func(event.Time, uint32) (uint64, bool)) timers {
	return timers{dueFor: dueFor, buckets: map[int64][]far{}, begun: -1 << 62}
}

func secondOf(t event.Time) int64 {
	s := int64(t) / int64(time.Second)
	if int64(t)%int64(time.Second) < 0 {
		s--
	}
	return s
}

func (f far) at(second int64) event.Time {
	return event.Time(second*int64(time.Second) + int64(f.nanosecond))
}

func (t *timers) add(x timer) {
	second := secondOf(x.at)
	if second <= t.begun {
		t.due = push(t.due, x, timer.before)
		return
	}
	bucket, ok := t.buckets[second]
	if !ok {
		t.seconds = push(t.seconds, second, less)
		if n := len(t.spare); n > 0 {
			bucket, t.spare = t.spare[n-1], t.spare[:n-1]
		}
	}
	room := cap(bucket)
	bucket = append(bucket, far{uint32(int64(x.at) - second*int64(time.Second)), x.id})
	t.room += int64(cap(bucket) - room)
	t.buckets[second] = bucket
}

// next removes and returns the earliest timer before w, if there is one.
func (t *timers) next(w event.Time) (timer, bool) {
	now := secondOf(w)
	for len(t.seconds) > 0 && t.seconds[0] <= now {
		t.begin()
	}
	t.begun = max(t.begun, now)
	if len(t.due) == 0 || t.due[0].at >= w {
		return timer{}, false
	}
	var x timer
	x, t.due = pop(t.due, timer.before)
	return x, true
}

// begin moves the earliest bucket to due, but for what is stale.
func (t *timers) begin() {
	var second int64
	second, t.seconds = pop(t.seconds, less)
	for _, f := range t.buckets[second] {
		if seq, ok := t.dueFor(f.at(second), f.id); ok {
			t.due = push(t.due, timer{f.at(second), seq, f.id}, timer.before)
		}
	}
	t.discard(second)
}

// discard forgets the bucket of second and keeps its memory for another.
func (t *timers) discard(second int64) {
	bucket := t.buckets[second]
	if len(t.spare) < maxSpare {
		t.spare = append(t.spare, bucket[:0])
	} else {
		t.room -= int64(cap(bucket))
	}
	delete(t.buckets, second)
}

// valid reports whether x still stands for something.
func (t *timers) valid(x timer) bool {
	seq, ok := t.dueFor(x.at, x.id)
	return ok && seq == x.seq
}

// first returns the earliest timer that is valid, and drops stale ones in its way. It costs the length of a bucket.
func (t *timers) first() (timer, bool) {
	for len(t.due) > 0 {
		if t.valid(t.due[0]) {
			return t.due[0], true
		}
		_, t.due = pop(t.due, timer.before)
	}
	for len(t.seconds) > 0 {
		second := t.seconds[0]
		var first timer
		found := false
		for _, f := range t.buckets[second] {
			seq, ok := t.dueFor(f.at(second), f.id)
			if x := (timer{f.at(second), seq, f.id}); ok && (!found || x.before(first)) {
				first, found = x, true
			}
		}
		if found {
			return first, true
		}
		t.discard(second)
		_, t.seconds = pop(t.seconds, less)
	}
	return timer{}, false
}

func (t *timers) bytes() int64 {
	return 24*int64(cap(t.due)) + 8*t.room + 8*int64(cap(t.seconds)) + bucketBytes*int64(len(t.buckets))
}

func less(a, b int64) bool { return a < b }

// push and pop keep a slice as a binary heap.
func push[T any](heap []T, x T, before func(T, T) bool) []T {
	heap = append(heap, x)
	i := len(heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !before(x, heap[parent]) {
			break
		}
		heap[i] = heap[parent]
		i = parent
	}
	heap[i] = x
	return heap
}

func pop[T any](heap []T, before func(T, T) bool) (T, []T) {
	top := heap[0]
	n := len(heap) - 1
	x := heap[n]
	heap = heap[:n]
	i := 0
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && before(heap[child+1], heap[child]) {
			child++
		}
		if !before(heap[child], x) {
			break
		}
		heap[i] = heap[child]
		i = child
	}
	if n > 0 {
		heap[i] = x
	}
	return top, heap
}
