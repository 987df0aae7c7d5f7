package engine

import (
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/model"
)

func controlRecord(c *event.Control, t event.Time) event.Record {
	return event.Record{Kind: event.KindControl, Received: t, Control: c}
}

func promotion(name string) event.Record {
	return controlRecord(event.Promotion{Model: name}.Control(), at(0))
}

func tuning(t event.Tuning) event.Record { return controlRecord(t.Control(), at(0)) }

func pointer[T any](v T) *T { return &v }

func twoModels(t *testing.T) []*model.Model {
	return []*model.Model{ctrModel(t, "ctr", 14, 0.1), ctrModel(t, "next", 14, 0.03)}
}

func (r *rig) champion() string {
	m, _ := r.Champion()
	return m.Name()
}

func TestAPromotedModelServesFromItsPlaceInTheLogOnAndAfterARestart(t *testing.T) {
	dir := t.TempDir()
	l := openSide(t, dir, twoModels(t)).follow()
	if l.champion() != "ctr" || !l.Standing(0).Champion || l.Standing(1).Champion {
		t.Fatal("the first model does not serve")
	}
	l.append(promotion("next"))
	if l.champion() != "next" || l.Standing(0).Champion || !l.Standing(1).Champion {
		t.Error("the promoted model does not serve")
	}
	l.append(promotion("gone")) // it may have been configured when it was promoted
	if l.champion() != "next" {
		t.Error("a model that is not configured has been promoted")
	}
	l.stop()
	r := openSide(t, dir, twoModels(t))
	if r.champion() != "next" {
		t.Error("the restart has brought the former champion back")
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	log := place(nil, promotion("next"), promotion("ctr"))
	again := openSide(t, t.TempDir(), twoModels(t), func(o *Options) { o.Champion = 1 })
	again.run(log)
	if again.champion() != "ctr" {
		t.Error("the configured champion wins over the log")
	}
}

func TestAFrozenModelPredictsAndIsJudgedButDoesNotLearn(t *testing.T) {
	l := openSide(t, t.TempDir(), twoModels(t)).follow()
	show := func(request string, seconds float64) {
		e, c := behaviour("exposure", "u1", "i1", at(seconds)), behaviour("click", "u1", "i1", at(seconds+1))
		e.Event.Request, c.Event.Request = request, request
		l.append(e, c)
	}
	show("r1", 1)
	l.append(tuning(event.Tuning{Model: "ctr", Frozen: pointer(true)}))
	weights := func(i int) string { return modelWeights(l.Models[i]) }
	frozen, free := weights(0), weights(1)
	show("r2", 10)
	if weights(0) != frozen || weights(1) == free {
		t.Errorf("the frozen model has learned: %v, the other has: %v", weights(0) != frozen, weights(1) != free)
	}
	if n := l.Models[0].Head(0).Validation().Total().N; n != 2 {
		t.Errorf("%d predictions of the frozen model were judged, want 2", n)
	}
	l.append(tuning(event.Tuning{Model: "ctr", Frozen: pointer(false)}))
	show("r3", 20)
	if weights(0) == frozen {
		t.Error("it does not learn again")
	}
	l.stop()
}

func TestARateOfTheLogIsLearnedWithAndLeavesPredictionsAlone(t *testing.T) {
	dir := t.TempDir()
	l := openSide(t, dir, twoModels(t)).follow()
	show := func(request string, seconds float64) {
		e, c := behaviour("exposure", "u1", "i1", at(seconds)), behaviour("click", "u1", "i1", at(seconds+1))
		e.Event.Request, c.Event.Request = request, request
		l.append(e, c)
	}
	show("r1", 1)
	shared, own := l.vectors("u1", "i1", nil, at(5))
	logit := func() float64 { return l.Models[0].Head(0).Logit(shared, own) }
	before, other := logit(), l.Models[0].Head(1).Hyper()
	l.append(tuning(event.Tuning{Model: "ctr", Rates: []event.Rate{{Head: "click", Alpha: 0.7}, {Head: "gone", Alpha: 1}}}))
	if got := l.Models[0].Head(0).Hyper().Alpha; got != 0.7 || l.Models[0].Head(1).Hyper() != other {
		t.Errorf("rate %v, want 0.7; the other head's %+v", got, l.Models[0].Head(1).Hyper())
	}
	if logit() != before || l.Standing(0).Alpha[0] != 0.7 {
		t.Errorf("logit %v, then %v; standing %+v", before, logit(), l.Standing(0))
	}
	l.stop()
	again := openSide(t, dir, twoModels(t))
	if got := again.Models[0].Head(0).Hyper().Alpha; got != 0.7 {
		t.Errorf("after a start the rate is %v", got)
	}
	if err := again.close(); err != nil {
		t.Error(err)
	}
}

// modelWeights is a text of all weights.
func modelWeights(m *model.Model) (text string) {
	_ = m.Pages(func(key, value []byte) error {
		text += string(key) + string(value)
		return nil
	})
	return text
}

func TestWhatTheLogSaysOfAModelIsState(t *testing.T) {
	log := makeTraffic(31, 1500)
	for i, r := range []event.Record{
		promotion("next"),
		tuning(event.Tuning{Model: "ctr", Frozen: pointer(true)}),
		tuning(event.Tuning{Model: "next", Refresh: pointer(10 * time.Minute)}),
		tuning(event.Tuning{Model: "ctr", Frozen: pointer(false), Refresh: pointer(time.Hour)}),
		tuning(event.Tuning{Model: "gone", Frozen: pointer(true)}),
		tuning(event.Tuning{Model: "ctr", Rates: []event.Rate{{Head: "click", Alpha: 0.5}}}),
	} {
		log = insert(log, 200*(i+1), r)
	}
	first := openSide(t, t.TempDir(), twoModels(t))
	want := first.run(log)
	dir := t.TempDir()
	for _, end := range []int{203, 401, 650, 1003} {
		openSide(t, dir, twoModels(t)).run(log[:end])
	}
	last := openSide(t, dir, twoModels(t))
	last.run(log, 7, 1).sameAs(t, want)
	for i := range 2 {
		if got, want := last.Standing(i), first.Standing(i); got.Frozen != want.Frozen || got.Refresh != want.Refresh || got.Champion != want.Champion {
			t.Errorf("model %d stands %+v, want %+v", i, got, want)
		}
	}
	if s := last.Standing(0); s.Frozen || s.Refresh != time.Hour {
		t.Errorf("%+v", s)
	}
}

// insert puts a record into a log of partition 0.
func insert(log []event.Record, at int, r event.Record) []event.Record {
	out := append([]event.Record{}, log[:at]...)
	return place(place(out, r), log[at:]...)
}

func TestADamagedStandingIsRefused(t *testing.T) {
	l, err := newLineup(twoModels(t), &Options{Feedback: feedback.Options{Heads: headsOf("ctr", "next")}})
	if err != nil {
		t.Fatal(err)
	}
	s := newStandings(l, make([]time.Duration, 2))
	s.tuned[1] = tuned{frozen: true, refreshed: true, refresh: time.Hour, alpha: []float64{0.5, 0}}
	key, value := s.AppendKey(nil, 2), s.AppendValue(nil, 2)
	load := func(key, value []byte) (bool, error) {
		return newStandings(l, make([]time.Duration, 2)).load(key, value, dirty.Sum{Hi: 1})
	}
	if ok, err := load(key, value); !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
	for n := range value {
		if _, err := load(key, value[:n]); err == nil {
			t.Errorf("taken with %d of %d bytes", n, len(value))
		}
	}
	if _, err := load(key, append(value, 0)); err == nil {
		t.Error("taken with a byte too many")
	}
	if ok, err := load([]byte("m\x04gone"), value); ok || err != nil {
		t.Errorf("a model that is gone: %v, %v", ok, err)
	}
}
