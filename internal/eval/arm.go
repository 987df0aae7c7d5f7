package eval

import (
	"time"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
)

// Learner is what an arm predicts with: an engine.Learner, or a wrapper of one.
type Learner interface {
	// Width is the number of predictions of one vector: those of the flat heads come first.
	Width() int
	Predict(dst []float32, shared, own feedback.Vector)
	Learn(s feedback.Step)
	// Settle pairs predictions made at a capture, Width of them, with an outcome.
	Settle(s feedback.Settled, p []float32)
	Advance(watermark event.Time)
}

// ArmOptions describe an arm.
type ArmOptions struct {
	Name    string
	Learner Learner
	// Thread keeps the goroutine that calls it on one thread of the system and returns the clock of what that thread has computed; nil: not
	// measured. The function that it returns is called by the same goroutine.
	Thread func() func() time.Duration
}

// Arm is one model among those that are compared. Its figures may be read when its Feed is closed.
type Arm struct {
	name    string
	learner Learner
	thread  func() func() time.Duration

	queue chan *batch
	done  chan struct{}

	list    [][]float32 // by place of the list that was captured last
	pending map[uint64][]float32
	spare   [][]float32
	p       [][]float32 // by flat head, in the order of settlement: the chance that the outcome is seen, θ·p
	cpu     time.Duration
}

// NewArm returns an arm that has seen nothing.
func NewArm(o ArmOptions) *Arm {
	return &Arm{
		name: o.Name, learner: o.Learner, thread: o.Thread, queue: make(chan *batch, queueBatches), done: make(chan struct{}),
		pending: map[uint64][]float32{},
	}
}

// Name returns the arm's name.
func (a *Arm) Name() string { return a.name }

// CPU returns what predicting and learning have cost.
func (a *Arm) CPU() time.Duration { return a.cpu }

// Predicted returns the predictions for a flat head, in the order of the Feed's Truth.
func (a *Arm) Predicted(head int) []float32 { return a.p[head] }

func (a *Arm) start(f *Feed) {
	a.p = make([][]float32, len(f.truth))
	go func() {
		defer close(a.done)
		if a.thread != nil {
			clock := a.thread()
			begin := clock()
			defer func() { a.cpu = clock() - begin }()
		}
		for b := range a.queue {
			for i := range b.steps {
				a.take(b, &b.steps[i])
			}
			f.release(b)
		}
	}()
}

func (a *Arm) take(b *batch, s *step) {
	switch s.kind {
	case captured:
		a.learner.Predict(a.place(s.at), b.vector(s.shared), b.vector(s.own))
	case parked:
		a.park(s.id, s.at)
	case learned:
		l := s.learn
		l.Shared, l.Own = b.vector(s.shared), b.vector(s.own)
		a.learner.Learn(l)
	case settled:
		a.settle(s)
	case ended:
		if p, ok := a.pending[s.id]; ok {
			delete(a.pending, s.id)
			a.spare = append(a.spare, p)
		}
	case advanced:
		a.learner.Advance(s.time)
	}
}

// place returns where the predictions of a place of a list go.
func (a *Arm) place(at int) []float32 {
	for at >= len(a.list) {
		a.list = append(a.list, make([]float32, a.learner.Width()))
	}
	return a.list[at]
}

// park keeps the predictions of a place with an impression.
func (a *Arm) park(id uint64, at int) {
	var p []float32
	if n := len(a.spare); n > 0 {
		p, a.spare = a.spare[n-1], a.spare[:n-1]
	} else {
		p = make([]float32, a.learner.Width())
	}
	copy(p, a.place(at))
	a.pending[id] = p
}

func (a *Arm) settle(s *step) {
	p := a.pending[s.id]
	a.learner.Settle(s.settled, p)
	head := s.settled.Head
	a.p[head] = append(a.p[head], p[head]*s.settled.Theta)
}
