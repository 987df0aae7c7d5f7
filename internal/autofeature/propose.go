package autofeature

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// Errors of samples that no configuration can be made of.
var (
	ErrNoExposures = errors.New("the sample has neither exposures nor rated events: nothing tells what was shown from what was chosen")
	ErrNoOutcome   = errors.New("no type of event follows the exposures of the sample often enough to be predicted")
)

// Proposal is a configuration and the reasons for it.
type Proposal struct {
	Events, Exposures, Users, Items int
	Span                            time.Duration
	Entropy                         float64 // of the first head's outcome, in bits

	Outcomes []Outcome
	Heads    []Head    // the one that lists are ranked by first
	Fields   []*Field  // all that the sample has, whether used or not
	Features []Feature // in an order in which each stands behind its inputs
	Notes    []string  // what to look at
	Bits     int       // of the weight table
}

// Feature is one proposed definition.
type Feature struct {
	Group string
	Name  string
	Body  string // the rest of the YAML mapping: "kind: count, scope: user, …"
	Why   string
}

// roomFor is how many times the categories of the sample the weight table has room for: a sample is a small part of what comes.
const roomFor = 16

// Propose makes the proposal. The sample is used up.
func (s *Sample) Propose() (*Proposal, error) {
	p := &Proposal{Events: s.events, Span: s.last.Sub(s.first)}
	shown := shownType
	if len(s.shown) > 0 {
		p.Outcomes = s.outcomes()
		if p.Heads = s.heads(p.Outcomes); len(p.Heads) == 0 {
			return nil, ErrNoOutcome
		}
	} else {
		h, ok := s.rated()
		if !ok {
			return nil, ErrNoExposures
		}
		s.restate(h.Type)
		p.Heads, shown = []Head{h}, h.Type
		p.note("nothing says what was shown: each %s stands for an exposure, and one of at least %s for its outcome", h.Type, decimal(h.Min))
	}
	p.Exposures = len(s.shown)
	st := newStudy(s, p.Heads[0])
	if st.entropy == 0 {
		return nil, ErrNoOutcome
	}
	p.Entropy = st.entropy
	d := newDraft(p, st, shown)
	d.write()
	p.Bits = min(max(18, bits.Len(uint(roomFor*d.slots))), 24)
	p.cautions(s, st.lists)
	return p, nil
}

func (p *Proposal) note(format string, args ...any) {
	p.Notes = append(p.Notes, fmt.Sprintf(format, args...))
}

// cautions notes what the reader should know.
func (p *Proposal) cautions(s *Sample, lists bool) {
	positives := int(math.Round(p.Heads[0].Share * float64(p.Exposures)))
	if positives < 1000 {
		p.note("only %d outcomes: what little they tell is hard to tell from chance; take a longer sample", positives)
	}
	places := make(map[int32]int)
	for i := range s.shown {
		places[s.shown[i].e.Position]++
	}
	if len(places) > 1 {
		p.note("events have a position: it is no feature, since it is the list's doing and unknown when one is scored; " +
			"see feedback.positions and heads[].examination")
	}
	if lists {
		p.note("exposures come in lists, logged item by item: what counts exposures by user or context alone is left out, " +
			"since it would count the places above")
	}
	if s.Full() {
		p.note("only the first %d events were looked at, over %s: what changes more slowly than that was not seen", p.Events, rough(p.Span))
	}
}
