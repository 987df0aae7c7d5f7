package rank

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// MaxN is the longest list that a request may ask for.
const MaxN = 500

// MaxCandidates is the greatest number of candidates that a caller may bring.
const MaxCandidates = 2000

// DefaultScene is the scene of a request that names none. It always exists.
const DefaultScene = "default"

// Options configure a Ranker. A zero field takes the default named beside it.
type Options struct {
	Scenes     []Scene               // DefaultScene with its defaults, when not among them
	Clock      func() time.Time      // for deadlines only; time.Now
	Random     rand.Source           // of request ids, used under a lock; seeded by the operating system
	Seed       uint64                // mixed with the request id's hash into each request's stream; 0
	Registerer prometheus.Registerer // nil: counted, not exported
}

// Scene is one ranking policy. A zero field takes the default named beside it.
type Scene struct {
	Name       string
	Recall     []Quota       // channels in this order; DefaultQuotas. Empty but not nil: backfill alone
	MinPool    int           // recall is filled up to this many candidates, or n when that is more; 100
	Seeds      int           // recent positives that "similar" starts from; 10
	Categories int           // recent categories that "categories" draws on; 3
	Window     time.Duration // of trending; 24 h
	ScanLimit  int           // items looked at, at most, when filling up by walking the catalogue; 10,000
	Seen       SeenPolicy    // off
	Epsilon    float64       // exploration rate ε, in [0, 1]; 0
	Swap       Swap          // an experiment on positions; off
	Budget     time.Duration // for the whole list, cut short by the request's own deadline; 100 ms
}

// Quota is the number of candidates that a channel may offer.
type Quota struct {
	Channel string // similar, trending, categories or new
	N       int    // 1 – MaxCandidates
}

// DefaultQuotas are the quotas of a scene that names none: 200 candidates at most.
func DefaultQuotas() []Quota {
	return []Quota{{ChannelSimilar, 80}, {ChannelTrending, 50}, {ChannelCategories, 50}, {ChannelNew, 20}}
}

// newScenes checks the scenes and adds the default one where it is missing.
func newScenes(list []Scene) (map[string]*Scene, error) {
	scenes := make(map[string]*Scene, len(list)+1)
	for _, s := range list {
		s, err := s.withDefaults()
		if err != nil {
			return nil, err
		}
		if scenes[s.Name] != nil {
			return nil, fmt.Errorf("scene %q is defined twice", s.Name)
		}
		scenes[s.Name] = &s
	}
	if scenes[DefaultScene] == nil {
		s, err := Scene{Name: DefaultScene}.withDefaults()
		if err != nil {
			return nil, err
		}
		scenes[DefaultScene] = &s
	}
	return scenes, nil
}

// withDefaults fills in zero fields and refuses wrong ones, naming the field.
func (s Scene) withDefaults() (Scene, error) {
	if s.Recall == nil {
		s.Recall = DefaultQuotas()
	}
	setDefault(&s.MinPool, 100)
	setDefault(&s.Seeds, 10)
	setDefault(&s.Categories, 3)
	setDefault(&s.Window, 24*time.Hour)
	setDefault(&s.ScanLimit, 10_000)
	setDefault(&s.Budget, 100*time.Millisecond)
	s.Swap.setDefaults()
	return s, s.check()
}

func (s Scene) check() error {
	switch {
	case s.Name == "":
		return fmt.Errorf("scene: name is empty")
	case s.MinPool < 1 || s.MinPool > MaxCandidates:
		return fmt.Errorf("scene %q: min_pool is %d: must be 1 to %d", s.Name, s.MinPool, MaxCandidates)
	case s.Seeds < 1, s.Categories < 1, s.ScanLimit < 1:
		return fmt.Errorf("scene %q: seeds, categories and scan_limit must be at least 1", s.Name)
	case s.Window < 0 || s.Budget < 0:
		return fmt.Errorf("scene %q: window and budget must be positive", s.Name)
	case !(s.Epsilon >= 0 && s.Epsilon <= 1):
		return fmt.Errorf("scene %q: epsilon is %v: must be in [0, 1]", s.Name, s.Epsilon)
	}
	seen := channelSet(0)
	for _, q := range s.Recall {
		ch, ok := recallChannel(q.Channel)
		if !ok {
			return fmt.Errorf("scene %q: recall: no channel %q", s.Name, q.Channel)
		}
		if seen.has(ch) {
			return fmt.Errorf("scene %q: recall: channel %q is named twice", s.Name, q.Channel)
		}
		if q.N < 1 || q.N > MaxCandidates {
			return fmt.Errorf("scene %q: recall: quota of %q is %d: must be 1 to %d", s.Name, q.Channel, q.N, MaxCandidates)
		}
		seen = seen.with(ch)
	}
	if err := s.Swap.check(); err != nil {
		return fmt.Errorf("scene %q: %w", s.Name, err)
	}
	if err := s.Seen.check(); err != nil {
		return fmt.Errorf("scene %q: %w", s.Name, err)
	}
	return nil
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}
