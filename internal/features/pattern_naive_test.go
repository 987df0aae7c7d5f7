package features

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"recsvc/internal/event"
)

// The naive matcher goes by the words of docs/patterns.md, without an automaton: it tries every choice of events of a key, keeps those
// that are matches by definition, and then lets the skip strategy choose among them in the order in which they come about.

// naiveEvent is one event of a key, in the order in which the pattern sees them.
type naiveEvent struct {
	*event.Event
	arrival   int        // number of its record
	watermark event.Time // when it was seen, its own step of time included
}

// naiveStep is what the property test needs of a Step: conditions are Go here.
type naiveStep struct {
	types  []string
	where  func(e *event.Event, taken []naiveEvent) bool // taken: the match so far
	step   Step
	negate bool
}

type naivePattern struct {
	steps  []naiveStep
	within event.Time
	skip   string
}

// naiveMatch is one match: the events by their places in the key's stream.
type naiveMatch struct {
	taken []int
	at    event.Time // when a match that waits for the end of its time fires; 0: with its last event
}

func (s *naiveStep) selects(e naiveEvent, taken []naiveEvent) bool {
	return (slices.Contains(s.types, e.Type) || slices.Contains(s.types, AnyType)) && (s.where == nil || s.where(e.Event, taken))
}

// span is the least and the greatest time of events.
func span(events []naiveEvent) (lo, hi event.Time) {
	lo, hi = events[0].Time, events[0].Time
	for _, e := range events {
		lo, hi = min(lo, e.Time), max(hi, e.Time)
	}
	return lo, hi
}

// fits reports whether an event is seen in time by what has been taken.
func (p *naivePattern) fits(taken []naiveEvent, e naiveEvent) bool {
	lo, hi := span(append(slices.Clone(taken), e))
	start, _ := span(taken)
	return hi-lo < p.within && e.watermark < start+p.within
}

// wanted lists the steps that take events, once for each event, with the negations before each.
func (p *naivePattern) wanted() (list []naiveStep, before [][]naiveStep, strict []bool, trailing []naiveStep) {
	var not []naiveStep
	for i, s := range p.steps {
		if s.negate {
			not = append(not, s)
			continue
		}
		for n := range max(s.step.Times, 1) {
			list = append(list, s)
			if n == 0 {
				before, strict = append(before, not), append(strict, len(s.step.Next.Types) > 0)
			} else {
				before, strict = append(before, nil), append(strict, s.step.Consecutive)
			}
		}
		not = nil
		_ = i
	}
	return list, before, strict, not
}

// all finds every match by definition among the events of one key, end being the last watermark.
func (p *naivePattern) all(events []naiveEvent, end event.Time) (found []naiveMatch) {
	list, before, strict, trailing := p.wanted()
	pick := func(places []int) (out []naiveEvent) {
		for _, i := range places {
			out = append(out, events[i])
		}
		return out
	}
	var extend func(taken []int)
	extend = func(taken []int) {
		if len(taken) == len(list) {
			if m, ok := p.ended(events, taken, pick(taken), trailing, end); ok {
				found = append(found, m)
			}
			return
		}
		k, from := len(taken), 0
		if k > 0 {
			from = taken[k-1] + 1
		}
		for i := from; i < len(events); i++ {
			so := pick(taken)
			if k > 0 && !p.follows(events[from:i], events[i], so, list[k], before[k], strict[k]) || !list[k].selects(events[i], so) {
				continue
			}
			extend(append(slices.Clone(taken), i))
		}
	}
	extend(nil)
	return found
}

// follows reports whether e may be the next event of a match, given those between.
func (p *naivePattern) follows(between []naiveEvent, e naiveEvent, taken []naiveEvent, step naiveStep, not []naiveStep, strict bool) bool {
	if !p.fits(taken, e) || strict && len(between) > 0 {
		return false
	}
	for _, b := range append(slices.Clone(between), e) {
		for _, n := range not {
			if p.fits(taken, b) && n.selects(b, taken) {
				return false
			}
		}
	}
	for _, b := range between {
		if p.fits(taken, b) && step.selects(b, taken) {
			return false // the first that is selected is taken
		}
	}
	return true
}

// ended checks what must not come after the last event.
func (p *naivePattern) ended(events []naiveEvent, places []int, taken []naiveEvent, not []naiveStep, end event.Time) (naiveMatch, bool) {
	if len(not) == 0 {
		return naiveMatch{taken: places}, true
	}
	lo, _ := span(taken)
	for _, b := range events[places[len(places)-1]+1:] {
		for _, n := range not {
			if p.fits(taken, b) && n.selects(b, taken) {
				return naiveMatch{}, false
			}
		}
	}
	return naiveMatch{taken: places, at: lo + p.within}, lo+p.within <= end
}

// matches are those that the skip strategy leaves, in the order in which they come about.
func (p *naivePattern) matches(events []naiveEvent, end event.Time) (out []naiveMatch) {
	found := p.all(events, end)
	slices.SortFunc(found, func(a, b naiveMatch) int {
		last := cmp.Compare(a.taken[len(a.taken)-1], b.taken[len(b.taken)-1])
		if a.at != 0 {
			last = cmp.Compare(a.at, b.at)
		}
		return cmp.Or(last, cmp.Compare(a.taken[0], b.taken[0]))
	})
	for _, m := range found {
		if p.skip == SkipPastLast && slices.ContainsFunc(out, func(o naiveMatch) bool { return m.taken[0] <= o.taken[len(o.taken)-1] }) {
			continue
		}
		out = append(out, m)
	}
	return out
}

// text says which records a match consists of, and when it fires.
func (m naiveMatch) text(key string, events []naiveEvent) string {
	var b strings.Builder
	fmt.Fprint(&b, key)
	lo, hi := event.Time(0), event.Time(0)
	for i, place := range m.taken {
		e := events[place]
		if i == 0 {
			lo, hi = e.Time, e.Time
		}
		lo, hi = min(lo, e.Time), max(hi, e.Time)
	}
	at := hi
	if m.at != 0 {
		at = m.at
	}
	fmt.Fprintf(&b, " first %d at %d last %d", lo-t0, at-t0, events[m.taken[len(m.taken)-1]].arrival)
	return b.String()
}
