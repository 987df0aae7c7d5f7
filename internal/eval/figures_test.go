package eval

import (
	"math"
	"math/rand/v2"
	"testing"

	"recsvc/internal/event"
)

// made is outcomes of people of whom some are bolder than others, and predictions of which many are equal.
func made(seed uint64, count, users int) sample {
	r := rand.New(rand.NewPCG(seed, 1))
	s := sample{truth: &Truth{}}
	for i := range count {
		user := uint64(r.IntN(users + 1))
		chance := 0.1 + 0.6*r.Float64()*float64(user%7)/7
		s.truth.Time = append(s.truth.Time, event.Time(i)*1e9)
		s.truth.User = append(s.truth.User, user*0x1234567)
		s.truth.Positive = append(s.truth.Positive, r.Float64() < chance)
		s.p = append(s.p, float32(math.Round(20*(chance+0.2*r.Float64()))/20))
		s.at = append(s.at, i)
	}
	return s
}

// naiveFigures counts every pair.
func naiveFigures(s sample) (f Figures) {
	auc := func(at []int) (won, pairs float64) {
		for _, i := range at {
			for _, j := range at {
				switch {
				case !s.truth.Positive[i] || s.truth.Positive[j]:
					continue
				case s.p[i] > s.p[j]:
					won++
				case s.p[i] == s.p[j]:
					won += 0.5
				}
				pairs++
			}
		}
		return won, pairs
	}
	byUser, sumP := map[uint64][]int{}, 0.0
	for _, i := range s.at {
		f.N++
		p := min(max(float64(s.p[i]), 1e-7), 1-1e-7)
		sumP += p
		if s.truth.Positive[i] {
			f.Positives++
			f.LogLoss -= math.Log(p)
		} else {
			f.LogLoss -= math.Log(1 - p)
		}
		byUser[s.truth.User[i]] = append(byUser[s.truth.User[i]], i)
	}
	f.LogLoss /= float64(f.N)
	f.Calibration = sumP / float64(f.Positives)
	base := float64(f.Positives) / float64(f.N)
	f.NormalizedEntropy = f.LogLoss / (-base*math.Log(base) - (1-base)*math.Log(1-base))
	won, pairs := auc(s.at)
	f.AUC = won / pairs
	rated, shown := 0.0, 0.0
	delete(byUser, 0)
	for _, at := range byUser {
		if won, pairs := auc(at); pairs > 0 {
			f.UserAUC += won / pairs
			f.GAUC += won / pairs * float64(len(at))
			rated, shown = rated+1, shown+float64(len(at))
		}
	}
	f.UserAUC, f.GAUC = f.UserAUC/rated, f.GAUC/shown
	return f
}

func sameFigures(t *testing.T, name string, got, want Figures) {
	t.Helper()
	if got.N != want.N || got.Positives != want.Positives {
		t.Errorf("%s: %d of %d, want %d of %d", name, got.Positives, got.N, want.Positives, want.N)
	}
	for _, tc := range []struct {
		what      string
		got, want float64
	}{
		{"log-loss", got.LogLoss, want.LogLoss}, {"AUC", got.AUC, want.AUC}, {"calibration", got.Calibration, want.Calibration},
		{"normalised entropy", got.NormalizedEntropy, want.NormalizedEntropy}, {"user AUC", got.UserAUC, want.UserAUC}, {"GAUC", got.GAUC, want.GAUC},
	} {
		if math.Abs(tc.got-tc.want) > 1e-9 {
			t.Errorf("%s: %s is %v, want %v", name, tc.what, tc.got, tc.want)
		}
	}
}

func TestFiguresAreThoseOfEveryPairCounted(t *testing.T) {
	s := made(1, 1500, 60)
	m := measure(s)
	sameFigures(t, "all", m.all, naiveFigures(s))
	for g := range Groups {
		rest := sample{truth: s.truth, p: s.p}
		for _, i := range s.at {
			if s.truth.group(i) != g {
				rest.at = append(rest.at, i)
			}
		}
		sameFigures(t, "without a group", m.without[g], naiveFigures(rest))
	}
}

func TestWhatIsUndefinedIsNaN(t *testing.T) {
	s := sample{truth: &Truth{Time: []event.Time{1}, User: []uint64{1}, Positive: []bool{false}}, p: []float32{0.5}, at: []int{0}}
	f := measure(s).all
	for _, x := range []float64{f.AUC, f.Calibration, f.NormalizedEntropy, f.UserAUC, f.GAUC} {
		if !math.IsNaN(x) {
			t.Errorf("%+v", f)
		}
	}
}

// Two arms whose true difference is known, over people who differ a lot: the interval must hold it as often as it says, and would not if
// the exposures of one person were taken for independent.
func TestIntervalsHoldTheTrueDifferenceWhenUsersDiffer(t *testing.T) {
	const streams, users, each = 120, 300, 10
	held, naiveHeld, value := 0, 0, 0.0
	for stream := range streams {
		r := rand.New(rand.NewPCG(uint64(stream), 7))
		a, b := sample{truth: &Truth{}}, sample{}
		b.truth = a.truth
		var sum, squares float64
		for u := range users {
			tilt := float32(0.3 * r.NormFloat64()) // how much better the first arm is for this person; 0 on average
			for range each {
				a.truth.Time, a.truth.User = append(a.truth.Time, 0), append(a.truth.User, r.Uint64()|1)
				a.truth.User[len(a.truth.User)-1] = uint64(u+1) * 0x9e3779b97f4a7c15
				a.truth.Positive = append(a.truth.Positive, true)
				p, q := float32(0.5*math.Exp(float64(tilt)/2)), float32(0.5*math.Exp(-float64(tilt)/2))
				a.p, b.p, a.at = append(a.p, p), append(b.p, q), append(a.at, len(a.at))
				d := loss(p, true) - loss(q, true)
				sum, squares = sum+d, squares+d*d
			}
		}
		b.at = a.at
		d := difference(measure(a), measure(b), func(f *Figures) float64 { return f.LogLoss })
		value += d.Value / streams
		if d.Low <= 0 && d.High >= 0 {
			held++
		}
		n := float64(users * each)
		if half := 1.96 * math.Sqrt((squares/n-sum/n*sum/n)/n); math.Abs(sum/n) <= half {
			naiveHeld++
		}
	}
	t.Logf("%d of %d hold 0, %d that take exposures for independent", held, streams, naiveHeld)
	if held < streams*90/100 || held > streams*99/100 || naiveHeld > streams*70/100 {
		t.Errorf("%d of %d intervals hold 0, and %d that take exposures for independent; mean difference %v", held, streams, naiveHeld, value)
	}
}
