package feedback

import (
	"time"

	"recsvc/internal/event"
)

// Vector is a sparse feature vector. Values may be shorter than Slots: the rest are 1. It has the shape of
// model.Vector and converts to it.
type Vector struct {
	Slots  []uint32
	Values []float32
}

// Captured is what was known of an impression when it was applied, before any window moved for it. The Joiner
// copies what it keeps.
type Captured struct {
	Shared Vector    // of the user and the context
	Own    Vector    // of the item
	P      []float32 // the prediction of each head, then the raw ones of those heads that keep one, in their order
	Tag    uint64    // the caller's: it comes back when the outcome is settled
}

// Step is one thing for a head to learn. Its vectors may be read until Learn returns.
type Step struct {
	ID          uint64 // of the impression, as a Watcher knows it
	Head        int
	Shared, Own Vector
	Y           float32
	Weight      float32    // of what was shown: min(1/propensity, M), or 1; times that of a sampled negative, or of an outcome's value
	Theta       float32    // probability that the position was examined, in (0, 1]; 1 for heads that do not model it
	Correction  bool       // y = 0 was learned from this impression and was wrong: apply ∇ℓ(1) − ∇ℓ(0); Y is 1
	Time        event.Time // when the item was shown

	// FakeNegative: the impression is learned as negative when it is shown, and as positive beside that when its outcome comes. The
	// weight is to be multiplied by 1+p, and where Y is 0 by 1−p as well; p is the prediction of the model as it is, and a constant
	// to the gradient.
	FakeNegative bool
}

// Settled pairs the prediction made at capture with the final outcome. It holds until Settle returns.
type Settled struct {
	Head     int
	P        float32 // as captured
	Raw      float32 // as captured, of heads that keep a raw prediction; else P
	Theta    float32
	Positive bool
	Weight   float32 // of what was shown: min(1/propensity, M), or 1
	Exposed  event.Time
	Delay    time.Duration // from exposure to outcome, at least 0; 0 for negatives
	Position int32         // 1-based; 0: none
	User     uint64        // HashUser; 0: none
	Scene    uint64        // HashScene; 0: not known
	Variant  uint64        // HashVariant; 0: none
	Tag      uint64        // of the capture

	context pack
}

// AppendContext appends the context in which the item was shown to dst, in the form that event.DecodeAttributes reads; nothing
// when there is none.
func (s *Settled) AppendContext(dst []byte) []byte {
	if len(s.context) == 0 {
		return dst
	}
	return s.context.appendContext(dst)
}

// Sink takes what a Joiner puts out, on the writer's goroutine. It must not call the Joiner.
type Sink interface {
	Learn(Step)
	Settle(Settled)
}

// Match says what an event belongs to. It holds until the next call that changes the Joiner, and must be given to
// Observe before that.
type Match struct {
	// Position is the event's own, or that of the impression; 0: none.
	Position int32
	// Joined: the event belongs to an impression that is pending.
	Joined bool
	// Capture: Observe wants the vector and the predictions, captured before any window moves for this event.
	Capture bool
	// Duplicate: an exposure of what counts as shown already.
	Duplicate bool
	// Brief: an exposure for too short a time to be evidence.
	Brief bool
	// Late: an outcome of an impression that is closed.
	Late bool

	rules    []rule
	exposure bool
	slot     uint32 // impression; 0: none
	user     uint64
	userItem uint64
	list     uint64 // of the request; 0: none
	key      uint64 // of (request, item); 0: none
}

const exposureType = "exposure"
