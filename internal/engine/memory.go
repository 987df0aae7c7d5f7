package engine

import (
	runtimemetrics "runtime/metrics"
	"time"
)

// governEvery is the time between two looks at the memory.
const governEvery = time.Second

// liveShare is the share of the budget that what is in use may take. The rest is garbage that waits for its collection, and
// what a checkpoint and the store's own tables need.
const liveShare = 0.7

// MemoryStatus is what the process takes, as far as the engine governs it.
type MemoryStatus struct {
	Budget int64 // 0: none
	Live   int64 // in use when the garbage was collected last
	Users  int64 // estimates of what is in use, by room
	Joins  int64
	Dedup  int64
	Held   bool // the writer waits for a checkpoint, since nothing else may leave memory
}

// govern shares out what the budget leaves for users and pending impressions: each may have half of it, and what the other
// leaves. What else there is cannot leave memory: the catalogue, the model, the ids of events. It changes what is in memory,
// and nothing else.
func (e *Engine) govern() {
	m := MemoryStatus{
		Budget: e.opts.MemoryBudget, Users: e.Features.UserBytes(), Joins: e.joiner.Bytes(), Dedup: e.Dedup.Bytes(),
		Live: liveBytes(), Held: e.held,
	}
	if m.Budget > 0 {
		fixed := max(m.Live-m.Users-m.Joins, m.Dedup)
		room := max(int64(liveShare*float64(m.Budget))-fixed, m.Budget/8)
		if d := room - e.room; d > m.Budget/64 || -d > m.Budget/64 {
			e.room = room
		}
		e.Features.SetUserBytes(max(e.room/2, e.room-m.Joins))
		e.joiner.SetBytes(max(e.room/2, e.room-m.Users))
	}
	e.observeMemory(m)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status.Memory = m
}

func (e *Engine) observeMemory(m MemoryStatus) {
	for room, n := range map[string]int64{"users": m.Users, "joins": m.Joins, "dedup": m.Dedup} {
		e.metrics.memory.WithLabelValues(room).Set(float64(n))
	}
	e.metrics.memoryLive.Set(float64(m.Live))
	users, joins := e.Features.UserStats(), e.joiner.Memory()
	for room, n := range map[string][4]int64{
		"users": {users.Known, int64(users.InMemory), int64(users.Revived), int64(users.Evicted)},
		"joins": {int64(joins.Pending), int64(joins.InMemory), joins.Reads, joins.Evicted},
	} {
		e.metrics.entities.WithLabelValues(room, "all").Set(float64(n[0]))
		e.metrics.entities.WithLabelValues(room, "in_memory").Set(float64(n[1]))
		e.metrics.coldReads.WithLabelValues(room).Add(float64(n[2] - e.coldSeen[room][2]))
		e.metrics.evicted.WithLabelValues(room).Add(float64(n[3] - e.coldSeen[room][3]))
		e.coldSeen[room] = n
	}
	e.metrics.forgotten.WithLabelValues("dedup").Set(float64(e.Dedup.Evicted()))
	e.metrics.forgotten.WithLabelValues("late").Set(float64(e.joiner.Counters().Forgotten))
}

// liveBytes is the heap that was in use at the last collection; 0: there was none yet.
func liveBytes() int64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// full reports whether nothing can be applied for want of memory: what there is waits for a checkpoint. It then sees to one.
func (e *Engine) full() bool {
	if !e.Features.Full() && !e.joiner.Full() {
		if e.held {
			e.held = false
			e.metrics.held.Set(0)
		}
		return false
	}
	if !e.held {
		e.held = true
		e.metrics.held.Set(1)
		e.begin(nil)
	}
	return true
}
