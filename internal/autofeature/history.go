package autofeature

import (
	"math"
	"slices"
	"sort"
	"time"

	"recsvc/internal/event"
)

// windows that counts are tried with.
var windows = []time.Duration{
	time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour,
}

// scope is what histories are kept by.
type scope struct {
	label, yaml string
	keys        []int32 // of each step; 0: none
	n           int
}

// scopes are the user, the item, and both.
func (st *study) scopes() []scope {
	var users, items dictionary[string]
	var both dictionary[[2]int32]
	out := []scope{{label: "user", yaml: "user"}, {label: "item", yaml: "item"}, {label: "user_item", yaml: "[user, item]"}}
	for i := range st.s.steps {
		e := st.s.steps[i].e
		var u, t, b int32
		if e.User != "" {
			u = users.id(e.User)
		}
		if e.Item != "" {
			t = items.id(e.Item)
		}
		if u > 0 && t > 0 {
			b = both.id([2]int32{u, t})
		}
		for j, key := range [...]int32{u, t, b} {
			out[j].keys = append(out[j].keys, key)
			out[j].n = max(out[j].n, int(key)+1)
		}
	}
	return out
}

// shows returns the exposure that a step is; not ok: it is none.
func (st *study) shows(i int) (exposure int, ok bool) {
	step := &st.s.steps[i]
	return int(step.shown), step.shown >= 0 && st.s.shown[step.shown].e == step.e
}

// counted is how many events of a type a key has had, in a window.
type counted struct {
	window time.Duration // 0: all time
	gain   Gain
}

// timeline is what counts and pauses of a type under a scope say.
type timeline struct {
	all     counted
	windows []counted // those that fit, in ascending order
	since   Gain
	pause   time.Duration // median, between two events of one key
}

// timeline measures counts and the time since the last event of a type.
func (st *study) timeline(sc *scope, typ string) (out timeline) {
	times := make([][]event.Time, sc.n)
	tried := append([]time.Duration{0}, windows...)
	bins := make([][]int, len(tried)+1)
	for i := range bins {
		bins[i] = make([]int, len(st.y))
	}
	var pauses []float64
	for _, t := range st.turns {
		e, key := st.s.steps[t.step].e, sc.keys[t.step]
		if key == 0 {
			continue
		}
		had := times[key]
		if t.read {
			x := st.s.steps[t.step].shown
			for j, w := range tried {
				n := len(had)
				if w > 0 {
					n -= sort.Search(len(had), func(k int) bool { return had[k] > e.Time-event.Time(w) })
				}
				bins[j][x] = int(2 * math.Log2(float64(1+n)))
			}
			bins[len(tried)][x] = -1
			if len(had) > 0 {
				bins[len(tried)][x] = int(math.Log1p(max(0, e.Time.Sub(had[len(had)-1]).Seconds())))
			}
			continue
		}
		if e.Type != typ {
			continue
		}
		if len(had) > 0 {
			pauses = append(pauses, e.Time.Sub(had[len(had)-1]).Seconds())
		}
		times[key] = append(had, e.Time)
	}
	slices.Sort(pauses)
	out.pause = max(0, seconds(quantile(pauses, 0.5)))
	out.since = st.told(bins[len(tried)])
	span := st.s.last.Sub(st.s.first)
	for j, w := range tried {
		switch {
		case j == 0:
			out.all = counted{gain: st.told(bins[0])}
		case w >= 2*out.pause && w <= span/4:
			out.windows = append(out.windows, counted{w, st.told(bins[j])})
		}
	}
	return out
}

// told is the gain of a number by its bins; −1: missing.
func (st *study) told(bins []int) Gain {
	g, _ := st.measure(build(len(bins), func(i int) (int, bool) { return bins[i], bins[i] >= 0 }), trial{strength: 10})
	return g
}

// best is the window that tells most.
func (t *timeline) best() (best counted) {
	for _, w := range t.windows {
		if best.window == 0 || w.gain.Bits > best.gain.Bits {
			best = w
		}
	}
	return best
}

// averaged measures the mean of the values of a type, or (rate) how often it followed an exposure.
func (st *study) averaged(sc *scope, typ string, rate bool) Gain {
	type state struct{ sum, n float64 }
	states := make([]state, sc.n)
	var all state
	bins := make([]int, len(st.y))
	for _, t := range st.turns {
		step, key := &st.s.steps[t.step], sc.keys[t.step]
		_, shows := st.shows(t.step)
		switch {
		case key == 0:
		case t.read:
			bins[step.shown] = averageBin(states[key].sum, states[key].n, all.sum/max(1, all.n), rate)
		case rate && shows:
			states[key].n++
			all.n++
		case step.e.Type != typ:
		case rate && step.shown >= 0 && !step.again:
			states[key].sum++
			all.sum++
		case !rate && step.e.HasValue:
			states[key] = state{states[key].sum + step.e.Value, states[key].n + 1}
			all = state{all.sum + step.e.Value, all.n + 1}
		}
	}
	return st.told(bins)
}

// averageBin smooths an average with 5 pseudo-observations and gives its bin.
func averageBin(sum, n, mean float64, rate bool) int {
	x := (sum + 5*mean) / (n + 5)
	if rate {
		x = min(max(x, 1e-4), 1-1e-4)
		return int(4 * (logit(x) + 10))
	}
	return int(4 * math.Log1p(max(0, x)))
}

// outcomesAgo is how many outcomes a user's pattern has.
const outcomesAgo = 4

// pattern measures what became of the user's last exposures.
func (st *study) pattern(user *member) Gain {
	last := make([][]int32, user.column.n+1)
	labelled := make([]bool, len(st.y))
	bins := make([]int, len(st.y))
	for _, m := range st.marks {
		if m.what == turned {
			labelled[m.i] = true
			continue
		}
		for _, u := range user.column.of(int(m.i)) {
			if m.what == asked {
				bins[m.i] = patternBin(last[u], labelled)
				continue
			}
			if last[u] = append(last[u], m.i); len(last[u]) > outcomesAgo {
				last[u] = last[u][1:]
			}
		}
	}
	return st.told(bins)
}

// patternBin numbers the patterns of up to outcomesAgo labels.
func patternBin(last []int32, labelled []bool) int {
	b := 1
	for _, i := range last {
		if b *= 2; labelled[i] {
			b++
		}
	}
	return b
}

// previous makes a column of the item of the user's last event of a type.
func (st *study) previous(users *scope, typ string) *column {
	last := make([]string, users.n)
	at := make([]string, len(st.y))
	for _, t := range st.turns {
		e, key := st.s.steps[t.step].e, users.keys[t.step]
		if t.read {
			at[st.s.steps[t.step].shown] = last[key]
			continue
		}
		if e.Type == typ && e.Item != "" && key > 0 {
			last[key] = e.Item
		}
	}
	return build(len(at), func(i int) (string, bool) { return at[i], at[i] != "" })
}

// usual makes a column of the bucket of the user's mean of a number over events of a type.
func (st *study) usual(users *scope, f *Field, typ string) *column {
	type state struct{ sum, n float64 }
	states := make([]state, users.n)
	at := make([]float64, len(st.y))
	for _, t := range st.turns {
		step, key := &st.s.steps[t.step], users.keys[t.step]
		if t.read {
			if at[step.shown] = math.NaN(); states[key].n > 0 {
				at[step.shown] = states[key].sum / states[key].n
			}
			continue
		}
		if step.e.Type != typ || key == 0 {
			continue
		}
		x := exposure{e: step.e, item: st.s.items[step.e.Item]}
		if f.from == inContext && step.shown >= 0 {
			x = st.s.shown[step.shown]
		}
		if v, ok := f.value(&x); ok && v.Kind == event.Number {
			states[key] = state{states[key].sum + v.Num, states[key].n + 1}
		}
	}
	return build(len(at), func(i int) (int, bool) {
		x := at[i]
		if f.log {
			x = signedLog(x)
		}
		return bucket(f.bounds, x), !math.IsNaN(x)
	})
}
