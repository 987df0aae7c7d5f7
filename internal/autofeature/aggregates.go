package autofeature

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// halfLives that rates are tried with.
var halfLives = []time.Duration{10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour}

// rateOf writes a smoothed rate.
func (d *draft) rateOf(scope, of string, halfLife time.Duration, strength float64) string {
	decay := ""
	if halfLife > 0 {
		decay = fmt.Sprintf(", half_life: %s", short(halfLife))
	}
	return fmt.Sprintf("kind: rate, scope: %s, of: %s, over: %s%s, prior: {strength: %s}, as: log_odds", scope, of, scalar(d.shown), decay, decimal(strength))
}

// rareOutcome is the share below which the rate of everything is proposed: a model that begins at one half takes long to get there.
const rareOutcome = 0.02

// leastRate is how many times less than the best key another may tell and still have a rate, beside the attribute that it is.
const leastRate = 20

// rates proposes the rate of the first outcome by user, item and each category that tells much, of user and item also with decay.
// Those two have one in any case: smoothed, it does no harm, and a longer stream has more to tell of them than a sample.
func (d *draft) rates() {
	head := &d.Heads[0]
	members, most := append([]*member{d.user, d.item}, d.fields...), 0.0
	for _, m := range members {
		most = max(most, m.gain.Bits)
	}
	for _, m := range members {
		entity := m == d.user || m == d.item
		if m.scope == "" || d.placed(m.scope) || !entity && (!m.gain.tells(d.Entropy) || m.gain.Bits < most/leastRate) {
			continue
		}
		label := m.label + "_" + head.Name + "_rate"
		d.add(groupRates, label, d.rateOf(scalar(m.scope), head.of(), 0, m.gain.Strength), d.why(m))
		if !entity {
			continue
		}
		if g, halfLife := d.lately(m); halfLife > 0 {
			d.add(groupRates, label+"_"+short(halfLife), d.rateOf(scalar(m.scope), head.of(), halfLife, m.gain.Strength),
				fmt.Sprintf("gain %s with this decay, the best of %d", millibits(g), len(halfLives)))
		}
	}
	if head.Share < rareOutcome {
		d.add(groupRates, head.Name+"_rate", fmt.Sprintf("kind: rate, of: %s, over: %s, prior: {strength: 100, mean: %s}, as: log_odds",
			head.of(), scalar(d.shown), decimal(nice(head.Share))), "of everything: the model begins near it")
	}
	for i := range d.Outcomes {
		d.otherRates(&d.Outcomes[i])
	}
}

// placed reports whether what a scope counts of exposures tells places: in a list that is logged item by item, a key that its items share
// has been shown as often as there are items above. A server that scores the list whole could not know it.
func (d *draft) placed(scopes ...string) bool {
	if !d.st.lists || slices.Contains(scopes, "item") {
		return false
	}
	return slices.ContainsFunc(scopes, func(s string) bool { return s == "user" || strings.HasPrefix(s, "user.") }) ||
		!slices.ContainsFunc(scopes, func(s string) bool { return strings.HasPrefix(s, "item.") })
}

// lately finds the decay that tells most; 0: none tells nearly as much as all time does.
func (d *draft) lately(m *member) (best Gain, halfLife time.Duration) {
	for _, h := range halfLives {
		if h > d.Span/2 {
			break
		}
		g, _ := d.st.measure(m.column, trial{strength: m.gain.Strength, halfLife: h})
		if halfLife == 0 || g.Bits > best.Bits {
			best, halfLife = g, h
		}
	}
	if !best.tells(d.Entropy) || best.Bits < 0.7*m.gain.Bits {
		return best, 0
	}
	return best, halfLife
}

// otherRates proposes how often another outcome came, and its mean value, by user and by item.
func (d *draft) otherRates(o *Outcome) {
	if o.Type == d.Heads[0].Type || o.Joined < fewestPositives {
		return
	}
	values := d.st.s.types[o.Type].values*10 > o.Events*9
	for i := range d.scopes[:2] {
		sc := &d.scopes[i]
		if g := d.st.averaged(sc, o.Type, true); g.tells(d.Entropy) && o.Share <= commonestHead && !values && !d.placed(sc.label) {
			d.add(groupRates, sc.label+"_"+o.Type+"_rate", d.rateOf(sc.yaml, scalar(o.Type), 0, 5), "gain "+millibits(g))
		}
		if !values {
			continue
		}
		if g := d.st.averaged(sc, o.Type, false); g.tells(d.Entropy) {
			d.add(groupRates, sc.label+"_"+o.Type+"_mean", fmt.Sprintf("kind: mean, scope: %s, on: %s, prior: {strength: 5}, as: log", sc.yaml, scalar(o.Type)), "gain "+millibits(g))
		}
	}
}

// pairs proposes rates and crosses of pairs that tell something together.
func (d *draft) pairs() {
	head, rates, crosses := &d.Heads[0], 0, 0
	for _, c := range d.st.pairs(d.user, d.item, d.fields) {
		why := fmt.Sprintf("%s beyond the two, %d pairs", millibits(c.gain), c.column.n)
		if c.a.scope != "" && c.b.scope != "" && !d.placed(c.a.scope, c.b.scope) && rates < mostPairRates {
			rates++
			scope := fmt.Sprintf("[%s, %s]", scalar(c.a.scope), scalar(c.b.scope))
			d.add(groupRates, c.a.label+"_"+c.b.label+"_"+head.Name+"_rate", d.rateOf(scope, head.of(), 0, c.gain.Strength), why)
		}
		if crosses < mostCrosses {
			crosses++
			d.cross(c.a.input, c.b.input, why)
			d.slots += c.column.n
		}
	}
}

func (d *draft) cross(a, b, why string) {
	d.add(groupCrosses, a+"_x_"+b, fmt.Sprintf("kind: cross, inputs: [%s, %s]", a, b), why)
}

// mostHistories bounds the counts and pauses proposed.
const mostHistories = 12

// history is a count or a pause that tells something.
type history struct {
	name, body, why string
	gain            Gain
	bucketed        bool // also in buckets
}

// histories proposes counts of each type, all time and in the window that fits best, and the time since the last event.
func (d *draft) histories() {
	var found []history
	for _, typ := range d.st.s.names {
		for i := range d.scopes {
			if typ == d.shown && d.scopes[i].label == "user" && d.placed("user") {
				continue
			}
			found = append(found, d.history(&d.scopes[i], typ)...)
		}
	}
	slices.SortStableFunc(found, func(a, b history) int { return cmp.Compare(b.gain.Bits, a.gain.Bits) })
	for _, h := range found[:min(len(found), mostHistories)] {
		name := d.add(groupHistory, h.name, h.body, h.why)
		if h.bucketed {
			d.add(groupHistory, name+"_bucket", fmt.Sprintf("kind: bucketize, input: %s, buckets: %s", name, floats(logSteps)), "the same in steps")
		}
	}
}

// logSteps are buckets of ln(1+x): below 1, 1, 2–3, and so on.
var logSteps = []float64{0.1, 0.7, 1, 1.5, 2, 3, 4, 5, 6, 7, 8, 10, 12}

func (d *draft) history(sc *scope, typ string) (out []history) {
	t := d.st.timeline(sc, typ)
	on := fmt.Sprintf("scope: %s, on: %s", sc.yaml, scalar(typ))
	label := sc.label + "_" + typ
	pair := sc.label == "user_item"
	if t.all.gain.tells(d.Entropy) {
		out = append(out, history{label + "_count", "kind: count, " + on + ", as: log", "gain " + millibits(t.all.gain), t.all.gain, pair})
	}
	if w := t.best(); w.gain.tells(d.Entropy) && (w.gain.Bits > t.all.gain.Bits/2) {
		out = append(out, history{
			label + "_count_" + short(w.window), fmt.Sprintf("kind: count, %s, window: %s, as: log", on, short(w.window)),
			fmt.Sprintf("gain %s, the best of %d windows; the median pause is %s", millibits(w.gain), len(t.windows), rough(t.pause)), w.gain, false,
		})
	}
	if t.since.tells(d.Entropy) {
		out = append(out, history{label + "_pause", "kind: time_since, " + on + ", as: log", "gain " + millibits(t.since), t.since, true})
	}
	return out
}

// sequences proposes the last outcomes of the user, and what followed which item.
func (d *draft) sequences() {
	head := &d.Heads[0]
	if g := d.st.pattern(d.user); g.tells(d.Entropy) && !d.placed("user") && d.shown != head.Type && !head.HasMin {
		body := fmt.Sprintf("kind: last_k, scope: user, on: %s, outcomes: [%s], n: %d, as: ", scalar(d.shown), scalar(head.Type), outcomesAgo)
		d.add(groupHistory, "user_last", body+"outcomes", "gain "+millibits(g))
		d.add(groupHistory, "user_pattern", body+"pattern", "the same, all together")
	}
	for _, typ := range d.st.s.names {
		if typ == d.shown || d.st.s.types[typ].itemless > 0 {
			continue
		}
		before := &member{field: "last." + typ, column: d.st.previous(&d.scopes[0], typ)}
		d.st.weigh(before)
		if c := d.st.combine(before, d.item); c.gain.tells(d.Entropy) {
			name := d.add(groupHistory, "last_"+typ, fmt.Sprintf("kind: last_k, scope: user, on: %s, n: 1", scalar(typ)), "for the cross with the item")
			d.cross(name, d.item.input, fmt.Sprintf("%s beyond the two, %d pairs", millibits(c.gain), c.column.n))
			d.slots += c.column.n
		}
	}
}

// habits proposes, for the numbers that tell most, how they compare with what the user has chosen.
func (d *draft) habits() {
	numbers := slices.Clone(d.numbers)
	slices.SortStableFunc(numbers, func(a, b numberMember) int { return cmp.Compare(b.bucket.gain.Bits, a.bucket.gain.Bits) })
	for _, m := range numbers[:min(len(numbers), 3)] {
		if m.f.Role != Number || m.f.from == inUser {
			continue
		}
		for _, typ := range d.st.s.names {
			outcome := d.st.s.types[typ].joined > 0
			if typ == d.shown || d.st.s.types[typ].itemless > 0 || m.f.from == inContext && !outcome {
				continue
			}
			usual := &member{field: "usual." + typ, column: d.st.usual(&d.scopes[0], m.f, typ)}
			d.st.weigh(usual)
			c := d.st.combine(usual, m.bucket)
			if !c.gain.tells(d.Entropy) {
				continue
			}
			form := "raw"
			if m.f.log {
				form = "log"
			}
			name := d.add(groupHistory, "user_"+typ+"_"+m.f.label(), fmt.Sprintf("kind: mean, scope: user, on: %s, value: %s, as: %s",
				scalar(typ), scalar(m.f.Name), form), "for the cross with "+strings.TrimSuffix(m.bucket.input, "_bucket"))
			steps := d.add(groupHistory, name+"_bucket", fmt.Sprintf("kind: bucketize, input: %s, buckets: %s", name, floats(m.f.bounds)), "its quantiles")
			d.cross(steps, m.bucket.input, fmt.Sprintf("%s beyond the two, %d pairs", millibits(c.gain), c.column.n))
			break
		}
	}
}
