package feedback

import "recsvc/internal/event"

// Watcher follows impressions from their capture to their end, on the writer's goroutine and in the order in which the Joiner
// does things. An id names an impression for good: it is not used again, and the same calls of a Joiner give the same ids. A
// Watcher must not call the Joiner, and keeps no event.
type Watcher interface {
	// Parked tells of a new impression: of the at-th item that Served was given, or (0) of the event that Observe was.
	Parked(id uint64, at int)
	// Requested tells that an impression which was known without a request belongs to that of e, its exposure.
	Requested(id uint64, e *event.Event)
	// Shown tells that an impression was shown. e is the exposure that says so; nil where an outcome implies it, or where to
	// serve is to show.
	Shown(id uint64, e *event.Event, s Shown)
	// Labelled tells that e is an outcome of a head. It takes effect when it is settled, which may be at once, later when its
	// exposure comes, or, where it then proves too late, never: the last one before is the one that is settled.
	Labelled(id uint64, head int, e *event.Event)
	// Settled tells what the Sink is told.
	Settled(id uint64, s Settled)
	// Ended tells that nothing more will come of an impression.
	Ended(id uint64, end End)
}

// Shown is how an impression was shown.
type Shown struct {
	Time     event.Time
	Position int32   // 1-based; 0: none
	Weight   float32 // min(1/propensity, M), or 1
	Theta    float32 // probability that the position was examined, in (0, 1]
	Implied  bool    // known from an outcome alone
}

// End says why an impression has ended.
type End uint8

// The ends of an impression.
const (
	EndClosed       End = iota // every window has passed
	EndUnexposed               // served, and never shown
	EndCapturedLate            // an outcome came before its served list: shown, and not learned
	EndErased                  // with its user
)

// unwatched is a Watcher that takes no notice.
type unwatched struct{}

func (unwatched) Parked(uint64, int)                 {}
func (unwatched) Requested(uint64, *event.Event)     {}
func (unwatched) Shown(uint64, *event.Event, Shown)  {}
func (unwatched) Labelled(uint64, int, *event.Event) {}
func (unwatched) Settled(uint64, Settled)            {}
func (unwatched) Ended(uint64, End)                  {}

// birth is the id of an impression to the world outside.
func (j *Joiner) birth(id uint32) uint64 { return j.stubs.at(id).birth }

// tellShown tells the watcher that an impression was shown; e may be nil.
func (j *Joiner) tellShown(id uint32, e *event.Event, implied bool) {
	s := j.at(id)
	theta := s.theta
	if s.flags&isExposed == 0 { // captured too late ever to be
		theta = j.examined(s)
	}
	j.watch.Shown(j.birth(id), e, Shown{Time: s.base, Position: s.position, Weight: s.weight, Theta: theta, Implied: implied})
}
