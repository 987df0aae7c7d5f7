package engine

import (
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/model"
)

// held opens an engine whose first model predicts at once and whose second, otherwise the same, every ten minutes.
func held(t *testing.T, dir string, change ...func(*Options)) *rig {
	change = append([]func(*Options){func(o *Options) { o.Refresh = []time.Duration{0, 10 * time.Minute} }}, change...)
	return openSide(t, dir, []*model.Model{ctrModel(t, "ctr", 14, 0.1), ctrModel(t, "cop", 14, 0.1)}, change...)
}

// says is what both models say of the click on an item.
func (l *live) says(user, item string, now event.Time) (atOnce, held float32) {
	shared, own := l.vectors(user, item, nil, now)
	p := make([]float32, 4)
	l.lineup.predict(p, shared, own)
	return p[0], p[2]
}

// click shows an item and clicks on it.
func (l *live) click(request string, t event.Time) {
	e, c := behaviour("exposure", "u1", "i1", t), behaviour("click", "u1", "i1", t.Add(time.Second))
	e.Event.Request, c.Event.Request = request, request
	l.append(e, c)
}

func TestAHeldModelPredictsWithWhatItHadLearnedAtTheBoundary(t *testing.T) {
	l := held(t, t.TempDir()).follow()
	before := start.Add(5 * time.Minute)
	l.click("r1", before)
	if now, held := l.says("u1", "i1", before); held != 0.5 || now == 0.5 {
		t.Errorf("before the first boundary: %v at once, %v held", now, held)
	}
	boundary := start.Add(10 * time.Minute)
	l.append(tick(boundary.Add(lateness)))
	atBoundary, atBoundaryHeld := l.says("u1", "i1", boundary)
	if atBoundary != atBoundaryHeld || atBoundary == 0.5 {
		t.Errorf("at the boundary: %v at once, %v held", atBoundary, atBoundaryHeld)
	}
	l.click("r2", boundary.Add(time.Minute))
	if now, held := l.says("u1", "i1", boundary); held != atBoundaryHeld || now == held {
		t.Errorf("after the boundary: %v at once, %v held, want it at %v", now, held, atBoundaryHeld)
	}
	if p := l.Standing(1).Published; p != boundary {
		t.Errorf("published at %v, want %v", p, boundary)
	}
	if l.Models[0].Head(0).Validation().Total() == l.Models[1].Head(0).Validation().Total() {
		t.Error("it was not judged by what it predicted")
	}
	l.stop()
}

func TestWhatIsLearnedBehindABoundaryIsNotPublishedThere(t *testing.T) {
	// The negative of a head that learns when its window closes falls behind the boundary, which one step of the watermark passes
	// together with it.
	closes := start.Add(10*time.Minute + 30*time.Second)
	exposure := behaviour("exposure", "u1", "i1", closes.Add(-dwellWindow))
	log := place(nil, itemRecord("i1"), exposure, tick(closes.Add(time.Minute)))
	r := held(t, t.TempDir())
	if err := r.Run(t.Context(), &memory{log: log}); err != nil {
		t.Fatal(err)
	}
	if n := r.Models[1].Head(1).Counters().Learned; n != 1 {
		t.Fatalf("%d examples were learned", n)
	}
	shared, own := r.vectors("u1", "i1", nil, closes)
	p := make([]float32, 4)
	r.lineup.predict(p, shared, own)
	if p[3] != 0.5 || p[1] == 0.5 {
		t.Errorf("the held model says %v, the other %v", p[3], p[1])
	}
	r.outcome()
}

func TestHeldModelsAreTheSameWhateverTheCutsAndRestarts(t *testing.T) {
	log := makeTraffic(41, 2000)
	first := held(t, t.TempDir())
	want := first.run(log)
	dir := t.TempDir()
	for _, end := range []int{1, 300, 301, 1200} {
		held(t, dir).run(log[:end])
	}
	held(t, dir).run(log, 7, 1).sameAs(t, want)
	if slices.Equal(want.heads[:2], want.heads[2:]) {
		t.Error("the held model has predicted as the other one")
	}
	if modelWeights(first.Models[0]) == "" || len(modelWeights(first.Models[0])) != len(modelWeights(first.Models[1])) {
		t.Error("the held model has learned something else")
	}
}

func TestAModelMayBeHeldAndLetGoWhileItRuns(t *testing.T) {
	dir := t.TempDir()
	l := held(t, dir).follow()
	l.click("r1", start.Add(time.Minute))
	was, _ := l.says("u1", "i1", start)
	l.append(tuning(event.Tuning{Model: "ctr", Refresh: pointer(time.Hour)}), tuning(event.Tuning{Model: "cop", Refresh: pointer(time.Duration(0))}))
	now, let := l.says("u1", "i1", start)
	if now != was || let != was {
		t.Errorf("held: %v, let go: %v, want both at %v", now, let, was)
	}
	l.click("r2", start.Add(2*time.Minute))
	if now, let := l.says("u1", "i1", start); now != was || let == was {
		t.Errorf("held: %v, want it at %v; let go: %v, want it elsewhere", now, was, let)
	}
	l.stop()
	again := held(t, dir).follow() // the configuration has it the other way round
	if now, let := again.says("u1", "i1", start); now != was || let == was {
		t.Errorf("after a restart, held: %v, want it at %v; let go: %v, want it elsewhere", now, was, let)
	}
	again.stop()
}

func TestAnotherConfiguredRefreshTakesEffectAtTheStart(t *testing.T) {
	dir := t.TempDir()
	l := held(t, dir).follow()
	l.click("r1", start.Add(time.Minute))
	was, blank := l.says("u1", "i1", start)
	l.stop()
	other := held(t, dir, func(o *Options) { o.Refresh = []time.Duration{time.Hour, 0} }).follow()
	if now, let := other.says("u1", "i1", start); now != was || let != was || blank != 0.5 {
		t.Errorf("held: %v, let go: %v, want both at %v", now, let, was)
	}
	other.click("r2", start.Add(2*time.Minute))
	if now, _ := other.says("u1", "i1", start); now != was {
		t.Errorf("it is not held: %v, want %v", now, was)
	}
	other.stop()
}

func TestARollBackOfAHeldModelIsInForceAtOnce(t *testing.T) {
	l := held(t, t.TempDir()).follow()
	l.click("r1", start.Add(time.Minute))
	l.append(tick(start.Add(10*time.Minute + lateness)))
	_, want := l.says("u1", "i1", start)
	id := l.takeSnapshot().ID
	l.click("r2", start.Add(11*time.Minute))
	l.append(tick(start.Add(20*time.Minute + lateness)))
	if _, now := l.says("u1", "i1", start); now == want {
		t.Fatal("nothing was learned")
	}
	l.append(controlRecord(must(l.BeginRestore(id))(t), at(0)))
	if _, now := l.says("u1", "i1", start); now != want {
		t.Errorf("rolled back: %v, want %v", now, want)
	}
	l.stop()
}
