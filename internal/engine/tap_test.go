package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/model"
)

// pupil is a Tap with one Learner.
type pupil struct {
	*Learner
	captured map[int][]float32
	pending  map[uint64][]float32
	newest   event.Time
}

func (p *pupil) Captured(at int, shared, own feedback.Vector) {
	dst := make([]float32, p.Width())
	p.Predict(dst, shared, own)
	p.captured[at] = dst
}
func (p *pupil) Advance(w event.Time)                       { p.newest = w }
func (p *pupil) Parked(id uint64, at int)                   { p.pending[id] = p.captured[at] }
func (p *pupil) Settled(id uint64, s feedback.Settled)      { p.Settle(s, p.pending[id]) }
func (p *pupil) Ended(id uint64, _ feedback.End)            { delete(p.pending, id) }
func (p *pupil) Requested(uint64, *event.Event)             {}
func (p *pupil) Shown(uint64, *event.Event, feedback.Shown) {}
func (p *pupil) Labelled(uint64, int, *event.Event)         {}

func TestALearnerAtATapLearnsWhatTheModelWouldHave(t *testing.T) {
	log := makeTraffic(5, 3000)
	want := openRig(t, t.TempDir())
	plain := want.run(log)

	p := &pupil{captured: map[int][]float32{}, pending: map[uint64][]float32{}}
	var err error
	if p.Learner, err = NewLearner([]*model.Model{ctrModel(t, "ctr", 14, 0.1)}, rigOptions()); err != nil {
		t.Fatal(err)
	}
	tapped := openRig(t, t.TempDir(), func(o *Options) { o.Tap = p })
	out := tapped.run(log)
	if out.joined.Exposures != plain.joined.Exposures || p.newest != out.status.Watermark {
		t.Errorf("%d exposures up to %v, want %d up to %v", out.joined.Exposures, p.newest, plain.joined.Exposures, out.status.Watermark)
	}
	for h, m := range plain.heads {
		if got := p.Models()[0].Head(h).Validation().Total(); got != m || m.N == 0 {
			t.Errorf("head %d: %+v, want %+v", h, got, m)
		}
		if n := tapped.Models[0].Head(h).Validation().Total().N; n != 0 {
			t.Errorf("the engine's own head has judged %d predictions", n)
		}
	}
	sum := func(m *model.Model) (pages []string) {
		if err := m.Pages(func(k, v []byte) error { pages = append(pages, string(k)+string(v)); return nil }); err != nil {
			t.Fatal(err)
		}
		return pages
	}
	if got := sum(p.Models()[0]); !slices.Equal(got, sum(want.Models[0])) || len(got) == 0 {
		t.Error("other weights")
	}
}

func TestHeldFeaturesMoveAtTheBoundary(t *testing.T) {
	const hold = 10 * time.Minute
	boundary := start - start%event.Time(hold) + event.Time(hold)
	open := func(hold time.Duration) *live {
		l := openRig(t, t.TempDir(), func(o *Options) { o.Hold = hold }).follow()
		l.append(itemRecord("i1"))
		return l
	}
	vector := func(l *live, when event.Time) string {
		shared, own := l.vectors("u1", "i1", nil, when)
		return fmt.Sprint(shared, own)
	}
	exposure := func(when event.Time) event.Record { return behaviour("exposure", "u1", "i1", when) }
	before, after := boundary.Add(-time.Minute), boundary.Add(lateness+1)

	held, now, between := open(hold), open(0), open(0)
	blank := vector(held, boundary)
	for _, l := range []*live{held, now, between} {
		l.append(exposure(before))
	}
	if vector(held, boundary) != blank || vector(now, boundary) == blank {
		t.Error("a feature that is held has moved before the boundary, or one that is not has not")
	}
	held.append(exposure(after)) // the watermark passes the boundary; what this event does itself is held
	now.append(exposure(after))
	if when := boundary.Add(time.Minute); vector(held, when) != vector(between, when) || vector(held, when) == vector(now, when) {
		t.Error("at the boundary the features are not what happened before made of them")
	}
	for _, l := range []*live{held, now, between} {
		l.stop()
	}
}
