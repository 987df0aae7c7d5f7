package rank

import (
	"errors"
	"strings"

	"recsvc/internal/event"
)

// ErrRequest reports a request that cannot be answered as it stands; its text is fit for the caller.
var ErrRequest = errors.New("bad request")

// ErrUnknownItem reports an item that the store has never heard of.
var ErrUnknownItem = errors.New("unknown item")

// Request asks for one list. The zero value, with Now set, asks for ten items for nobody in particular.
type Request struct {
	ID         string           // of the list; empty: a new one is made
	User       string           // may be empty or unknown
	N          int              // 1 – MaxN; 0: 10, or all of Candidates
	Scene      string           // empty: DefaultScene
	Item       string           // looked at, for "more like this"; empty or unknown: none
	Context    event.Attributes // kept by the answer
	Filter     *Filter          // nil: everything passes
	Exclude    []string         // item ids; unknown ones are ignored
	Candidates []string         // rank these instead of recalling; not nil even when empty
	Variants   []Variant        // experiment arms this request is in; kept by the answer
	Explain    bool
	Now        event.Time // the instant at which features are read
}

// Variant is an arm of an experiment.
type Variant struct{ Name, Arm string }

// List is the answer. It belongs to the caller, save for the slices of Ranked.Channels, which are shared
// and read only.
type List struct {
	Request  string
	User     string
	Scene    string
	Model    string // name@version of the model that scored; empty when none did
	Time     event.Time
	Context  event.Attributes
	Variants []Variant
	Degraded []string // what was skipped or fell back; nil when nothing was
	Swap     [2]int   // the positions, from 1, whose items were exchanged with probability ½; 0, 0: not part of the experiment
	Items    []Ranked // in the order to show
}

// Ranked is one slot of a list.
type Ranked struct {
	Item       string
	Position   int     // from 1
	Score      float64 // what it was ranked by
	Propensity float64 // of this item in this slot, given the slots above; (0, 1]
	Channels   []string
	Explain    *Explanation // nil unless asked for
}

// Served turns the list into the record that the caller appends to the log before it answers.
func (l *List) Served() *event.Served {
	items := make([]event.ServedItem, len(l.Items))
	for i, it := range l.Items {
		items[i] = event.ServedItem{Item: it.Item, Score: it.Score, Propensity: it.Propensity}
	}
	return &event.Served{
		Request: l.Request,
		User:    l.User,
		Scene:   l.Scene,
		Time:    l.Time,
		Model:   l.Model,
		Variant: joinVariants(l.Variants),
		Context: l.Context,
		Swap:    [2]int32{int32(l.Swap[0]), int32(l.Swap[1])},
		Items:   items,
	}
}

// joinVariants writes arms as the log does: "name=arm,…", in the order given.
func joinVariants(vs []Variant) string {
	if len(vs) == 0 {
		return ""
	}
	var b strings.Builder
	for i, v := range vs {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(v.Name)
		b.WriteByte('=')
		b.WriteString(v.Arm)
	}
	return b.String()
}
