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
// unsorted in buckets of a second; only the seconds that have begun are kept as a heap.
type timers struct {
	due     []timer // heap
	buckets map[int64][]timer
	seconds []int64 // heap of the keys of buckets
	begun   int64   // timers of this second and before belong to due
	spare   [][]timer
}

const maxSpare = 64 // empty buckets kept for use again

func newTimers() timers {
	return timers{buckets: map[int64][]timer{}, begun: -1 << 62}
}

func secondOf(t event.Time) int64 {
	s := int64(t) / int64(time.Second)
	if int64(t)%int64(time.Second) < 0 {
		s--
	}
	return s
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
	t.buckets[second] = append(bucket, x)
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

// begin moves the earliest bucket to due.
func (t *timers) begin() {
	var second int64
	second, t.seconds = pop(t.seconds, less)
	for _, x := range t.buckets[second] {
		t.due = push(t.due, x, timer.before)
	}
	t.discard(second)
}

// discard forgets the bucket of second and keeps its memory for another.
func (t *timers) discard(second int64) {
	if len(t.spare) < maxSpare {
		t.spare = append(t.spare, t.buckets[second][:0])
	}
	delete(t.buckets, second)
}

// first returns the earliest timer that is valid, and drops stale ones in its way. It costs the length of a bucket.
func (t *timers) first(valid func(timer) bool) (timer, bool) {
	for len(t.due) > 0 {
		if valid(t.due[0]) {
			return t.due[0], true
		}
		_, t.due = pop(t.due, timer.before)
	}
	for len(t.seconds) > 0 {
		var first timer
		found := false
		for _, x := range t.buckets[t.seconds[0]] {
			if valid(x) && (!found || x.before(first)) {
				first, found = x, true
			}
		}
		if found {
			return first, true
		}
		t.discard(t.seconds[0])
		_, t.seconds = pop(t.seconds, less)
	}
	return timer{}, false
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
