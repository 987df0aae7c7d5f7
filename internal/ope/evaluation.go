package ope

import "recsvc/internal/event"

// Interaction says which slots of a list have a part in the reward of one.
type Interaction uint8

// The interactions. Choices that stand alone count as [Independent].
const (
	Independent Interaction = iota // the slot alone; what stands above is left as it was shown
	Cascade                        // the slots down to it
	Whole                          // all slots of the list
	interactions
)

// String is the name that tables and answers use.
func (i Interaction) String() string {
	return [interactions]string{"independent", "cascade", "list"}[i]
}

// Interactions lists all.
func Interactions() []Interaction { return []Interaction{Independent, Cascade, Whole} }

// Skip says why a choice could not be evaluated.
type Skip uint8

// The reasons. No skip depends on the reward.
const (
	NoPropensity    Skip = iota + 1 // it was logged without one
	NotTheRule                      // see ErrPropensity, or the scene is not configured any more
	NoCandidates                    // nobody knows what else could have been shown
	NotInTable                      // a ByFrequency policy knows nothing of the position
	ListsNotInTable                 // a ByFrequency policy is of single choices, not of lists
	Unfollowed                      // more impressions were open at once than are followed
	skips
)

// String says it to people.
func (s Skip) String() string {
	return [skips]string{
		"", "logged without a propensity", "propensities that are not those of the scene's epsilon", "candidates not known",
		"a position that the other log never showed", "in a list, of which the other log's frequencies say nothing", "too many open at once",
	}[s]
}

// MaxPosition is the last position that has values of its own; those below count with it.
const MaxPosition = 50

// Choice is what a policy makes of one impression.
type Choice struct {
	Weights [interactions]float64
	Direct  float64 // of πₑ over what is known; Outside has the rest
	Outside float64 // mass of πₑ on what has no q̂ of its own
	Missing float64
	Skip    Skip // 0: none
	// Products says that the weights of whole prefixes and lists mean something: πₑ of a slot must not depend on what stands below it, as
	// it does where all that is known of a pool is what stands below. A choice that stands alone has none.
	Products bool
}

// Settled is an impression whose reward is known.
type Settled struct {
	Cluster   uint64
	Time      event.Time // when it was shown
	Position  int32      // 1-based; 0: none
	Reward    float64
	Predicted float64 // q̂ of what was shown, examination included
	Theta     float64 // by which Direct is to be multiplied
	Outside   bool    // what was shown has no q̂ of its own
}

// Evaluation sums up what becomes of one policy. It belongs to one goroutine.
type Evaluation struct {
	opts      Options
	tallies   [interactions]*Tally
	positions [Whole][]*Tally // the same for each position; 0: without one; nil: nothing came
	skipped   [skips]int64
	base      runningMean
}

// runningMean stands for q̂ of what has none. It is taken before the reward at hand is added.
type runningMean struct{ n, sum float64 }

func (m *runningMean) value() float64 {
	if m.n == 0 {
		return 0
	}
	return m.sum / m.n
}

// NewEvaluation returns an empty one.
func NewEvaluation(opts Options) (*Evaluation, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Evaluation{opts: opts}
	for i := range e.tallies {
		e.tallies[i] = newTally(opts)
	}
	return e, nil
}

// Add takes an impression whose reward is settled and what the policy makes of it.
func (e *Evaluation) Add(s *Settled, c *Choice) {
	if c.Skip != 0 {
		e.skipped[c.Skip]++
		return
	}
	base := e.base.value()
	sample := Sample{
		Cluster: s.Cluster, Reward: s.Reward, Predicted: s.Predicted, Missing: c.Missing,
		Direct: float64(s.Theta*c.Direct) + float64(c.Outside*base),
	}
	if s.Outside {
		sample.Predicted = base
	}
	e.base.n++
	e.base.sum += s.Reward
	for i := range e.tallies {
		if i > int(Independent) && !c.Products {
			return
		}
		sample.Weight = c.Weights[i]
		e.tallies[i].Add(&sample)
		if i < len(e.positions) {
			e.at(i, s.Position).Add(&sample)
		}
	}
}

func (e *Evaluation) at(i int, position int32) *Tally {
	of, position := &e.positions[i], max(0, min(position, MaxPosition))
	for int(position) >= len(*of) {
		*of = append(*of, nil)
	}
	t := &(*of)[position]
	if *t == nil {
		of := e.opts
		of.Clusters = of.ByPlace
		*t = newTally(of)
	}
	return *t
}

// Tally returns the sums under an interaction.
func (e *Evaluation) Tally(i Interaction) *Tally { return e.tallies[i] }

// Position returns the sums of a position, up to [MaxPosition], under [Independent] or [Cascade]; nil where nothing was shown. 0 has what
// came without one.
func (e *Evaluation) Position(i Interaction, position int) *Tally {
	if int(i) >= len(e.positions) || position >= len(e.positions[i]) {
		return nil
	}
	return e.positions[i][position]
}

// Skipped returns how many impressions were passed over for a reason.
func (e *Evaluation) Skipped(s Skip) int64 { return e.skipped[s] }

// Skips lists the reasons.
func Skips() []Skip {
	out := make([]Skip, 0, skips-1)
	for s := Skip(1); s < skips; s++ {
		out = append(out, s)
	}
	return out
}

// Merge adds what another evaluation of the same policy holds.
func (e *Evaluation) Merge(o *Evaluation) {
	for i := range e.tallies {
		e.tallies[i].Merge(o.tallies[i])
	}
	for i, of := range o.positions {
		for at, t := range of {
			if t != nil {
				e.at(i, int32(at)).Merge(t)
			}
		}
	}
	for i, n := range o.skipped {
		e.skipped[i] += n
	}
	e.base.n += o.base.n
	e.base.sum += o.base.sum
}

// Reset empties it and keeps its memory.
func (e *Evaluation) Reset() {
	for _, t := range e.tallies {
		t.Reset()
	}
	for _, of := range e.positions {
		for _, t := range of {
			if t != nil {
				t.Reset()
			}
		}
	}
	e.skipped, e.base = [skips]int64{}, runningMean{}
}
