package engine

import (
	"math"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/validation"
)

func TestAnExposureIsCapturedBeforeItMovesItsOwnWindows(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	l.append(behaviour("exposure", "u1", "i1", at(0)), tick(at(10))) // it is learned when time has passed it
	if w := l.weight("user_shown", "u1", "i1", at(10)); w != 0 {
		t.Errorf("the first exposure was learned with itself in its window: weight %v", w)
	}
	l.append(behaviour("exposure", "u1", "i2", at(20)), tick(at(30)))
	if w := l.weight("user_shown", "u1", "i1", at(30)); w == 0 {
		t.Error("the second exposure was learned without the first in its window")
	}
	l.stop()
}

func TestWhatWasServedIsLearnedAsItWasServed(t *testing.T) {
	for _, tc := range []struct {
		name   string
		served bool
		want   bool // that the views in between are in what is learned
	}{
		{"a served list is captured when it is served", true, false},
		{"a list ranked elsewhere is captured when it is shown", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := openRig(t, t.TempDir()).follow()
			if tc.served {
				l.append(servedRecord("r1", "u1", "default", at(0), event.ServedItem{Item: "i1", Propensity: 1}))
			}
			for i := range 5 {
				l.append(behaviour("view", "u2", "i1", at(float64(i+1))))
			}
			exposure, click := behaviour("exposure", "u1", "i1", at(10)), behaviour("click", "u1", "i1", at(12))
			exposure.Event.Request, click.Event.Request = "r1", "r1"
			l.append(exposure, click)
			if learned := l.weight("item_views", "u1", "i1", at(20)) != 0; learned != tc.want {
				t.Errorf("learned with the views: %v, want %v", learned, tc.want)
			}
			c, err := l.Feedback(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if c.Heads[0].Positive != 1 || c.CapturedLate != 0 {
				t.Errorf("%+v", c)
			}
			l.stop()
		})
	}
}

func TestThePredictionThatIsJudgedIsTheOneOfTheCapture(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	l.append(teach("u2", "i1", 0, 20)...)
	before := l.Models[0].Head(0).Validation().Total()

	now := at(600)
	l.append(itemRecord("i1"))
	p := l.predict("u1", "i1", now)[0]
	l.append(servedRecord("r1", "u1", "default", now, event.ServedItem{Item: "i1", Propensity: 1}))
	l.append(teach("u2", "i1", 600, 20)...) // the model moves on
	if moved := l.predict("u1", "i1", now)[0]; moved == p {
		t.Fatal("the model has not moved")
	}
	middle := l.Models[0].Head(0).Validation().Total()
	exposure, click := behaviour("exposure", "u1", "i1", at(700)), behaviour("click", "u1", "i1", at(701))
	exposure.Event.Request, click.Event.Request = "r1", "r1"
	l.append(exposure, click)
	after := l.Models[0].Head(0).Validation().Total()

	if before.N != 20 || after.N != middle.N+1 {
		t.Fatalf("%d, %d, then %d predictions judged", before.N, middle.N, after.N)
	}
	loss := after.LogLoss*float64(after.N) - middle.LogLoss*float64(middle.N)
	if want := -math.Log(float64(p)); math.Abs(loss-want) > 1e-6 {
		t.Errorf("the loss of the last prediction is %v, want that of %v at its capture: %v", loss, p, want)
	}
	l.stop()
}

// teach is a run of exposures, each with a click, one a second from a number of seconds on.
func teach(user, item string, from float64, n int) (recs []event.Record) {
	for i := range n {
		t := from + float64(i)
		recs = append(recs, behaviour("exposure", user, item, at(t)), behaviour("click", user, item, at(t+0.5)))
	}
	return recs
}

// Lists are scored beside the writer and captured by it: both must come to the same numbers, live and when the log is
// replayed.
func TestServedScoresAreThoseOfTheCapture(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	base := makeTraffic(9, 1500)
	for n := 0; n < len(base); n += 10 {
		var some []event.Record
		for _, r := range base[n:min(len(base), n+10)] {
			if r.Served == nil { // those hold invented scores
				some = append(some, r)
			}
		}
		l.append(some...)
		now := base[n].Received.Add(lateness)
		var items []event.ServedItem
		for _, id := range []string{"i1", "i7", "i13", "i30"} {
			if p := l.predict("u3", id, now); p[0] != 0 {
				items = append(items, event.ServedItem{Item: id, Score: float64(p[0]), Propensity: 1})
			}
		}
		list := servedRecord("live"+string(rune('a'+n%26)), "u3", "default", now, items...)
		list.Served.Model = "ctr@1"
		l.append(list)
	}
	log := l.log
	want := l.stop()
	if s := want.status; s.Served < 400 || s.Skewed != 0 {
		t.Errorf("%d scores compared, %d differ", s.Served, s.Skewed)
	}
	got := openRig(t, t.TempDir()).run(log, 100)
	got.sameAs(t, want)
}

func TestAnotherScoreThanThatOfTheCaptureIsCounted(t *testing.T) {
	r := openRig(t, t.TempDir())
	list := servedRecord("r1", "u1", "default", at(0), event.ServedItem{Item: "i1", Score: 0.5}, event.ServedItem{Item: "i2", Score: 0.51})
	list.Served.Model = "ctr@0"
	other := servedRecord("r2", "u1", "default", at(0), event.ServedItem{Item: "i1", Score: 7}) // popularity, not a prediction
	if s := r.run(place(nil, list, other)).status; s.Served != 2 || s.Skewed != 1 {
		t.Errorf("%d scores compared, %d differ; want 2 and 1", s.Served, s.Skewed)
	}
}

func TestATickClosesWindows(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	l.append(behaviour("exposure", "u1", "i1", at(0)))
	metrics := func() (n [2]uint64) {
		for i, h := range l.Models[0].Heads() {
			n[i] = h.Validation().Total().N
		}
		return n
	}
	for _, tc := range []struct {
		at      event.Time
		judged  [2]uint64
		pending int
	}{
		{at(0).Add(clickWindow), [2]uint64{0, 0}, 1},
		{at(1).Add(clickWindow + lateness), [2]uint64{1, 0}, 1},
		{at(1).Add(dwellWindow + lateness), [2]uint64{1, 1}, 0},
	} {
		l.append(tick(tc.at))
		if got := metrics(); got != tc.judged {
			t.Errorf("after the tick at %v: judged %v, want %v", tc.at.Time(), got, tc.judged)
		}
		if got := l.Status(); got.Pending != tc.pending || got.Watermark != tc.at.Add(-lateness) {
			t.Errorf("after the tick at %v: %d pending, watermark %v", tc.at.Time(), got.Pending, got.Watermark.Time())
		}
	}
	if got, want := l.Longest(), dwellWindow; got != want {
		t.Errorf("the longest window is %v, want %v", got, want)
	}
	l.stop()
}

func TestALateOutcomeIsNotLearned(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	l.append(behaviour("exposure", "u1", "i1", at(0)), tick(at(400)))
	w := l.weight("user_shown", "u1", "i1", at(400))
	p := l.predict("u1", "i1", at(400))
	l.append(behaviour("click", "u1", "i1", at(399)))
	if l.weight("user_shown", "u1", "i1", at(400)) != w || l.predict("u1", "i1", at(400))[0] > p[0]+0.2 {
		t.Error("the late click was learned")
	}
	c, err := l.Feedback(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Heads[0].LateOutcomes != 1 || c.Heads[0].Positive != 0 {
		t.Errorf("%+v", c.Heads[0])
	}
	l.stop()
}

func TestClicksRaiseThePredictionOfTheItemAndItsKin(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	for _, id := range []string{"a1", "a2"} {
		l.append(itemRecord(id, event.Attribute{Key: "categories", Value: words("liked")}))
	}
	l.append(itemRecord("b1", event.Attribute{Key: "categories", Value: words("other")}))
	for i := range 30 {
		l.append(behaviour("exposure", "u1", "b1", at(float64(20*i))))
		l.append(teach("u1", "a1", float64(20*i+5), 1)...)
	}
	kin, other := l.predict("u1", "a2", at(600))[0], l.predict("u1", "b1", at(600))[0]
	if kin < 0.6 || other > 0.4 {
		t.Errorf("the unseen item of the liked category has %v, the ignored one %v", kin, other)
	}
	var total validation.Metrics = l.Models[0].Head(0).Validation().Total()
	if total.Positives != 30 {
		t.Errorf("%+v", total)
	}
	l.stop()
}
