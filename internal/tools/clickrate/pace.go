package clickrate

import (
	"time"

	"recsvc/internal/tools/stream"
)

// tick is how often a paced source hands events over.
const tick = time.Millisecond

// handful is what a source hands over at once: events from, up to but not including to, of its part.
type handful struct {
	from, to int
	at       time.Time
}

// Pace gives the worker so many events a second for a while, from another goroutine, as a topic would. Each event's time from
// when it was handed over to its value goes to took.
func (w *Worker) Pace(p *Part, perSecond int, long time.Duration, took func(e *stream.Event, d time.Duration)) error {
	events := min(len(p.Events), int(long.Seconds()*float64(perSecond)))
	queue := make(chan handful, time.Second/tick)
	go source(queue, events, perSecond)
	for {
		h, ok := w.next(queue)
		if !ok {
			return nil
		}
		for i := h.from; i < h.to; i++ {
			e := &p.Events[i]
			if err := w.Apply(uint64(p.Numbers[i]), e); err != nil {
				return err
			}
			took(e, time.Since(h.at))
		}
	}
}

// next waits for events, and uses the time for the checkpoint in progress.
func (w *Worker) next(queue <-chan handful) (h handful, ok bool) {
	for w.cuts != nil && w.cuts.idle() {
		select {
		case h, ok = <-queue:
			return h, ok
		default:
		}
	}
	h, ok = <-queue
	return h, ok
}

func source(queue chan<- handful, events, perSecond int) {
	defer close(queue)
	start, sent := time.Now(), 0
	for sent < events {
		now := time.Now()
		due := min(events, int(now.Sub(start).Seconds()*float64(perSecond)))
		if due > sent {
			queue <- handful{sent, due, now}
			sent = due
		}
		time.Sleep(tick - time.Since(start)%tick)
	}
}
