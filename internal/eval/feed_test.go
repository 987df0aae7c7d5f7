package eval

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
)

// diary is a Learner that writes down what it is told. It predicts the place of the call.
type diary struct {
	lines []string
	calls int
}

func (d *diary) Width() int { return 2 }
func (d *diary) Predict(dst []float32, shared, own feedback.Vector) {
	d.calls++
	dst[0], dst[1] = float32(d.calls), -float32(d.calls)
	d.lines = append(d.lines, fmt.Sprint("predict ", shared, own))
}
func (d *diary) Learn(s feedback.Step) { d.lines = append(d.lines, fmt.Sprint("learn ", s)) }
func (d *diary) Settle(s feedback.Settled, p []float32) {
	d.lines = append(d.lines, fmt.Sprint("settle ", s.Head, s.User, p))
}
func (d *diary) Advance(w event.Time) { d.lines = append(d.lines, fmt.Sprint("advance ", w)) }

// tell gives both the same, of which the vectors are overwritten after each call, as the engine does.
func tell(rounds int, captured func(at int, shared, own feedback.Vector), parked func(id uint64, at int), learn func(feedback.Step),
	settled func(id uint64, s feedback.Settled), ended func(id uint64), advance func(event.Time)) {
	slots, values := []uint32{0, 0}, []float32{0}
	shared := feedback.Vector{Slots: slots[:1], Values: values}
	own := feedback.Vector{Slots: slots[1:]}
	for i := range rounds {
		advance(event.Time(i))
		for at := range 3 {
			slots[0], slots[1], values[0] = uint32(i), uint32(at), float32(i)/2
			captured(at, shared, own)
		}
		for at := range 2 {
			parked(uint64(2*i+at), at)
		}
		if id := i - 5; id >= 0 {
			learn(feedback.Step{Head: i % 2, Shared: shared, Own: own, Y: 1, Weight: 1, Theta: 1})
			settled(uint64(id), feedback.Settled{Head: i % 2, User: uint64(id), Theta: 0.5, Positive: i%3 == 0, Exposed: event.Time(id)})
			if i%2 == 1 {
				ended(uint64(id))
			}
		}
	}
}

func TestEveryArmIsToldTheSameInOrder(t *testing.T) {
	const rounds = 4000 // many batches
	want, list, pending := &diary{}, [3][2]float32{}, map[uint64][2]float32{}
	var wantP [2][]float32
	tell(rounds,
		func(at int, shared, own feedback.Vector) { want.Predict(list[at][:], shared, own) },
		func(id uint64, at int) { pending[id] = list[at] },
		want.Learn,
		func(id uint64, s feedback.Settled) {
			p := pending[id]
			want.Settle(s, p[:])
			wantP[s.Head] = append(wantP[s.Head], p[s.Head]*0.5)
		},
		func(id uint64) { delete(pending, id) }, want.Advance)

	diaries := []*diary{{}, {}, {}}
	var arms []*Arm
	for i, d := range diaries {
		arms = append(arms, NewArm(ArmOptions{Name: fmt.Sprint(i), Learner: d, Thread: func() func() time.Duration {
			calls := time.Duration(0)
			return func() time.Duration { calls += time.Second; return calls }
		}}))
	}
	f := NewFeed(t.Context(), 2, arms)
	tell(rounds, f.Captured, f.Parked, f.Learn, f.Settled, func(id uint64) { f.Ended(id, feedback.EndClosed) }, f.Advance)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for i, a := range arms {
		if !slices.Equal(diaries[i].lines, want.lines) {
			t.Errorf("arm %d was told otherwise", i)
		}
		if !slices.Equal(a.Predicted(0), wantP[0]) || !slices.Equal(a.Predicted(1), wantP[1]) || len(wantP[1]) == 0 {
			t.Errorf("arm %d has other predictions", i)
		}
		if a.CPU() != time.Second {
			t.Errorf("arm %d took %v", i, a.CPU())
		}
	}
	if n := f.Truth()[0].Len() + f.Truth()[1].Len(); n != rounds-5 {
		t.Errorf("%d outcomes", n)
	}
}

func TestAFeedEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := NewFeed(ctx, 2, []*Arm{NewArm(ArmOptions{Name: "a", Learner: &diary{}})})
	tell(50_000, f.Captured, f.Parked, f.Learn, f.Settled, func(uint64) {}, f.Advance)
	if err := f.Close(); err == nil {
		t.Error("no error")
	}
}
