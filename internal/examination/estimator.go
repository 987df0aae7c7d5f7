package examination

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"recsvc/internal/dirty"
)

// Placing says how an item came to its position.
type Placing uint8

// How items are placed.
const (
	Ranked Placing = iota // by the ranker
	Drawn                 // the whole list was drawn: every item could stand at every position with the same probability
	Paired                // the list had one pair of positions whose items were exchanged with probability ½, and this is one of them
)

// Outcome is one impression whose label is final.
type Outcome struct {
	Group    int // as Group returned it
	Position int // from 1
	Placing  Placing
	Mate     int     // with Paired: the pair's other position, from 1
	Item     uint64  // hash; 0: not told, and of no use to Harvest
	Query    uint64  // hash of what relevance depends on beside the item
	P        float32 // the head's prediction at capture, which knows nothing of the position
	Positive bool
	Time     int64 // when it was shown, Unix nanoseconds
}

// Counters say what an Estimator was given. They are state.
type Counters struct {
	Outcomes uint64 // taken in
	Refused  uint64 // of no group, no position, or with a prediction that is no probability
	Drawn    uint64 // of those taken in: at drawn positions, pairs included
	Matched  uint64 // pairs of sightings of an item at two positions
}

// group is one (scene, layout).
type group struct {
	scene, layout string

	uniform []side    // by position: drawn lists
	swaps   []pair    // by triangle
	harvest []pair    // by triangle
	em      []sighted // by position

	force []float32 // θ in force, by position; 0: none
	stale bool      // something was taken in since the last step
}

func newGroup(positions int) *group {
	pairs := triangle(0, positions)
	return &group{
		uniform: make([]side, positions), swaps: make([]pair, pairs), harvest: make([]pair, pairs),
		em: make([]sighted, positions), force: make([]float32, positions),
	}
}

// Estimator estimates θ by all methods, and says which θ is in force.
type Estimator struct {
	o       Options
	decay   decay
	groups  []*group
	byName  map[[2]string]int
	table   sightings
	counts  Counters
	last    int64 // steps of event time that are over; 0: none yet
	started bool
	set     *dirty.Set
	solver  *ratios

	mu      sync.RWMutex
	reports []Report // as of the last step
}

// New returns an Estimator that has seen nothing.
func New(o Options) (*Estimator, error) {
	o.setDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	e := &Estimator{o: o, decay: decay{halfLife: float64(o.HalfLife)}, byName: map[[2]string]int{}, solver: newRatios(o.Positions)}
	e.set = dirty.NewSet((*entries)(e))
	return e, nil
}

// Method returns what θ goes by.
func (e *Estimator) Method() Method { return e.o.Method }

// Counters returns what was taken in so far. It belongs to the writer.
func (e *Estimator) Counters() Counters { return e.counts }

// Group returns the number of a scene's layout, and makes it known; −1 when there are too many.
func (e *Estimator) Group(scene, layout string) int {
	name := [2]string{scene, layout}
	g, ok := e.byName[name]
	if ok {
		return g
	}
	if len(e.groups) >= e.o.Groups {
		return -1
	}
	return e.addGroup(scene, layout)
}

func (e *Estimator) addGroup(scene, layout string) int {
	at := len(e.groups)
	e.set.Touch(e.groupID(at))
	g := newGroup(e.o.Positions)
	g.scene, g.layout = scene, layout
	e.groups = append(e.groups, g)
	e.byName[[2]string{scene, layout}] = at
	return at
}

// Find is Group for those who only look.
func (e *Estimator) Find(scene, layout string) int {
	if g, ok := e.byName[[2]string{scene, layout}]; ok {
		return g
	}
	return -1
}

// Theta returns the probability that a position is looked at, if the method has an estimate in force for it.
func (e *Estimator) Theta(g, position int) (float32, bool) {
	if e.o.Method == Fixed || g < 0 || position < 1 {
		return 0, false
	}
	t := e.groups[g].force[min(position, e.o.Positions)-1]
	return t, t > 0
}

// Observe takes an outcome in.
func (e *Estimator) Observe(o *Outcome) {
	e.set.Touch(globalsID)
	p := float64(o.P)
	if o.Group < 0 || o.Group >= len(e.groups) || o.Position < 1 || !(p >= 0 && p <= 1) || o.Placing == Paired && o.Mate < 1 {
		e.counts.Refused++
		return
	}
	w := e.weigh(o.Time)
	e.counts.Outcomes++
	g, k := e.groups[o.Group], min(o.Position, e.o.Positions)-1
	g.stale = true
	switch mate := min(o.Mate, e.o.Positions) - 1; {
	case o.Placing == Drawn:
		e.counts.Drawn++
		e.set.Touch(e.uniformID(o.Group))
		g.uniform[k].add(w, o.Positive)
	case o.Placing == Paired && mate != k:
		e.counts.Drawn++
		high, low := min(k, mate), max(k, mate)
		e.set.Touch(e.swapsID(o.Group, low))
		p := &g.swaps[triangle(high, low)]
		if k == high {
			p.high.add(w, o.Positive)
		} else {
			p.low.add(w, o.Positive)
		}
	}
	e.set.Touch(e.sightedID(o.Group, k))
	g.em[k].add(w, p, o.Positive)
	if o.Item != 0 {
		e.match(g, o, k, w)
	}
}

// weigh returns the weight of an outcome of time t.
func (e *Estimator) weigh(t int64) float64 {
	w, rescale := e.decay.weight(t)
	if rescale != 1 {
		e.rescale(rescale)
	}
	return w
}

func (e *Estimator) rescale(f float64) {
	for i, g := range e.groups {
		e.set.Touch(e.uniformID(i))
		for k := range e.o.Positions {
			e.set.Touch(e.swapsID(i, k))
			e.set.Touch(e.harvestID(i, k))
			e.set.Touch(e.sightedID(i, k))
			g.uniform[k].scale(f)
			g.em[k].scale(f)
		}
		for j := range g.swaps {
			g.swaps[j].scale(f)
			g.harvest[j].scale(f)
		}
	}
}

// Advance lets time pass: when the watermark is beyond a multiple of Options.Step, the estimates of now come in force.
func (e *Estimator) Advance(watermark int64) {
	step := watermark / int64(e.o.Step)
	if e.started && step <= e.last {
		return
	}
	e.set.Touch(globalsID)
	e.last, e.started = step, true
	e.estimate()
}

// estimate brings the reports and θ in force up to date.
func (e *Estimator) estimate() {
	changed := false
	for i, g := range e.groups {
		if !g.stale {
			continue
		}
		g.stale, changed = false, true
		report := e.report(g)
		e.enforce(i, &report)
		report.Force = slices.Clone(g.force)
		e.publish(i, report)
	}
	if changed {
		e.mu.Lock()
		defer e.mu.Unlock()
		for i := range e.reports {
			e.reports[i].Counters = e.counts
		}
	}
}

// enforce puts the method's estimates of a group in force, as far as there is evidence enough for them.
func (e *Estimator) enforce(i int, r *Report) {
	if e.o.Method == Fixed {
		return
	}
	e.set.Touch(e.groupID(i))
	g, estimates := e.groups[i], r.Methods[e.o.Method-1]
	for k := range g.force {
		g.force[k] = 0
		if s := &estimates[k]; min(s.Effective, estimates[0].Effective) >= e.o.MinWeight {
			g.force[k] = float32(min(max(s.Theta, e.o.Floor), 1))
		}
	}
}

func (e *Estimator) publish(i int, r Report) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.reports) <= i {
		e.reports = append(e.reports, Report{})
	}
	e.reports[i] = r
}

// String names a group.
func (g *group) String() string { return fmt.Sprintf("scene %q, layout %q", g.scene, g.layout) }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
