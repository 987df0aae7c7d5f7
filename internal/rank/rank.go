package rank

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Ranker makes lists. It is safe for concurrent use.
type Ranker struct {
	store   Store
	scorer  Scorer // may be nil: there is no model
	scenes  map[string]*Scene
	clock   func() time.Time
	seed    uint64
	ids     *IDs
	names   *channelLists
	metrics *metrics
	passes  sync.Pool // of *pass
}

// New returns a Ranker over store that scores by scorer, which may be nil: lists then go by popularity.
func New(store Store, scorer Scorer, opts Options) (*Ranker, error) {
	scenes, err := newScenes(opts.Scenes)
	if err != nil {
		return nil, fmt.Errorf("rank: %w", err)
	}
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Random == nil {
		var seed [32]byte
		_, _ = crand.Read(seed[:]) // never fails, by its contract
		opts.Random = rand.NewChaCha8(seed)
	}
	r := &Ranker{
		store:   store,
		scorer:  scorer,
		scenes:  scenes,
		clock:   opts.Clock,
		seed:    opts.Seed,
		ids:     NewIDs(opts.Random),
		names:   newChannelLists(),
		metrics: newMetrics(opts.Registerer),
	}
	r.passes.New = func() any { return newPass(r) }
	return r, nil
}

// Rank answers one request. It fails with ErrRequest when the request cannot be answered as it stands, and
// with the context's error when the caller has gone. A deadline is no failure: what there was no time for
// is named in List.Degraded.
func (r *Ranker) Rank(ctx context.Context, req Request) (List, error) {
	scene, err := r.complete(&req)
	if err != nil {
		return List{}, err
	}
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return List{}, fmt.Errorf("rank for scene %q: %w", scene.Name, err)
	}
	p := r.passes.Get().(*pass)
	p.begin(ctx, req, scene)
	p.meet()
	p.recall()
	p.mark(stageRecall)
	p.score()
	p.mark(stageScore)
	list := p.answer()
	p.mark(stagePick)
	r.metrics.observe(p, &list)
	p.end()
	r.passes.Put(p)
	return list, nil
}

// complete fills in what the request left open and checks the rest.
func (r *Ranker) complete(req *Request) (*Scene, error) {
	if req.Scene == "" {
		req.Scene = DefaultScene
	}
	scene := r.scenes[req.Scene]
	switch {
	case scene == nil:
		return nil, fmt.Errorf("%w: scene: no scene %q is configured", ErrRequest, req.Scene)
	case req.N < 0 || req.N > MaxN:
		return nil, fmt.Errorf("%w: n: is %d: must be 1 to %d", ErrRequest, req.N, MaxN)
	case len(req.Candidates) > MaxCandidates:
		return nil, fmt.Errorf("%w: candidates: are %d: at most %d are allowed", ErrRequest, len(req.Candidates), MaxCandidates)
	case req.Now <= 0:
		return nil, fmt.Errorf("%w: now: is absent", ErrRequest)
	}
	if req.N == 0 {
		req.N = 10
		if req.Candidates != nil {
			req.N = len(req.Candidates)
		}
	}
	if req.ID == "" {
		req.ID = r.ids.Next(req.Now)
	}
	return scene, nil
}
