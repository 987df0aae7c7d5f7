package autofeature

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Bounds on what may become a head.
const (
	fewestPositives = 30
	rarestHead      = 0.0005 // share of exposures
	commonestHead   = 0.95
	mostHeads       = 2
)

// Head is an outcome to be predicted.
type Head struct {
	Name   string
	Type   string
	Min    float64 // least value that counts; only with HasMin
	HasMin bool
	Share  float64 // of exposures that it followed
	Count  int
	Window time.Duration
	Late   time.Duration // the delay that 99.5 % of them stayed below
}

// Outcome tells of a type of event that is no exposure.
type Outcome struct {
	Type           string
	Events, Joined int
	Share          float64
	Median, Late   time.Duration // delays after the exposure: half, and 99.5 % of them, are shorter
	Note           string        // what it was chosen for, or why not
}

// outcomes tells of each type, by its number of events.
func (s *Sample) outcomes() (out []Outcome) {
	for _, name := range s.names {
		t := s.types[name]
		if name == shownType {
			continue
		}
		o := Outcome{Type: name, Events: t.events, Joined: t.joined}
		if len(s.shown) > 0 {
			o.Share = float64(t.joined) / float64(len(s.shown))
		}
		if len(t.delays) > 0 {
			sorted := slices.Sorted(slices.Values(t.delays))
			o.Median, o.Late = seconds(quantile(sorted, 0.5)), seconds(quantile(sorted, 0.995))
		}
		o.Note = o.fault()
		out = append(out, o)
	}
	slices.SortStableFunc(out, func(a, b Outcome) int { return cmp.Compare(b.Events, a.Events) })
	return out
}

func (o *Outcome) fault() string {
	switch {
	case o.Joined < o.Events/20:
		return "does not follow exposures: counted, not predicted"
	case o.Joined < fewestPositives:
		return fmt.Sprintf("only %d follow an exposure: at least %d are wanted", o.Joined, fewestPositives)
	case o.Share < rarestHead:
		return "follows too few exposures"
	}
	return ""
}

// better orders what lists are best ranked by: a click says most about what was shown, then what is nearest to it.
var preference = []string{"click", "purchase", "cart", "long_view", "view", "like", "dwell"}

func rankOf(name string) int {
	if i := slices.Index(preference, name); i >= 0 {
		return i
	}
	return len(preference)
}

// heads chooses what is predicted, the one that lists are ranked by first, and notes it with the outcomes.
func (s *Sample) heads(outcomes []Outcome) (heads []Head) {
	order := make([]*Outcome, 0, len(outcomes))
	for i := range outcomes {
		if outcomes[i].Note == "" {
			order = append(order, &outcomes[i])
		}
	}
	slices.SortStableFunc(order, func(a, b *Outcome) int { return cmp.Compare(rankOf(a.Type), rankOf(b.Type)) })
	for _, o := range order {
		h, why := s.head(o)
		switch {
		case why != "":
			o.Note = why
		case len(heads) == mostHeads:
			o.Note = "could be a head; a head for each of two is enough to begin with"
		default:
			o.Note = fmt.Sprintf("head %s, window %s", h.Name, short(h.Window))
			heads = append(heads, h)
		}
	}
	return heads
}

// head makes a head of a type. What follows nearly every exposure can only tell by its value: the better half is positive.
func (s *Sample) head(o *Outcome) (h Head, fault string) {
	h = Head{Name: o.Type, Type: o.Type, Share: o.Share, Count: o.Joined, Late: o.Late, Window: labelWindow(o.Late)}
	t := s.types[o.Type]
	if o.Type != "dwell" && o.Share <= commonestHead {
		return h, ""
	}
	if t.values*2 < t.events {
		return h, "follows nearly every exposure, with no value to tell them apart"
	}
	h.Min, h.HasMin = nice(quantile(slices.Sorted(slices.Values(t.amounts)), 0.5)), true
	h.Name = "long_" + o.Type
	return h, ""
}

// labelWindow leaves room beyond the delays seen: a sample is no proof that nothing comes later.
func labelWindow(late time.Duration) time.Duration {
	for _, w := range []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour} {
		if 2*late <= w {
			return w
		}
	}
	return 24 * time.Hour
}

// holds reports whether an event makes the label of the head 1.
func (h *Head) holds(st *step) bool {
	return st.e.Type == h.Type && (!h.HasMin || st.e.HasValue && st.e.Value >= h.Min) && st.delay <= h.Window
}

// rated makes the better half of rated events a head, for samples without exposures.
func (s *Sample) rated() (h Head, ok bool) {
	best := ""
	for _, name := range s.names {
		t := s.types[name]
		if t.values*10 > t.events*9 && t.itemless == 0 && (best == "" || t.events > s.types[best].events) {
			best = name
		}
	}
	if best == "" {
		return h, false
	}
	sorted := slices.Sorted(slices.Values(s.types[best].amounts))
	h = Head{Name: "good_" + best, Type: best, HasMin: true, Min: quantile(sorted, 0.5), Window: 10 * time.Minute}
	first, _ := slices.BinarySearch(sorted, h.Min)
	h.Count = len(sorted) - first
	h.Share = float64(h.Count) / float64(len(sorted))
	if h.Share > commonestHead || h.Count < fewestPositives { // nearly all have the median or more: above it, then
		return h, false
	}
	return h, true
}

// restate makes an exposure of each event of the type, for samples in which nothing says what was shown.
func (s *Sample) restate(typ string) {
	steps := s.steps
	s.steps = nil
	for _, st := range steps {
		if st.e.Type == typ {
			id := int32(len(s.shown))
			s.shown = append(s.shown, exposure{e: st.e, item: s.items[st.e.Item], user: s.users[st.e.User]})
			st.shown, st.delay, st.again = id, 0, false
		}
		s.steps = append(s.steps, st)
	}
}
