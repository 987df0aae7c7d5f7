package examination

import (
	"math"
	"testing"
	"time"
)

func TestOfDrawnListsThetaIsTheRatioOfTheClickRates(t *testing.T) {
	e, err := New(Options{Positions: 3, HalfLife: 1000 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	e.Group("", "")
	clicks := [][2]int{{4000, 10_000}, {1500, 9000}, {900, 11_000}} // of how many
	for k, c := range clicks {
		for i := range c[1] {
			e.Observe(&Outcome{Position: k + 1, Placing: Drawn, P: .5, Positive: i < c[0], Time: 1e18})
		}
	}
	r := e.report(e.groups[0])
	rate := func(k int) float64 { return float64(clicks[k][0]) / float64(clicks[k][1]) }
	for k, got := range r.Of(Swaps) {
		want := rate(k) / rate(0)
		variance := 0.0
		if k > 0 {
			variance = (1-rate(k))/float64(clicks[k][0]) + (1-rate(0))/float64(clicks[0][0])
		}
		if math.Abs(got.Theta-want) > 1e-4 {
			t.Errorf("θ of position %d is %v, want %v", k+1, got.Theta, want)
		}
		if low := want * math.Exp(-z*math.Sqrt(variance)); math.Abs(got.Low-low) > 1e-3 {
			t.Errorf("θ of position %d is at least %v, want %v", k+1, got.Low, low)
		}
		if math.Abs(got.Effective-float64(clicks[k][1])) > 1e-6 || math.Abs(got.Rate-rate(k)) > 1e-9 {
			t.Errorf("position %d: %v outcomes of which %v, want %v and %v", k+1, got.Effective, got.Rate, clicks[k][1], rate(k))
		}
	}
}

func TestWhatIsRefusedChangesNothing(t *testing.T) {
	e, err := New(Options{Positions: 3})
	if err != nil {
		t.Fatal(err)
	}
	e.Group("", "")
	nan := float32(math.NaN())
	for _, o := range []Outcome{
		{Group: -1, Position: 1, P: .5}, {Group: 1, Position: 1, P: .5}, {Position: 0, P: .5}, {Position: -3, P: .5}, {Position: 1, P: nan},
		{Position: 1, P: -.1}, {Position: 1, P: 1.5}, {Position: 1, P: .5, Placing: Paired},
	} {
		o.Time = 1e18
		e.Observe(&o)
	}
	if want := (Counters{Refused: 8}); e.Counters() != want {
		t.Errorf("counters %+v, want %+v", e.Counters(), want)
	}
	if e.groups[0].stale || e.groups[0].em[0].all != (side{}) {
		t.Error("something was taken in")
	}
}

func TestPredictionsOfNothingAndOfCertaintyLeaveTheCurveFinite(t *testing.T) {
	for _, p := range []float32{0, 1, 1e-30} {
		w := newWorld(t, 3, Options{})
		for i := range 1000 {
			w.e.Observe(&Outcome{Position: i%len5 + 1, P: p, Positive: i%7 == 0, Time: 1e18, Item: 3, Placing: Drawn})
		}
		r := w.e.report(w.e.groups[0])
		for m := Swaps; m <= EM; m++ {
			for k, e := range r.Of(m) {
				if !finite(e.Theta) || !finite(e.Low) || !finite(e.High) || e.Theta <= 0 {
					t.Errorf("predictions of %v: %v says %+v of position %d", p, m, e, k+1)
				}
			}
		}
	}
}

func TestPositionsBelowTheLastCountAsIt(t *testing.T) {
	e, err := New(Options{Positions: 3, Method: EM, MinWeight: 10})
	if err != nil {
		t.Fatal(err)
	}
	g := e.Group("s", "phone")
	for i := range 300 {
		e.Observe(&Outcome{Group: g, Position: 1 + i%5, P: .5, Positive: i%2 == 0, Time: 1e18})
	}
	e.Advance(2e18)
	last, ok := e.Theta(g, 3)
	if deep, _ := e.Theta(g, 400); !ok || deep != last {
		t.Errorf("θ of position 3 is %v, of position 400 %v", last, deep)
	}
}

func TestGroupsAreToldApartAsFarAsThereIsRoom(t *testing.T) {
	e, err := New(Options{Positions: 3, Groups: 2})
	if err != nil {
		t.Fatal(err)
	}
	home, phone := e.Group("home", ""), e.Group("home", "phone")
	if home == phone || e.Group("home", "") != home || e.Find("home", "phone") != phone {
		t.Errorf("groups %d and %d, then %d", home, phone, e.Group("home", ""))
	}
	if g := e.Group("shop", ""); g != -1 || e.Find("shop", "") != -1 {
		t.Errorf("a third group has the number %d", g)
	}
}

func TestEstimatesComeInForceAtStepsOfEventTimeOnly(t *testing.T) {
	w := newWorld(t, 9, Options{Method: EM, MinWeight: 100, Step: 10 * time.Minute})
	w.now = int64(time.Hour)
	w.e.Advance(w.now) // the step that is over
	for range 200 {
		w.ranked()
	}
	w.e.Advance(int64(time.Hour + 10*time.Minute - 1))
	if theta, ok := w.e.Theta(0, 2); ok {
		t.Fatalf("θ %v is in force within the step", theta)
	}
	w.e.Advance(int64(time.Hour + 10*time.Minute))
	before, ok := w.e.Theta(0, 2)
	if !ok || math.Abs(float64(before)-truth[1]) > .25 {
		t.Fatalf("θ in force: %v, %v", before, ok)
	}
	for range 200 {
		w.ranked()
	}
	w.e.Advance(int64(time.Hour + 20*time.Minute - 1))
	if now, _ := w.e.Theta(0, 2); now != before {
		t.Errorf("θ moved from %v to %v within the step", before, now)
	}
	w.e.Advance(int64(time.Hour + 5*24*time.Hour))
	if now, _ := w.e.Theta(0, 2); now == before {
		t.Error("θ did not move with the next step")
	}
}

func TestTooLittleEvidenceIsNotInForce(t *testing.T) {
	w := newWorld(t, 9, Options{Method: Swaps, MinWeight: 400})
	for range 399 {
		w.drawn()
	}
	w.e.Advance(w.now + int64(time.Hour))
	if _, ok := w.e.Theta(0, 2); ok {
		t.Error("399 lists are enough where 400 are asked for")
	}
	w.drawn()
	w.drawn() // its decay is less than one list
	w.e.Advance(w.now + 2*int64(time.Hour))
	if _, ok := w.e.Theta(0, 2); !ok {
		t.Error("401 lists are not enough where 400 are asked for")
	}
}

func TestThetaInForceStaysWithinFloorAndOne(t *testing.T) {
	e, err := New(Options{Positions: 3, Method: Swaps, MinWeight: 10, Floor: .2})
	if err != nil {
		t.Fatal(err)
	}
	e.Group("", "")
	for i := range 3000 {
		k := i%3 + 1
		e.Observe(&Outcome{Position: k, Placing: Drawn, P: .5, Positive: k == 2 && i%2 == 0 || k == 1 && i%4 == 0 || i%500 == 2, Time: 1e18})
	}
	e.Advance(2e18)
	for k, want := range []float32{1, 1, .2} {
		if got, ok := e.Theta(0, k+1); !ok || got != want {
			t.Errorf("θ of position %d is %v, want %v", k+1, got, want)
		}
	}
	if r := e.Reports()[0].Of(Swaps); r[1].Theta < 1.5 || r[2].Theta > .05 {
		t.Errorf("the estimates themselves are not bounded: got %.3f and %.3f", r[1].Theta, r[2].Theta)
	}
}

func TestFixedLeavesTheTablesInForceAndEstimatesAllTheSame(t *testing.T) {
	w := newWorld(t, 9, Options{Method: Fixed})
	for range 2000 {
		w.drawn()
	}
	w.e.Advance(w.now + int64(time.Hour))
	if _, ok := w.e.Theta(0, 2); ok {
		t.Error("an estimate is in force")
	}
	if r := w.e.Reports(); len(r) != 1 || r[0].Of(Swaps)[1].Effective < 1900 {
		t.Errorf("reports %+v", r)
	}
}

func TestOldEvidenceIsForgottenByEventTime(t *testing.T) {
	w := newWorld(t, 4, Options{HalfLife: time.Hour})
	for range 5000 { // until now, positions had nothing to do with it
		w.rank()
		for k := range len5 {
			w.e.Observe(&Outcome{Position: k + 1, Placing: Drawn, P: .3, Positive: w.r.IntN(3) == 0, Time: w.now})
		}
	}
	w.now += 20 * int64(time.Hour)
	for range 20_000 {
		w.drawn()
	}
	got := w.estimates(Swaps)
	if math.Abs(got[4].Theta-truth[4]) > .04 {
		t.Errorf("θ of position 5 is %.3f, want the present %v", got[4].Theta, truth[4])
	}
	if got[0].Effective > 2*3600*1.45 { // (Σw)²/Σw² of a decay: 2·half-life/ln 2
		t.Errorf("20,000 lists, one a second, count as %.0f with a half-life of an hour", got[0].Effective)
	}
}

func TestMovingTheLandmarkChangesNoEstimate(t *testing.T) {
	run := func(gap int64) []Estimate {
		w := newWorld(t, 4, Options{HalfLife: time.Hour})
		w.now = 0
		w.e.Observe(&Outcome{Position: 1, P: .5, Time: w.now}) // where weights begin
		w.now = gap
		for range 300 {
			w.swapped()
			w.drawn()
			w.found()
		}
		return append(append(w.estimates(Swaps), w.estimates(Harvest)...), w.estimates(EM)...)
	}
	near, far := run(30*int64(time.Hour)), run(64*int64(time.Hour)-int64(5*time.Minute)) // the latter crosses it on its way
	for k := range near {
		if math.Abs(near[k].Theta-far[k].Theta) > 1e-7 || math.Abs(near[k].Effective-far[k].Effective) > 1e-5 {
			t.Errorf("%d: %+v, with the landmark moved %+v", k, near[k], far[k])
		}
	}
}

func TestSightingsTooFarApartAreNotCompared(t *testing.T) {
	for _, tc := range []struct {
		name    string
		apart   time.Duration
		matched uint64
	}{{"a day", 24 * time.Hour, 1}, {"more than a day", 24*time.Hour + 1, 0}} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, 1, Options{})
			w.e.Observe(&Outcome{Position: 1, P: .5, Item: 7, Time: 1e18})
			w.e.Observe(&Outcome{Position: 2, P: .5, Item: 7, Time: 1e18 + int64(tc.apart)})
			if got := w.e.Counters().Matched; got != tc.matched {
				t.Errorf("%d matched, want %d", got, tc.matched)
			}
		})
	}
}

func TestOnlyTheSameItemForTheSameQueryIsCompared(t *testing.T) {
	w := newWorld(t, 1, Options{})
	w.e.Group("", "other")
	for _, o := range []Outcome{
		{Position: 1, Item: 7, Query: 1}, {Position: 2, Item: 8, Query: 1}, {Position: 3, Item: 7, Query: 2}, {Position: 4, Item: 7, Query: 1, Group: 1},
		{Position: 1, Item: 7, Query: 1}, {Position: 5}, {Position: 1},
	} {
		o.P, o.Time = .5, 1e18
		w.e.Observe(&o)
	}
	if got := w.e.Counters().Matched; got != 0 {
		t.Errorf("%d matched, want none", got)
	}
	w.e.Observe(&Outcome{Position: 2, Item: 7, Query: 1, P: .5, Time: 1e18})
	if got := w.e.Counters().Matched; got != 1 {
		t.Errorf("%d matched, want 1", got)
	}
}

// More items than the table has room for, of which most come once: those that come often are matched all the same.
func TestWhatComesOftenKeepsItsPlaceAmongManyThatComeOnce(t *testing.T) {
	w := newWorld(t, 1, Options{})
	for i := range 300_000 {
		w.e.Observe(&Outcome{Position: 1, Item: mix(uint64(i) + 1e9), P: .5, Time: 1e18 + int64(i)})
		w.e.Observe(&Outcome{Position: 1 + i/100%2, Item: mix(uint64(i % 100)), P: .5, Time: 1e18 + int64(i)})
	}
	if got := w.e.Counters().Matched; got < 100_000 {
		t.Errorf("%d matched, of 150,000", got)
	}
}

// The twin is the algorithm as it is published: both steps, over and over.
func TestEMStandsWhereIterationWouldComeToStand(t *testing.T) {
	gammas := []float64{.02, .1, .35, .8} // one range of log-odds each
	var s sighted
	var clicks, n float64
	misses := make([]float64, len(gammas))
	for i, g := range gammas {
		for j := range 5000 {
			positive := float64(j) < 5000*g*.4
			s.add(1, g, positive)
			if n++; positive {
				clicks++
			} else {
				misses[i]++
			}
		}
	}
	theta := .9 // 1 stands still whatever was seen
	for range 100_000 {
		looked := clicks // the E step: who clicked has looked
		for i, g := range gammas {
			looked += misses[i] * theta * (1 - g) / (1 - theta*g)
		}
		theta = looked / n // the M step
	}
	log, _ := s.solve()
	if got := math.Exp(log); math.Abs(got-theta) > 1e-4 || math.Abs(theta-.4) > .01 {
		t.Errorf("θ is %v, by iteration %v", got, theta)
	}
}

func TestOptionsOutOfRangeAreNamed(t *testing.T) {
	for name, o := range map[string]Options{
		"method": {Method: 9}, "positions": {Positions: 1}, "many positions": {Positions: 101}, "groups": {Groups: -1}, "half-life": {HalfLife: time.Second},
		"step": {Step: 1}, "weight": {MinWeight: math.NaN()}, "floor": {Floor: 1.5}, "within": {Within: -1},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: %+v is taken", name, o)
		}
	}
}

func TestMethodsAreReadAsTheyAreWritten(t *testing.T) {
	for m := Fixed; m <= EM; m++ {
		if got, err := ParseMethod(m.String()); err != nil || got != m {
			t.Errorf("%v is read as %v, %v", m, got, err)
		}
	}
	if _, err := ParseMethod("guess"); err == nil {
		t.Error("guess is taken")
	}
}

func BenchmarkObserve(b *testing.B) {
	w := newWorld(b, 1, Options{})
	b.ReportAllocs()
	for i := range b.N {
		w.e.Observe(&Outcome{Position: i%len5 + 1, Item: uint64(i%40_000 + 1), P: .3, Positive: i%9 == 0, Time: 1e18 + int64(i)*1e6})
	}
}

func BenchmarkEstimate(b *testing.B) {
	e, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	e.Group("", "")
	for i := range 100_000 {
		k := i % 20
		o := Outcome{Position: k + 1, Item: uint64(i % 999), P: .3, Positive: i%(3+k) == 0, Placing: Paired, Mate: i/7%20 + 1, Time: 1e18}
		e.Observe(&o)
	}
	for b.Loop() {
		e.report(e.groups[0])
	}
}
