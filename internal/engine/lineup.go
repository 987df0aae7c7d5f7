package engine

import (
	"fmt"
	"sync/atomic"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/model"
	"recsvc/internal/validation"
)

// lineup is the models side by side. The join knows a flat list of heads: those of the first model, then those of the second, and so on.
// It belongs to the writer, but for which model serves.
type lineup struct {
	models []*model.Model
	first  []int // by model: the flat index of its first head
	seats  []seat
	score  []Score      // by model
	wait   []event.Time // by flat head: how long an outcome may take

	raw    []int     // by flat head: the place of its raw logit in what is predicted; -1: it is not calibrated and has none
	width  int       // of what is predicted: a probability for each flat head, then the raw logits
	logits []float32 // scratch

	champion atomic.Int32 // the model that serves
}

// Score makes one number of what the heads of a model predict, and of the attributes of the item; false: it has no value.
type Score interface {
	Of(p []float32, item event.Attributes) (score float32, ok bool)
}

// of is the score of an item by a model, given what all flat heads say.
func (l *lineup) of(at int, p []float32, item event.Attributes) (score float32, ok bool) {
	from := l.first[at]
	if l.score[at] == nil {
		return p[from], true
	}
	return l.score[at].Of(p[from:from+len(l.models[at].Heads())], item)
}

// seat is where a flat head sits.
type seat struct {
	model *model.Model
	at    int // of the model
	head  int // in the model
}

func newLineup(models []*model.Model, opts *Options) (*lineup, error) {
	l := &lineup{models: models, score: opts.Score}
	if l.score == nil {
		l.score = make([]Score, len(models))
	}
	if opts.Refresh == nil {
		opts.Refresh = make([]time.Duration, len(models))
	}
	if len(models) == 0 || len(opts.Refresh) != len(models) || len(l.score) != len(models) || opts.Champion < 0 || opts.Champion >= len(models) {
		return nil, fmt.Errorf("engine: %d models with %d scores and %d refreshes, of which model %d serves",
			len(models), len(l.score), len(opts.Refresh), opts.Champion)
	}
	for i, m := range models {
		l.first = append(l.first, len(l.seats))
		for h := range m.Heads() {
			l.seats = append(l.seats, seat{m, i, h})
		}
	}
	for _, h := range opts.Feedback.Heads {
		l.wait = append(l.wait, event.Time(h.Window))
	}
	l.width, l.logits = len(l.seats), make([]float32, len(l.seats))
	for i := range l.seats {
		l.raw = append(l.raw, -1)
		if s := &l.seats[i]; s.model.Head(s.head).Calibrated() {
			l.raw[i] = l.width
			l.width++
		}
	}
	l.champion.Store(int32(opts.Champion))
	return l, l.fits(opts.Feedback.Heads)
}

// fits compares the flat heads with those of the join.
func (l *lineup) fits(heads []feedback.HeadOptions) error {
	if len(heads) != len(l.seats) {
		return fmt.Errorf("engine: %d heads in the models, %d in the join", len(l.seats), len(heads))
	}
	for i, s := range l.seats {
		if want := FlatName(s.model.Name(), s.name()); heads[i].Name != want {
			return fmt.Errorf("engine: head %d of the join is %q, of the models %q", i, heads[i].Name, want)
		}
		if calibrated := s.model.Head(s.head).Calibrated(); calibrated != heads[i].Raw {
			return fmt.Errorf("engine: head %q is calibrated: %v, and the join keeps its raw logit: %v", heads[i].Name, calibrated, heads[i].Raw)
		}
	}
	return nil
}

// FlatName is the name that the join has for a head of a model.
func FlatName(model, head string) string { return model + "/" + head }

func (s *seat) name() string { return s.model.Head(s.head).Name() }

// names are those of the flat heads.
func (l *lineup) names() (names []string) {
	for _, s := range l.seats {
		names = append(names, FlatName(s.model.Name(), s.name()))
	}
	return names
}

// heads is how many there are in all models.
func (l *lineup) heads() int { return len(l.seats) }

// find returns the place of a model.
func (l *lineup) find(name string) (int, bool) {
	for i, m := range l.models {
		if m.Name() == name {
			return i, true
		}
	}
	return 0, false
}

// predict sets dst, of the lineup's width, to what all models say of one vector.
func (l *lineup) predict(dst []float32, shared, own model.Vector) {
	raws := l.width > len(l.seats)
	for i, m := range l.models {
		from, to := l.first[i], l.first[i]+len(m.Heads())
		if !raws {
			m.Predict(dst[from:to], shared, own)
			continue
		}
		m.PredictLogits(dst[from:to], l.logits[from:to], shared, own)
	}
	if !raws {
		return
	}
	for head, at := range l.raw {
		if at >= 0 {
			dst[at] = l.logits[head]
		}
	}
}

// advance tells the models what time it is.
func (l *lineup) advance(watermark event.Time) {
	for _, m := range l.models {
		m.Advance(int64(watermark))
	}
}

// learn takes a step of a flat head, and says whether it was learned.
func (l *lineup) learn(s *feedback.Step) bool {
	seat := &l.seats[s.Head]
	_, ok := seat.model.Learn(seat.head, &model.Example{
		Shared: model.Vector(s.Shared), Own: model.Vector(s.Own),
		Y: s.Y, Weight: s.Weight, Theta: s.Theta, Correction: s.Correction, FakeNegative: s.FakeNegative,
	})
	return ok
}

// settle pairs a prediction made at capture with the outcome.
func (l *lineup) settle(s *feedback.Settled) {
	final := s.Exposed + event.Time(s.Delay)
	if !s.Positive {
		final = s.Exposed + l.wait[s.Head]
	}
	seat := &l.seats[s.Head]
	if l.raw[s.Head] >= 0 {
		seat.model.Head(seat.head).Calibrate(s.Raw, s.Theta, s.Positive)
	}
	seat.model.Head(seat.head).Validation().Observe(validation.Observation{
		P: s.P, Theta: s.Theta, Positive: s.Positive, Time: int64(s.Exposed), Final: int64(final), Weight: s.Weight, User: s.User,
		Tag: validation.Tag(s.Tag),
	})
}

// Champion is the model that serves, and its place among the models. It may be asked by anyone.
func (e *Engine) Champion() (*model.Model, int) {
	i := int(e.lineup.champion.Load())
	return e.lineup.models[i], i
}

// checkPage says what a restore would of a page; see model.Model.CheckPage.
func (l *lineup) checkPage(key, value []byte) (bool, error) {
	for _, m := range l.models {
		if ok, err := m.CheckPage(key, value); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// restoring is the replacement of all models' weights.
type restoring struct {
	models []*model.Model
	each   []*model.Restore
}

func (l *lineup) restore() restoring {
	r := restoring{models: l.models}
	for _, m := range l.models {
		r.each = append(r.each, m.Restore())
	}
	return r
}

func (r restoring) loadPage(key, value []byte) (bool, error) {
	for _, m := range r.each {
		if ok, err := m.LoadPage(key, value); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// finish also publishes: a roll-back is in force at once.
func (r restoring) finish() {
	for _, m := range r.each {
		m.Finish()
	}
	for _, m := range r.models {
		m.Publish()
	}
}
