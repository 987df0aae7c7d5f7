package validation

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"recsvc/internal/dirty"
)

// naive recounts from all observations what a tally keeps.
type naive []Observation

func (n naive) p(i int) float64 {
	p := float64(n[i].P)
	if n[i].Theta != 0 {
		p *= float64(n[i].Theta)
	}
	return min(max(p, minChance), 1-minChance)
}

// auc counts pairs, ties as half.
func (n naive) auc() float64 {
	order := make([]int, len(n))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(n.p(a), n.p(b)) })
	var won, pos, neg float64
	for from := 0; from < len(order); {
		to := from
		var p, q float64
		for ; to < len(order) && n.p(order[to]) == n.p(order[from]); to++ {
			if n[order[to]].Positive {
				p++
			} else {
				q++
			}
		}
		won += p*neg + p*q/2
		pos += p
		neg += q
		from = to
	}
	return won / (pos * neg)
}

func (n naive) check(t *testing.T, name string, m Metrics) {
	t.Helper()
	n.checkWithin(t, name, m, 0.002)
	n.checkQuantiles(t, name, m)
}

// checkWithin leaves the quantiles out; bound is the greatest that the bound of AUC may be.
func (n naive) checkWithin(t *testing.T, name string, m Metrics, bound float64) {
	t.Helper()
	var positives, sum, loss, w, w2, wp, wloss, wy float64
	for i, o := range n {
		weight, l := o.weight(), -math.Log(1-n.p(i))
		if o.Positive {
			positives++
			l = -math.Log(n.p(i))
			wy += weight
		}
		sum, loss = sum+n.p(i), loss+l
		w, w2, wp, wloss = w+weight, w2+weight*weight, wp+weight*n.p(i), wloss+weight*l
	}
	count := float64(len(n))
	base := positives / count
	entropy := -base*math.Log(base) - (1-base)*math.Log(1-base)
	for _, tc := range []struct {
		what      string
		got, want float64
	}{
		{"n", float64(m.N), count},
		{"positives", float64(m.Positives), positives},
		{"log-loss", m.LogLoss, loss / count},
		{"normalised entropy", m.NormalizedEntropy, loss / count / entropy},
		{"calibration", m.Calibration, sum / positives},
		{"mean p", m.MeanP, sum / count},
		{"effective sample size", m.ESS, w * w / w2},
		{"weighted log-loss", m.WeightedLogLoss, wloss / w},
		{"weighted calibration", m.WeightedCalibration, wp / wy},
	} {
		if !near(tc.got, tc.want, 1e-9) {
			t.Errorf("%s: %s = %v, want %v", name, tc.what, tc.got, tc.want)
		}
	}
	if exact := n.auc(); !(math.Abs(m.AUC-exact) <= m.AUCBound+1e-12) || !(m.AUCBound < bound) {
		t.Errorf("%s: AUC %v ± %v, exactly %v", name, m.AUC, m.AUCBound, exact)
	}
}

func (n naive) checkQuantiles(t *testing.T, name string, m Metrics) {
	t.Helper()
	ps := make([]float64, len(n))
	for i := range ps {
		ps[i] = n.p(i)
	}
	slices.Sort(ps)
	logit := func(p float64) float64 { return math.Log(p / (1 - p)) }
	for i, share := range QuantileShares {
		want := ps[int(math.Ceil(share*float64(len(ps))))-1]
		if math.Abs(logit(m.Quantiles[i])-logit(want)) > 0.51/binsPerLogit {
			t.Errorf("%s: quantile %v = %v, want %v", name, share, m.Quantiles[i], want)
		}
	}
}

// labelWindow is how long the outcomes of observations may take.
const labelWindow = 90 * time.Minute

func observations(seed uint64, count int) []Observation {
	r := rand.New(rand.NewPCG(seed, 0))
	out := make([]Observation, count)
	for i := range out {
		s := r.NormFloat64()*1.2 - 2
		o := Observation{P: float32(sigmoid(s)), Time: int64(i) * dayNanos / 3000}
		if i%3 == 0 {
			o.Theta = 1 - r.Float32()*0.8
		}
		if i%50 == 0 {
			o.P = 0.125 // ties
		}
		o.Positive = r.Float64() < sigmoid(s+0.5*r.NormFloat64())
		o.User = uint64(r.IntN(count/20) + 1)
		o.Final = o.Time + int64(labelWindow)
		if o.Positive {
			o.Final = o.Time + r.Int64N(int64(labelWindow))
		}
		if i%7 == 0 {
			o.Weight = 4 * r.Float32()
		}
		out[i] = o
	}
	return out
}

func TestMetricsEqualANaiveRecount(t *testing.T) {
	v := New("m/h", Options{})
	obs := observations(1, 25_300)
	for _, o := range obs {
		v.Observe(o)
	}
	naive(obs).check(t, "total", v.Total())
	naive(obs[16_000:]).check(t, "recent", v.Recent())
	days := v.Days()
	if len(days) != 9 {
		t.Fatalf("%d days", len(days))
	}
	for i, d := range days {
		if want := time.Unix(0, 0).UTC().AddDate(0, 0, i); !d.Start.Equal(want) {
			t.Errorf("day %d starts at %v", i, d.Start)
		}
		naive(obs[i*3000:min((i+1)*3000, len(obs))]).check(t, d.Start.Format(time.DateOnly), d.Metrics)
	}
}

func TestRecentCoversTheLastBlocks(t *testing.T) {
	v := New("m/h", Options{})
	for i := range 23_456 {
		v.Observe(Observation{P: 0.5, Positive: i >= 14_000})
		n := v.Recent().N
		if want := min(i+1, 9000+(i%1000)+1); i%97 == 0 && n != uint64(want) {
			t.Fatalf("after %d: %d recent, want %d", i+1, n, want)
		}
	}
	if m := v.Recent(); m.N != 9456 || m.Positives != 9456 {
		t.Errorf("%d of %d", m.Positives, m.N)
	}
}

func TestWhatIsUndefinedIsNaN(t *testing.T) {
	v := New("m/h", Options{})
	for _, m := range []Metrics{v.Total(), v.Recent()} {
		for _, x := range []float64{m.AUC, m.AUCBound, m.LogLoss, m.NormalizedEntropy, m.Calibration, m.MeanP, m.Quantiles[0], m.Quantiles[6]} {
			if !math.IsNaN(x) {
				t.Errorf("%+v", m)
			}
		}
	}
	v.Observe(Observation{P: 0.5})
	if m := v.Total(); !math.IsNaN(m.AUC) || !math.IsNaN(m.Calibration) || !math.IsNaN(m.NormalizedEntropy) || m.LogLoss != math.Ln2 {
		t.Errorf("%+v", m)
	}
}

func TestExtremePredictionsStayFinite(t *testing.T) {
	v := New("m/h", Options{})
	for _, p := range []float32{0, 1, 1e-30, float32(math.NaN()), float32(math.Inf(1)), -1, 2} {
		v.Observe(Observation{P: p, Positive: true})
		v.Observe(Observation{P: p})
	}
	if m := v.Total(); m.N != 10 || !finite(m.LogLoss) || !finite(m.AUC) || v.Ignored() != 4 {
		t.Errorf("%+v, %d ignored", m, v.Ignored())
	}
}

func TestOldDaysMakeRoomForNewOnes(t *testing.T) {
	v := New("m/h", Options{MaxDays: 3})
	at := func(day int64) Observation { return Observation{P: 0.5, Time: day*dayNanos + 5} }
	for _, day := range []int64{10, 12, 11, -1, 13, 9, 13, 20} {
		v.Observe(at(day))
	}
	var got []int64
	for _, d := range v.Days() {
		got = append(got, d.Start.Unix()/86400)
	}
	if !slices.Equal(got, []int64{12, 13, 20}) {
		t.Errorf("days %v", got)
	}
	if n := v.Total().N; n != 8 {
		t.Errorf("%d in total", n)
	}
}

func TestTimesBefore1970BelongToTheDayBefore(t *testing.T) {
	v := New("m/h", Options{})
	v.Observe(Observation{P: 0.5, Time: -1})
	v.Observe(Observation{P: 0.5, Time: -dayNanos})
	if d := v.Days(); len(d) != 1 || d[0].N != 2 || d[0].Start.Format(time.DateOnly) != "1969-12-31" {
		t.Errorf("%+v", d)
	}
}

func cut(v *Head, into map[string]string) {
	v.set.Cut(func(key, value []byte, _ dirty.Sum) {
		if value == nil {
			delete(into, string(key))
		} else {
			into[string(key)] = string(value)
		}
	})
	v.set.Flush(1 << 30)
}

func TestMetricsSurviveSavingAtAnyMoment(t *testing.T) {
	v, stored := New("m/h", Options{MaxDays: 4}), map[string]string{}
	r := rand.New(rand.NewPCG(5, 5))
	for _, o := range observations(2, 30_000) {
		v.Observe(o)
		if r.IntN(1500) != 0 {
			continue
		}
		cut(v, stored)
		w := New("m/h", Options{MaxDays: 4})
		for key, value := range stored { // in any order
			if ok, err := w.Load([]byte(key), []byte(value), dirty.SumOf([]byte(key), []byte(value))); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		if w.Total() != v.Total() || w.Recent() != v.Recent() || !slices.Equal(w.Days(), v.Days()) {
			t.Fatalf("metrics differ after %d", v.Total().N)
		}
		if w.set.Digest() != v.set.Digest() {
			t.Fatal("digests differ")
		}
		v = w
	}
}

func TestBadMetricsAreRefused(t *testing.T) {
	v, stored := New("m/h", Options{}), map[string]string{}
	for _, o := range observations(3, 20) {
		o.User, o.Weight = 5, 0
		v.Observe(o)
	}
	cut(v, stored)
	key := func(rest string) string { return string(v.key) + rest }
	total, block := stored[key("t")], stored[key("b\x00")]
	if total == "" || block == "" {
		t.Fatalf("entries %q", stored)
	}
	user := stored[key("u\x00\x00\x00\x00\x00\x00\x00\x05")]
	twenty := string(putFloats(nil, 20, 20)) + total[2:18] + string(putFloats(nil, float64(v.Total().Positives)))
	for _, tc := range []struct {
		name, rest, value string
		want              error
	}{
		{"nothing", "t", "", ErrShort},
		{"unknown version", "t", "\x07" + total[1:], ErrVersion},
		{"half a header", "t", total[:10], ErrShort},
		{"neither weighted nor not", "t", total[:1] + "\x02" + total[2:], ErrCorrupt},
		{"weights that are all 1", "t", total[:1] + "\x01" + total[2:18] + twenty + total[18:], ErrCorrupt},
		{"half a bin", "t", total[:19], ErrShort},
		{"empty bin", "t", total[:18] + "\x01\x00\x00", ErrCorrupt},
		{"same bin again", "t", total[:18] + "\x01\x00\x01\x00\x01\x01", ErrCorrupt},
		{"bin too far", "t", total[:18] + "\xff\xff\x7f\x01\x00", ErrCorrupt},
		{"long form of a number", "t", total[:18] + "\x81\x00\x01\x00", ErrCorrupt},
		{"sum is NaN", "t", total[:2] + "\xff\xff\xff\xff\xff\xff\xff\xff" + total[10:], ErrCorrupt},
		{"odd marks", "b\x00", block + "x", ErrCorrupt},
		{"no marks", "b\x00", block[:19], ErrCorrupt},
		{"mark too great", "b\x00", block + "\xff\xff", ErrCorrupt},
		{"block at another's place", "b\x01", block, ErrCorrupt},
		{"block beyond the ring", "b\x0a", block, ErrCorrupt},
		{"unknown key", "z", total, ErrCorrupt},
		{"half a clock", "c", "\x01\x00", ErrShort},
		{"a sample of nobody", "c", "\x01" + strings.Repeat("\x00", 16) + "\x40", ErrCorrupt},
		{"half a user", "u\x00\x00\x00\x00\x00\x00\x00\x05", user[:9], ErrShort},
		{"odd user", "u\x00\x00\x00\x00\x00\x00\x00\x05", user + "\x00", ErrCorrupt},
		{"nobody", "u\x00\x00\x00\x00\x00\x00\x00\x00", user, ErrCorrupt},
		{"bad slice of a span", "w" + strings.Repeat("\x00", 16), "\x02", ErrShort},
		{"bad day", "d\x80\x00\x00\x01", "", ErrShort},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ok, err := New("m/h", Options{}).Load([]byte(key(tc.rest)), []byte(tc.value), dirty.Sum{Hi: 1})
			if !ok || !errors.Is(err, tc.want) {
				t.Errorf("%v, %v, want %v", ok, err, tc.want)
			}
		})
	}
}

func near(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*max(1, math.Abs(want))
}

func TestOptionsOutOfRangeAreNamed(t *testing.T) {
	for _, tc := range []struct {
		opts Options
		want string
	}{
		{Options{MaxDays: -1}, "max days -1 is negative"},
		{Options{Wait: -1}, "wait -1ns is negative"},
		{Options{Spans: make([]time.Duration, 5)}, "5 spans; 4 are the most"},
		{Options{Spans: []time.Duration{time.Second}}, "span 1s must be at least a minute and longer than the one before"},
		{Options{Spans: []time.Duration{time.Hour, time.Hour}}, "span 1h0m0s must be at least a minute and longer than the one before"},
	} {
		if err := tc.opts.Check(); err == nil || err.Error() != tc.want {
			t.Errorf("got %v, want %s", err, tc.want)
		}
	}
	if err := (Options{}).Check(); err != nil {
		t.Error(err)
	}
}

func TestObservingAllocatesNothingOnceItsWindowsAreFull(t *testing.T) {
	s := slicer(t, 4, "scene")
	v := New("m/h", Options{Slicer: s, MaxDays: 2, Users: 64, Wait: time.Hour, Spans: []time.Duration{time.Hour}})
	tag, i := s.With(s.Begin(), 0, []byte("home")), 0
	observe := func() {
		i++
		v.Observe(Observation{P: float32(i%10) / 10, Positive: i%3 == 0, Time: int64(i) * 1e8, User: uint64(i%60) + 1, Tag: tag})
	}
	for range 200_000 {
		observe()
	}
	if n := testing.AllocsPerRun(5000, observe); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
