package rank

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/zeebo/xxh3"

	"recsvc/internal/event"
	"recsvc/internal/expression"
)

// The stages of a pass, as metrics name them.
const (
	stageRecall = iota
	stageScore
	stagePick
	numStages
)

// What List.Degraded says beside the names of late channels.
const (
	degradedModel     = "model"           // there is no model: by popularity
	degradedScore     = "score"           // some have no score: by how strongly they were recalled, behind the others
	degradedDeadline  = "deadline"        // some were not scored: by how strongly they were recalled
	degradedCatalogue = "empty catalogue" // nothing is available at all
	degradedUnknown   = "candidates"      // some of the caller's are not in the catalogue, and left out
	degradedUser      = "user"            // the user could not be read, and counts as unknown
)

// What marks says of an item that is no candidate; from 0 on it is a candidate's index.
const (
	barred  int32 = -1 // excluded, hidden, unavailable or filtered out
	demoted int32 = -2 // already seen: last, once it is a candidate
)

// candidate is an item on its way to the list.
type candidate struct {
	id       string
	ref      ItemRef
	channels channelSet
	demoted  bool
	scored   bool // by the model, or by popularity when there is none
	recall   float32
	score    float32
	by       [numChannels]float32 // the channels' own scores
}

// pass is one request on its way through the stages, with all the memory that it needs; it is reused.
type pass struct {
	r      *Ranker
	scorer Scorer // of the list at hand
	req    Request
	scene  *Scene

	marked   [numStages + 1]time.Time // start, then the end of each stage
	until    time.Time                // end of the channel's own share of the time
	recallBy time.Time
	scoreBy  time.Time
	degraded []string // goes into the list: never reused
	model    string

	candidates []candidate
	marks      map[ItemRef]int32
	picky      bool     // a filter or marks will turn hits down
	why        []reason // beside candidates, when an explanation was asked for

	hits    []ScoredItem
	sums    []ScoredItem
	at      map[ItemRef]int32 // index into sums
	seeds   []seed
	recent  []RecentEvent
	liked   []CategoryScore
	seen    []SeenItem
	scratch expression.State
	query   Query
	refs    []ItemRef
	rows    [chunk]Vector
	scores  [chunk]float32
	priced  ItemScorer // the scorer, where its scores depend on the items; nil: they do not
	attrs   [chunk]event.Attributes
	order   []entry
	indices []int32
	choices []choice
	ranked  []int32
	pcg     rand.PCG
	rng     *rand.Rand // over pcg
}

func newPass(r *Ranker) *pass {
	p := &pass{r: r, marks: make(map[ItemRef]int32), at: make(map[ItemRef]int32), query: r.store.NewQuery()}
	p.rng = rand.New(&p.pcg)
	return p
}

// begin takes in the request. The stream of random numbers is a function of its id and the server's seed.
func (p *pass) begin(ctx context.Context, req Request, scene *Scene) {
	p.req, p.scene = req, scene
	p.pcg.Seed(xxh3.HashString(req.ID), p.r.seed)
	start := p.r.clock()
	budget := scene.Budget
	if deadline, ok := ctx.Deadline(); ok {
		budget = max(0, min(budget, deadline.Sub(start)))
	}
	p.marked[0] = start
	p.recallBy = start.Add(budget / 2)
	p.scoreBy = start.Add(budget / 10 * 9) // a tenth is left for picking, logging and encoding
}

// end lets go of everything that belongs to the caller.
func (p *pass) end() {
	p.req, p.scene, p.model, p.picky = Request{}, nil, "", false
	p.degraded, p.why = nil, nil
	clear(p.candidates) // they hold ids
	p.candidates = p.candidates[:0]
	clear(p.recent[:cap(p.recent)])
	clear(p.liked[:cap(p.liked)])
	clear(p.marks)
	p.scratch = expression.State{}
}

// meet finds the user and takes in the context.
func (p *pass) meet() {
	p.query.Prepare(p.req.User)
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	p.query.Begin(p.req.User, p.req.Context, p.req.Now)
}

func (p *pass) mark(stage int) { p.marked[stage+1] = p.r.clock() }

// degrade notes what was skipped, once.
func (p *pass) degrade(what string) {
	if !slices.Contains(p.degraded, what) {
		p.degraded = append(p.degraded, what)
	}
}

// personal reports whether there is a history to read.
func (p *pass) personal() bool { return p.req.User != "" }

// answer orders the candidates, picks and builds the list.
func (p *pass) answer() List {
	var pair [2]int
	p.choices, p.ranked, pair = arrange(p.choices[:0], p.sorted(), p.ranked, p.req.N, p.scene.Epsilon, p.scene.Swap, p.rng)
	if len(p.choices) == 0 && p.req.Candidates == nil && p.emptyCatalogue() {
		p.degrade(degradedCatalogue)
	}
	if p.query.Err() != nil {
		p.degrade(degradedUser)
	}
	items := make([]Ranked, len(p.choices))
	for i, ch := range p.choices {
		c := &p.candidates[ch.index]
		items[i] = Ranked{
			Item:       c.id,
			Position:   i + 1,
			Score:      float64(c.score),
			Propensity: ch.propensity,
			Channels:   p.r.names[c.channels],
		}
		if p.req.Explain {
			items[i].Explain = p.explanation(ch)
		}
	}
	return List{
		Request:  p.req.ID,
		User:     p.req.User,
		Scene:    p.scene.Name,
		Model:    p.model,
		Time:     p.req.Now,
		Context:  p.req.Context,
		Variants: p.req.Variants,
		Degraded: p.degraded,
		Swap:     pair,
		Items:    items,
	}
}
