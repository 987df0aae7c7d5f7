package examination

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// truth is the curve of the small world.
var truth = []float64{1, .65, .45, .3, .22}

const second = int64(time.Second)

// world shows lists of five items. Relevance falls along each list; the model knows it, with noise that averages out where noisy is set.
type world struct {
	r    *rand.Rand
	e    *Estimator
	now  int64
	last [len5]float64 // relevance of the list's items, by position of the ranking
}

const len5 = 5

func newWorld(t testing.TB, seed uint64, o Options) *world {
	t.Helper()
	o.Positions = len5
	if o.HalfLife == 0 {
		o.HalfLife = 10 * 365 * 24 * time.Hour
	}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	e.Group("", "")
	return &world{r: rand.New(rand.NewPCG(seed, 1)), e: e, now: 1e18}
}

// show observes one item at a position, from 0.
func (w *world) show(k int, relevance float64, o Outcome) {
	o.Position, o.Time = k+1, w.now
	o.P = float32(relevance)
	o.Positive = w.r.Float64() < relevance && w.r.Float64() < truth[k]
	w.e.Observe(&o)
}

// rank draws the relevance of a list's items: the better it is, the higher it stands.
func (w *world) rank() *[len5]float64 {
	w.now += second
	for k := range w.last {
		w.last[k] = (.15 + .5*w.r.Float64()) * (1 - .15*float64(k))
	}
	return &w.last
}

// swapped shows a list of which one pair of positions takes part in the experiment.
func (w *world) swapped() {
	items := *w.rank()
	i := w.r.IntN(len5 - 1)
	j := i + 1 + w.r.IntN(len5-1-i)
	if w.r.IntN(2) == 0 {
		items[i], items[j] = items[j], items[i]
	}
	for k, relevance := range items {
		o := Outcome{}
		if k == i {
			o.Placing, o.Mate = Paired, j+1
		} else if k == j {
			o.Placing, o.Mate = Paired, i+1
		}
		w.show(k, relevance, o)
	}
}

// drawn shows a list in an order that was drawn.
func (w *world) drawn() {
	items := *w.rank()
	w.r.Shuffle(len5, func(i, j int) { items[i], items[j] = items[j], items[i] })
	for k, relevance := range items {
		w.show(k, relevance, Outcome{Placing: Drawn})
	}
}

// found shows one of a few items where one of two rankers puts it: two opinions that have nothing to do with relevance.
func (w *world) found() {
	w.now += second
	item := w.r.IntN(50)
	relevance := .2 + .012*float64(item)
	k := item % len5
	if w.r.IntN(2) == 0 {
		k = item * 7 / 3 % len5
	}
	w.show(k, relevance, Outcome{Item: uint64(item + 1)})
}

func (w *world) estimates(m Method) []Estimate {
	r := w.e.report(w.e.groups[0])
	return r.Of(m)
}

// ranked shows a list as it was ranked.
func (w *world) ranked() {
	for k, relevance := range *w.rank() {
		w.show(k, relevance, Outcome{})
	}
}

func TestEachMethodRecoversTheCurveFromItsOwnEvidence(t *testing.T) {
	for _, tc := range []struct {
		name   string
		method Method
		show   func(*world)
		lists  int
	}{
		{"swapped pairs", Swaps, (*world).swapped, 120_000},
		{"drawn lists", Swaps, (*world).drawn, 60_000},
		{"drawn lists among ranked ones", Swaps, func(w *world) { w.ranked(); w.drawn() }, 60_000},
		{"swapped pairs and drawn lists together", Swaps, func(w *world) { w.swapped(); w.drawn() }, 40_000},
		{"items seen at several positions", Harvest, (*world).found, 250_000},
		{"a model that knows relevance", EM, (*world).ranked, 60_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, 5, Options{})
			for range tc.lists {
				tc.show(w)
			}
			for k, got := range w.estimates(tc.method) {
				if math.Abs(got.Theta-truth[k]) > .02 {
					t.Errorf("θ of position %d: %.4f (%.4f to %.4f), want %v", k+1, got.Theta, got.Low, got.High, truth[k])
				}
			}
		})
	}
}

func TestClickRatesOfARankingAreNoCurve(t *testing.T) {
	w := newWorld(t, 6, Options{})
	for range 30_000 {
		w.ranked()
	}
	got := w.estimates(EM)
	if naive := got[4].Rate / got[0].Rate; naive > truth[4]-.05 {
		t.Errorf("the ratio of the click rates of positions 5 and 1 is %.3f: the world confounds nothing, and its tests show nothing", naive)
	}
	for _, e := range w.estimates(Swaps)[1:] {
		if e.Effective != 0 {
			t.Errorf("lists of which nothing was drawn count as %.0f drawn ones", e.Effective)
		}
	}
}

// Of 400 runs, as many intervals of 95 % must hold the truth as 95 % of chance would have: 4 deviations of a binomial of 1,600 are 2.2 %.
func TestIntervalsHoldTheTruthAsOftenAsTheySay(t *testing.T) {
	const runs = 400
	for _, tc := range []struct {
		name   string
		method Method
		show   func(*world)
		lists  int
	}{
		{"swapped pairs", Swaps, (*world).swapped, 4000},
		{"drawn lists", Swaps, (*world).drawn, 800},
		{"items seen at several positions", Harvest, (*world).found, 8000},
		{"a model that knows relevance", EM, (*world).ranked, 800},
	} {
		t.Run(tc.name, func(t *testing.T) {
			held := 0
			for run := range runs {
				w := newWorld(t, uint64(1000+run), Options{})
				for range tc.lists {
					tc.show(w)
				}
				for k, e := range w.estimates(tc.method)[1:] {
					if e.Low <= truth[k+1] && truth[k+1] <= e.High {
						held++
					}
				}
			}
			share := float64(held) / (runs * (len5 - 1))
			t.Logf("%.3f of the intervals of 95 %% hold the truth", share)
			if share < .92 || share > .98 {
				t.Errorf("%.3f of the intervals of 95 %% hold the truth", share)
			}
		})
	}
}
