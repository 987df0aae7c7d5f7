package autofeature

import (
	"math"
	"time"
)

// significant is how many of its standard errors a gain must be above 0.
const significant = 3

// strengths are the pseudo-observations that rates are tried with.
var strengths = [...]float64{3, 10, 30, 100}

// Gain is what a category saves of the loss of the running rate, when each exposure is predicted from those before it.
type Gain struct {
	Bits     float64 // per exposure; may be negative
	Z        float64 // Bits over its standard error
	Strength float64 // of the smoothing that did best
}

// tells reports whether the gain is no accident and no trifle: at least a 5000th of what there is to know.
func (g Gain) tells(entropy float64) bool { return g.Z >= significant && g.Bits >= entropy/5000 }

// study measures gains for one head.
type study struct {
	s     *Sample
	head  Head
	y     []bool
	turns []turn
	marks []mark
	lists bool // exposures come in lists: most have another with the same request

	odds    []float64 // log-odds of the running rate, at each exposure
	entropy float64   // of the outcome, in bits
}

// turn is a step that is read at, or takes effect. All exposures of a list are read before the first of them takes effect: when a
// list is scored none of it has been shown.
type turn struct {
	step int
	read bool
}

// mark is what becomes of an exposure, as turns are of steps.
type mark struct {
	i    int32
	what what
}

type what uint8

const (
	asked  what = iota // it is predicted
	came               // it counts as shown
	turned             // its label is 1
)

func newStudy(s *Sample, h Head) *study {
	st := &study{s: s, head: h, y: make([]bool, len(s.shown)), odds: make([]float64, len(s.shown))}
	st.order()
	for _, t := range st.turns {
		step := &s.steps[t.step]
		_, shows := st.shows(t.step)
		switch {
		case step.shown < 0:
		case t.read:
			st.marks = append(st.marks, mark{step.shown, asked})
		default:
			if shows {
				st.marks = append(st.marks, mark{step.shown, came})
			}
			if h.holds(step) && !st.y[step.shown] {
				st.y[step.shown] = true
				st.marks = append(st.marks, mark{step.shown, turned})
			}
		}
	}
	st.run()
	return st
}

// order puts the steps in their turns.
func (st *study) order() {
	listed := 0
	for i := 0; i < len(st.s.steps); {
		n := st.list(i)
		if n > 1 {
			listed += n
		}
		for k := range n {
			if _, ok := st.shows(i + k); ok {
				st.turns = append(st.turns, turn{i + k, true})
			}
		}
		for k := range n {
			st.turns = append(st.turns, turn{i + k, false})
		}
		i += n
	}
	st.lists = 2*listed > len(st.s.shown)
}

// list returns how many steps from i on are exposures of one list; 1 where there is no list.
func (st *study) list(i int) (n int) {
	request := st.s.steps[i].e.Request
	for n = 1; i+n < len(st.s.steps); n++ {
		_, first := st.shows(i)
		_, next := st.shows(i + n)
		if e := st.s.steps[i+n].e; !first || !next || request == "" || e.Request != request {
			break
		}
	}
	return n
}

// run fills what the running rate of everything predicts.
func (st *study) run() {
	var of, over float64
	for _, m := range st.marks {
		switch m.what {
		case turned:
			of++
		case came:
			over++
		case asked:
			p := (min(of, over) + 1) / (over + 2)
			st.odds[m.i] = logit(p)
		}
	}
	if p := of / over; p > 0 && p < 1 {
		st.entropy = lossOf(p, true)*p + lossOf(p, false)*(1-p)
	}
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// gain measures a column with each of the strengths.
func (st *study) gain(c *column) Gain {
	var best Gain
	for i, strength := range strengths {
		g, _ := st.measure(c, trial{strength: strength})
		if i == 0 || g.Bits > best.Bits {
			best = g
		}
	}
	return best
}

// trial is a way to predict by a column.
type trial struct {
	strength float64
	halfLife time.Duration // 0: all time
	towards  []float64     // log-odds that rates are smoothed towards, and that the gain is beyond; nil: the running rate
	keep     bool          // return the predictions
}

// tally is what a category has had, as of a time.
type tally struct {
	of, over float64
	at       int64
}

func (t *tally) decay(now int64, halfLife time.Duration) {
	if halfLife > 0 && now > t.at {
		f := math.Exp2(-float64(now-t.at) / float64(halfLife))
		t.of, t.over, t.at = t.of*f, t.over*f, now
	}
}

// take counts an exposure that came, or its label.
func (t *tally) take(w what, now int64, halfLife time.Duration) {
	if t.decay(now, halfLife); w == turned {
		t.of++
		return
	}
	t.over++
}

// predict is the mean of the smoothed rates of an exposure's categories, or p0 without any.
func (t *trial) predict(tallies []tally, ids []int32, p0 float64, now int64) (p float64) {
	if len(ids) == 0 {
		return p0
	}
	for _, id := range ids {
		at := &tallies[id]
		at.decay(now, t.halfLife)
		p += (min(at.of, at.over) + float64(t.strength*p0)) / (at.over + t.strength) / float64(len(ids))
	}
	return p
}

// within keeps a probability away from 0 and 1, where one mistake would outweigh everything.
func within(p float64) float64 { return min(max(p, 1e-6), 1-1e-6) }

// measure goes through the sample once. odds are the log-odds predicted, where asked for.
func (st *study) measure(c *column, t trial) (g Gain, odds []float64) {
	tallies := make([]tally, c.n+1)
	if t.keep {
		odds = make([]float64, len(st.y))
	}
	var sum, squares float64
	for _, m := range st.marks {
		i, now := int(m.i), int64(st.s.shown[m.i].e.Time)
		ids := c.of(i)
		if m.what != asked {
			for _, id := range ids {
				tallies[id].take(m.what, now, t.halfLife)
			}
			continue
		}
		base := st.odds[i]
		if t.towards != nil {
			base = t.towards[i]
		}
		p0 := within(sigmoid(base))
		p := within(t.predict(tallies, ids, p0, now))
		if t.keep {
			odds[i] = logit(p)
		}
		d := lossOf(p0, st.y[i]) - lossOf(p, st.y[i])
		sum += d
		squares += float64(d * d)
	}
	n := float64(len(st.y))
	g = Gain{Bits: sum / n, Strength: t.strength}
	if v := squares/n - float64(g.Bits*g.Bits); v > 0 {
		g.Z = g.Bits / math.Sqrt(v/n)
	}
	return g, odds
}

// Information is what a category tells of the outcome in hindsight.
type Information struct {
	Bits  float64 // mutual information, less what chance would make of it
	Bound float64 // what chance stays below but for once in 700 times, likewise
}

// tells reports whether there is more of it than chance makes.
func (f Information) tells() bool { return f.Bits > f.Bound }

// information is the mutual information of a column's first category and the outcome. Categories too rare for the bound to
// hold (under five of either outcome expected) are taken together, as are exposures without one. Of two independent variables
// 2·n·ln 2·bits is about χ² distributed with k−1 degrees of freedom (the G test), so its mean k−1 is subtracted, and the bound is
// three standard deviations, of √(2(k−1)) each.
func (st *study) information(c *column) Information {
	type cell struct{ n, pos float64 }
	cells := make([]cell, c.n+1)
	var n, pos float64
	for i, y := range st.y {
		id := int32(0)
		if ids := c.of(i); len(ids) > 0 {
			id = ids[0]
		}
		cells[id].n++
		n++
		if y {
			cells[id].pos++
			pos++
		}
	}
	if pos == 0 || pos == n {
		return Information{}
	}
	least := 5 / min(pos/n, 1-pos/n)
	var rare cell
	var total float64
	k := 0
	add := func(x cell) {
		if x.n == 0 {
			return
		}
		k++
		for _, part := range [...][2]float64{{x.pos, pos}, {x.n - x.pos, n - pos}} {
			if part[0] > 0 {
				total += float64(part[0] / n * math.Log2(part[0]*n/float64(x.n*part[1])))
			}
		}
	}
	for _, x := range cells {
		if x.n < least {
			rare.n, rare.pos = rare.n+x.n, rare.pos+x.pos
			continue
		}
		add(x)
	}
	add(rare)
	free := float64(max(0, k-1))
	unit := 1 / (2 * n * math.Ln2)
	return Information{Bits: total - float64(free*unit), Bound: significant * math.Sqrt(2*free) * unit}
}
