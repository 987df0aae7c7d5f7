package eval

import (
	"cmp"
	"math"
	"slices"

	"recsvc/internal/validation"
)

// Groups is how many groups the users fall into, by hash, of which one after the other is left out for the intervals.
const Groups = 100

// Figures of a set of predictions. What is not defined is NaN.
type Figures struct {
	N, Positives      int
	LogLoss           float64 // nats
	AUC               float64 // exact, ties count half
	NormalizedEntropy float64 // log-loss over the entropy of the base rate
	Calibration       float64 // Σp/Σy
	UserAUC           float64 // mean over users with both outcomes
	GAUC              float64 // the same, each user counting as often as something was shown to them
}

// sample is what one arm said of a set of outcomes.
type sample struct {
	truth *Truth
	p     []float32
	at    []int // places of the outcomes
}

// minChance bounds predictions away from 0 and 1, as validation does.
const minChance = 1e-7

func chance(p float32) float64 { return min(max(float64(p), minChance), 1-minChance) }

// loss is what a prediction costs, in nats.
func loss(p float32, positive bool) float64 {
	if positive {
		return -math.Log(chance(p))
	}
	return -math.Log1p(-chance(p))
}

// part is the sums that figures are made of, for one group of users or for all.
type part struct {
	n, positives      float64
	loss, p           float64
	won               float64 // pairs of a positive and a negative in the right order, ties half
	users, auc        float64 // users with both outcomes; the sum of their AUC
	userShown, gauc   float64 // what was shown to them; the sum of their AUC times that
	otherWon, ofOther float64 // pairs of its positives with others' negatives, and of its negatives with others' positives, won
}

// measured is the figures of a sample, over everything and without each of the groups.
type measured struct {
	all     Figures
	without [Groups]Figures
}

func measure(s sample) *measured {
	var parts [Groups]part
	s.sums(&parts)
	s.pairs(&parts)
	s.byUser(&parts)
	var all part
	for g := range parts {
		all.join(&parts[g])
	}
	all.won += all.otherWon // each pair across groups once: with its positive
	m := &measured{all: all.figures()}
	for g := range parts {
		m.without[g] = all.less(&parts[g]).figures()
	}
	return m
}

// sums adds up what needs no order.
func (s sample) sums(parts *[Groups]part) {
	for _, i := range s.at {
		g := &parts[s.truth.group(i)]
		g.n++
		g.p += chance(s.p[i])
		g.loss += loss(s.p[i], s.truth.Positive[i])
		if s.truth.Positive[i] {
			g.positives++
		}
	}
}

// pairs counts, for each group, the pairs within it and those that it has a part in, in one walk by prediction.
func (s sample) pairs(parts *[Groups]part) {
	order := slices.Clone(s.at)
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(s.p[a], s.p[b]) })
	var below [2]float64 // of lower predictions: negatives, positives
	var mine [Groups][2]float64
	positives := 0.0
	for _, i := range order {
		if s.truth.Positive[i] {
			positives++
		}
	}
	for from := 0; from < len(order); {
		to := from
		var tied [2]float64
		var own [Groups][2]float64
		for ; to < len(order) && s.p[order[to]] == s.p[order[from]]; to++ {
			i := order[to]
			tied[label(s.truth.Positive[i])]++
			own[s.truth.group(i)][label(s.truth.Positive[i])]++
		}
		for _, i := range order[from:to] {
			group := s.truth.group(i)
			g, m, o := &parts[group], &mine[group], &own[group]
			if s.truth.Positive[i] {
				within := m[0] + o[0]/2
				g.won += within
				g.otherWon += below[0] + tied[0]/2 - within
			} else {
				within := parts[group].positives - m[1] - o[1] + o[1]/2
				g.ofOther += positives - below[1] - tied[1] + tied[1]/2 - within
			}
		}
		for _, i := range order[from:to] {
			mine[s.truth.group(i)][label(s.truth.Positive[i])]++
		}
		below[0], below[1] = below[0]+tied[0], below[1]+tied[1]
		from = to
	}
}

func label(positive bool) int {
	if positive {
		return 1
	}
	return 0
}

// byUser adds up the areas of users. Users lie whole in their groups.
func (s sample) byUser(parts *[Groups]part) {
	order := slices.DeleteFunc(slices.Clone(s.at), func(i int) bool { return s.truth.User[i] == 0 })
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.truth.User[a], s.truth.User[b]), cmp.Compare(s.p[a], s.p[b]))
	})
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && s.truth.User[order[to]] == s.truth.User[order[from]] {
			to++
		}
		if area, ok := s.area(order[from:to]); ok {
			g, n := &parts[s.truth.group(order[from])], float64(to-from)
			g.users++
			g.auc += area
			g.userShown += n
			g.gauc += float64(n * area)
		}
		from = to
	}
}

// area is the area under the ROC curve of outcomes ordered by prediction; false when one of the outcomes is missing.
func (s sample) area(order []int) (float64, bool) {
	var won, pos, neg float64
	for from := 0; from < len(order); {
		to := from
		var p, n float64
		for ; to < len(order) && s.p[order[to]] == s.p[order[from]]; to++ {
			if s.truth.Positive[order[to]] {
				p++
			} else {
				n++
			}
		}
		won += float64(p*neg) + float64(p*n)/2
		pos, neg, from = pos+p, neg+n, to
	}
	return won / (pos * neg), pos > 0 && neg > 0
}

func (a *part) join(b *part) {
	a.n, a.positives, a.loss, a.p = a.n+b.n, a.positives+b.positives, a.loss+b.loss, a.p+b.p
	a.won, a.otherWon, a.ofOther = a.won+b.won, a.otherWon+b.otherWon, a.ofOther+b.ofOther
	a.users, a.auc, a.userShown, a.gauc = a.users+b.users, a.auc+b.auc, a.userShown+b.userShown, a.gauc+b.gauc
}

// less returns the sums without a group. a.won counts all pairs.
func (a *part) less(b *part) *part {
	return &part{
		n: a.n - b.n, positives: a.positives - b.positives, loss: a.loss - b.loss, p: a.p - b.p,
		won:   a.won - b.won - b.otherWon - b.ofOther,
		users: a.users - b.users, auc: a.auc - b.auc, userShown: a.userShown - b.userShown, gauc: a.gauc - b.gauc,
	}
}

func (a *part) figures() Figures {
	negatives := a.n - a.positives
	f := Figures{
		N: int(a.n), Positives: int(a.positives), LogLoss: a.loss / a.n, AUC: a.won / (a.positives * negatives),
		Calibration: math.NaN(), NormalizedEntropy: math.NaN(), UserAUC: a.auc / a.users, GAUC: a.gauc / a.userShown,
	}
	if a.positives > 0 {
		f.Calibration = a.p / a.positives
		if negatives > 0 {
			f.NormalizedEntropy = f.LogLoss / validation.Entropy(a.positives/a.n)
		}
	}
	return f
}

// Interval is a difference with a 95 % interval.
type Interval struct{ Value, Low, High float64 }

// student is the 97.5 % quantile of Student's t with Groups−1 degrees of freedom.
const student = 1.984

// difference compares a figure of two samples of the same outcomes. Its variance is that of the delete-a-group jackknife:
// (G−1)/G Σ(d₍g₎ − mean d)², where d₍g₎ is the difference without group g.
func difference(a, b *measured, of func(*Figures) float64) Interval {
	var without [Groups]float64
	mean := 0.0
	for g := range without {
		without[g] = of(&a.without[g]) - of(&b.without[g])
		mean += without[g] / Groups
	}
	v := 0.0
	for _, d := range without {
		v += float64((d - mean) * (d - mean))
	}
	d, half := of(&a.all)-of(&b.all), float64(student*math.Sqrt(v*(Groups-1)/Groups))
	return Interval{Value: d, Low: d - half, High: d + half}
}
