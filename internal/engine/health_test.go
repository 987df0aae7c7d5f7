package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"recsvc/internal/drift"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
	"recsvc/internal/state"
)

// shown makes a stream of n exposures from an instant on, one a second. Items with even numbers are clicked in most cases and the
// others hardly, or, turned, the other way round.
func shown(seed uint64, from, n int, turned bool) (log []event.Record) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		t := at(float64(from + i))
		k := r.IntN(20)
		user, item := fmt.Sprintf("u%d", r.IntN(15)), fmt.Sprintf("i%d", k)
		log = append(log, behaviour("exposure", user, item, t))
		rate := .1
		if (k%2 == 0) != turned {
			rate = .8
		}
		if r.Float64() < rate {
			dwell := behaviour("dwell", user, item, t.Add(6e8))
			dwell.Event.Value, dwell.Event.HasValue = float64(5+r.IntN(10)), true
			log = append(log, behaviour("click", user, item, t.Add(3e8)), dwell)
		}
	}
	return log
}

func catalogue() (log []event.Record) {
	for i := range 20 {
		log = append(log, itemRecord(fmt.Sprintf("i%d", i),
			event.Attribute{Key: "categories", Value: words(fmt.Sprintf("c%d", i))}, event.Attribute{Key: "price", Value: number(float64(1 + i))}))
	}
	return log
}

func TestARisenLossIsCalledAndTheCallIsAFunctionOfTheLog(t *testing.T) {
	log := place(nil, catalogue()...)
	log = place(log, shown(1, 0, 9000, false)...)
	quiet := len(log)
	log = place(log, shown(2, 9000, 1500, true)...)
	log = place(log, tick(at(20_000)))

	r := openRig(t, t.TempDir())
	before := healthAfter(t, log[:quiet])
	if n := lossAlarms(before); n != 0 {
		t.Errorf("%d alarms before anything has changed", n)
	}
	whole := r.run(log, 700)
	after := r.Health()
	if n := lossAlarms(after); n == 0 {
		t.Error("no alarm though likes and dislikes have changed places")
	}
	click := after.Heads[0]
	if click.Model != "ctr" || click.Head != "click" || !(click.Recent.LogLoss() > before.Heads[0].Recent.LogLoss()) {
		t.Errorf("%s/%s: loss %v, before the change %v", click.Model, click.Head, click.Recent.LogLoss(), before.Heads[0].Recent.LogLoss())
	}

	dir := t.TempDir()
	openRig(t, dir).run(log[:quiet+333], 64)
	again := openRig(t, dir)
	resumed := again.run(log, 97)
	resumed.sameAs(t, whole)
	if got, want := fmt.Sprint(again.Health()), fmt.Sprint(after); got != want {
		t.Errorf("after a restart in between:\n%s\nwant\n%s", got, want)
	}
}

// healthAfter is what a fresh engine knows after a log.
func healthAfter(t *testing.T, log []event.Record) Health {
	t.Helper()
	r := openRig(t, t.TempDir())
	r.run(log)
	return r.Health()
}

// lossAlarms counts the calls of a risen loss of the first head.
func lossAlarms(h Health) (n uint64) {
	for _, d := range h.Heads[0].Detectors {
		if d.Name == drift.NameADWIN || d.Name == drift.NamePageHinkley {
			n += d.Alarms.Up
		}
	}
	return n
}

// sized are definitions with a number that nothing bounds.
func sized() []features.Definition {
	return append(definitions(), features.Definition{Name: "size", Kind: "attribute", Field: "item.size", As: "number"})
}

func TestASampleOfHugeValuesGoesIntoQuarantine(t *testing.T) {
	dir := t.TempDir()
	r, err := tryRigOf(t, dir, sized())
	if err != nil {
		t.Fatal(err)
	}
	l := r.follow()
	l.append(catalogue()...)
	l.append(
		itemRecord("huge", event.Attribute{Key: "size", Value: number(1e38)}),
		itemRecord("huger", event.Attribute{Key: "size", Value: number(1e300)}))
	l.append(teach("u1", "i1", 0, 20)...)
	l.append(teach("u1", "huge", 100, 3)...)
	l.append(teach("u1", "huger", 200, 3)...) // beyond a float32: missing
	h := l.Health()
	if h.Refused["magnitude"] == 0 || len(h.Quarantine) != int(h.Refused["magnitude"]) {
		t.Fatalf("refused %v, %d in quarantine", h.Refused, len(h.Quarantine))
	}
	q := h.Quarantine[len(h.Quarantine)-1]
	if q.Head != "ctr/click" || q.Reason != "magnitude" || q.Greatest != 1e38 || q.Shown != at(100) || q.Offset < 60 {
		t.Errorf("quarantined %+v", q)
	}
	for _, item := range []string{"i1", "huge", "huger"} {
		for _, p := range l.predict("u1", item, at(300)) {
			if !(p >= 0 && p <= 1) {
				t.Errorf("%s is predicted %v", item, p)
			}
		}
	}
	l.stop()
	again, err := tryRigOf(t, dir, sized())
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Health(); !slices.Equal(got.Quarantine, h.Quarantine) || fmt.Sprint(got.Refused) != fmt.Sprint(h.Refused) {
		t.Errorf("after a restart %v and %v, want %v and %v", got.Refused, got.Quarantine, h.Refused, h.Quarantine)
	}
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheQuarantineIsBounded(t *testing.T) {
	r, err := tryRigOf(t, t.TempDir(), sized())
	if err != nil {
		t.Fatal(err)
	}
	log := place(nil, itemRecord("huge", event.Attribute{Key: "size", Value: number(1e38)}))
	for i := range 150 {
		log = place(log, behaviour("exposure", fmt.Sprintf("u%d", i), "huge", at(float64(i))))
	}
	r.run(place(log, tick(at(5000))))
	h := r.Health()
	if h.Refused["magnitude"] < 150 || len(h.Quarantine) != quarantined {
		t.Errorf("%d refused, %d kept", h.Refused["magnitude"], len(h.Quarantine))
	}
	if !slices.IsSortedFunc(h.Quarantine, func(a, b Quarantined) int { return int(b.Offset - a.Offset) }) {
		t.Error("what is kept is not newest first")
	}
}

func TestWhatIsWatchedOfTheVectorsBeginsAnewUnderOtherFeatures(t *testing.T) {
	dir := t.TempDir()
	log := place(nil, catalogue()...)
	log = place(log, shown(3, 0, 600, false)...)
	openRig(t, dir, func(o *Options) { o.Health.Sample = 1 }).run(log)
	for _, watched := range [][]string{{"price", "item_views"}, {"price"}, {}, nil} {
		r := openRig(t, dir, func(o *Options) { o.Health.Sample, o.Health.Features = 1, watched })
		n := len(log)
		log = place(log, shown(4, n, 50, false)...)
		want := r.run(log)
		again := openRig(t, dir, func(o *Options) { o.Health.Sample, o.Health.Features = 1, watched })
		if watched != nil && len(again.Health().Inputs) != len(watched)+2+1 { // and two predictions, and the mixture
			t.Errorf("%v are watched: %d reports", watched, len(again.Health().Inputs))
		}
		if _, err := again.store.Scrub(t.Context(), state.ScrubOptions{}); err != nil {
			t.Errorf("%v are watched: %v", watched, err)
		}
		if got := again.run(log); got.checkpoint.Digest != want.checkpoint.Digest {
			t.Errorf("%v are watched: another digest after a restart", watched)
		}
	}
}

func TestEveryReasonIsDiagnosed(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, tc := range []struct {
		change func(s *feedback.Step)
		want   string
	}{
		{func(s *feedback.Step) { s.Y = nan }, "label"},
		{func(s *feedback.Step) { s.Weight = -1 }, "weight"},
		{func(s *feedback.Step) { s.Weight = inf }, "weight"},
		{func(s *feedback.Step) { s.Theta = 1.5 }, "theta"},
		{func(s *feedback.Step) { s.Theta = nan }, "theta"},
		{func(s *feedback.Step) { s.Own.Values = []float32{nan} }, "value"},
		{func(s *feedback.Step) { s.Own.Values = []float32{1e38} }, "magnitude"},
	} {
		s := feedback.Step{Weight: 1, Theta: 1}
		s.Own.Slots = []uint32{1}
		tc.change(&s)
		if reason, _ := diagnose(&s); reasonNames[reason] != tc.want {
			t.Errorf("%+v: %s, want %s", s, reasonNames[reason], tc.want)
		}
	}
}

func TestAHeadWhoseLossHasRisenLearnsFasterForAWhile(t *testing.T) {
	hurry := func(o *Options) { o.Health.Hurry = Hurry{Factor: 4, Outcomes: 700} }
	log := place(nil, catalogue()...)
	log = place(log, shown(1, 0, 5000, false)...)
	log = place(log, shown(2, 5000, 600, true)...)
	part := len(log)
	hurried := openRig(t, t.TempDir(), hurry)
	hurried.run(log)
	if alpha := hurried.lineup.seats[0].alpha(); alpha != 0.1*4 {
		t.Fatalf("after the loss has risen the rate is %v, want four times 0.1", alpha)
	}
	log = place(log, shown(3, 5600, 1500, true)...)
	log = place(log, tick(at(9000)))
	r := openRig(t, t.TempDir(), hurry)
	whole := r.run(log)
	if alpha := r.lineup.seats[0].alpha(); alpha != 0.1 {
		t.Errorf("in the end the rate is %v, want 0.1 again", alpha)
	}
	dir := t.TempDir()
	openRig(t, dir, hurry).run(log[:part], 50) // while it hurries
	openRig(t, dir, hurry).run(log, 333).sameAs(t, whole)
}

func TestARateThatIsRaisedChangesNoPrediction(t *testing.T) {
	dir := t.TempDir()
	hurry := func(o *Options) { o.Health.Hurry = Hurry{Factor: 10, Outcomes: 5} }
	openRig(t, dir, hurry).run(place(place(nil, catalogue()...), shown(1, 0, 300, false)...))
	r := openRig(t, dir, hurry)
	examples := r.examples(at(400))
	want := r.predictions(examples)
	r.pace(0, true)
	if alpha := r.lineup.seats[0].alpha(); alpha != 1 {
		t.Fatalf("rate %v, want 1", alpha)
	}
	if !slices.Equal(r.predictions(examples), want) {
		t.Error("other predictions at the moment at which the rate is raised")
	}
	for range 5 {
		r.pace(0, false)
	}
	if alpha := r.lineup.seats[0].alpha(); alpha != 0.1 || !slices.Equal(r.predictions(examples), want) {
		t.Errorf("rate %v; or other predictions at the moment at which it is set back", alpha)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
}
