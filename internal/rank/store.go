package rank

import (
	"time"

	"recsvc/internal/event"
	"recsvc/internal/features"
)

// What the store speaks of. A Vector has the shape of model.Vector too.
type (
	ItemRef       = features.ItemRef
	Item          = features.Item
	Vector        = features.Vector
	ScoredItem    = features.ScoredItem
	RecentEvent   = features.RecentEvent
	CategoryScore = features.CategoryScore
	SeenItem      = features.SeenItem
)

// Catalogue finds items. Its methods need the read lock, and so does reading an Item; its ID may be kept.
type Catalogue interface {
	Items() int             // refs are 0 … Items()-1
	Item(ref ItemRef) *Item // for a valid ref, never nil
	LookupItem(id string) (ItemRef, bool)
	Newest(dst []ScoredItem, n int) []ScoredItem // by creation, newest first
}

// Signals are the live aggregates that recall reads. Its methods append at most n entries to dst, best
// first, and need the read lock.
type Signals interface {
	// Trending ranks by activity within about window before now; category "" means all.
	Trending(dst []ScoredItem, category string, window time.Duration, now event.Time, n int) []ScoredItem
	// Similar ranks by co-visitation with ref, score in (0, 1].
	Similar(dst []ScoredItem, ref ItemRef, n int) []ScoredItem
}

// History is what the store remembers of a query's user, bounded per user. An unknown user has none. Its methods
// append to dst and need the read lock.
type History interface {
	Recent(dst []RecentEvent, n int) []RecentEvent // newest first
	RecentCategories(dst []CategoryScore, n int) []CategoryScore
	Seen(dst []SeenItem) []SeenItem // in any order
}

// Store is the state beside which ranking runs; [FromFeatures] makes one. RLock is held for microseconds at
// a time.
type Store interface {
	RLock()
	RUnlock()
	Catalogue
	Signals
	NewQuery() Query // needs no lock
}

// Query reads the user and builds the feature vectors of one list after another, for one goroutine. The lock may be
// given up between its calls.
type Query interface {
	// Prepare fetches the user, from disk where memory lacks it, for the Begin that follows. It must be called
	// without the lock.
	Prepare(user string)
	// Begin starts a list: it resolves the user, who may be empty or unknown, and the context as of now. It
	// needs the read lock.
	Begin(user string, context event.Attributes, now event.Time)
	// Err says why the user could not be read since Begin, and so counts as unknown.
	Err() error
	History
	// List says which candidates there are, for features of the whole list. It keeps nothing of refs.
	List(refs []ItemRef)
	// Shared returns the user and context features. It stays valid, without the lock, until the next Begin.
	Shared() Vector
	// Item overwrites dst, reusing its memory, with the features that depend on ref. It needs the read lock.
	Item(dst *Vector, ref ItemRef)
}

// SlotNamer is a [Query] that can name its features; without it explanations show slot numbers.
type SlotNamer interface {
	// Trace switches the recording of names on or off.
	Trace(on bool)
	// SlotNames names the slots of the vector that Begin or Item made last. The caller may keep them.
	SlotNames() []string
}

// BiasName is the feature that is always 1: what has that name counts as a head's bias.
const BiasName = "bias"

// Scorer is the model that orders the candidates.
type Scorer interface {
	// Version names it, "ctr@1834"; "" means that there is no model to score with.
	Version() string
	// Score sets dst[i] to the ranking score of shared+rows[i]; len(dst) == len(rows). It keeps nothing
	// and is called without any lock, beside the learner.
	Score(dst []float32, shared Vector, rows []Vector)
}

// ItemScorer is a [Scorer] whose scores may depend on the items' own attributes. A score that is not a number leaves the candidate to its
// recall; the list is then degraded by "score".
type ItemScorer interface {
	Scorer
	// ReadsItems reports whether they do. If not, Score and Explain serve.
	ReadsItems() bool
	// ScoreItems is Score, of candidates with the given attributes.
	ScoreItems(dst []float32, shared Vector, rows []Vector, items []event.Attributes)
	// ExplainItem is Explain, of a candidate with the given attributes.
	ExplainItem(shared, own Vector, item event.Attributes) (score float32, heads []Head)
}

// Chooser is a [Scorer] for whole lists: each is scored, named and explained by the one that Choose returns when it begins.
type Chooser interface {
	Choose() Scorer
}

// Explainer is a [Scorer] that can say why; without it explanations hold no heads.
type Explainer interface {
	// Explain scores one candidate exactly as Score does and returns what went into the score.
	Explain(shared, own Vector) (score float32, heads []Head)
}

// Formulated is a [Scorer] that can say by which formula it makes a score of its heads.
type Formulated interface{ Formula() string }

// Head is one objective's part in a score.
type Head struct {
	Name    string
	P       float64   // the probability that it predicts
	Bias    float64   // of the sum behind P, beside the weights
	Weights []float32 // one per slot of the shared vector, then of the item's own
}

// FromFeatures makes a Store of s.
func FromFeatures(s *features.Store) Store { return featureStore{s} }

type featureStore struct{ *features.Store }

func (s featureStore) NewQuery() Query { return s.Store.NewQuery() }

// valueOf returns the value of the i-th slot of v; where it has none it is 1.
func valueOf(v Vector, i int) float32 {
	if i < len(v.Values) {
		return v.Values[i]
	}
	return 1
}
