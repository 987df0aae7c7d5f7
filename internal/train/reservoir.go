package train

import (
	"cmp"
	"container/heap"
	"math"
	"slices"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/model"
)

// Reservoir is a bounded sample of impressions: those whose ids have the smallest hashes, each as likely as any other, and the same
// ones whenever the same log is read. It keeps what the first head of the model is to learn of them.
type Reservoir struct {
	most int
	kept byHash
	of   map[uint64]*sampled // by impression
}

// sampled is one impression.
type sampled struct {
	id, hash         uint64
	time             event.Time
	y, weight, theta float32
	shared, own      feedback.Vector
}

// byHash is a heap with the greatest hash on top.
type byHash []*sampled

func (h byHash) Len() int           { return len(h) }
func (h byHash) Less(i, j int) bool { return h[i].hash > h[j].hash }
func (h byHash) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byHash) Push(x any)        { *h = append(*h, x.(*sampled)) }
func (h *byHash) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func newReservoir(most int) *Reservoir { return &Reservoir{most: most, of: map[uint64]*sampled{}} }

// offer takes an impression in, if its hash is among the smallest. What comes of one that is there replaces its label.
func (r *Reservoir) offer(s *feedback.Step) {
	if x := r.of[s.ID]; x != nil {
		if s.Correction || s.FakeNegative {
			x.y, x.weight = s.Y, s.Weight
		}
		return
	}
	hash := mix(s.ID)
	if len(r.kept) == r.most {
		if hash >= r.kept[0].hash {
			return
		}
		delete(r.of, heap.Pop(&r.kept).(*sampled).id)
	}
	x := &sampled{id: s.ID, hash: hash, time: s.Time, y: s.Y, weight: s.Weight, theta: s.Theta}
	keep(&x.shared, s.Shared)
	keep(&x.own, s.Own)
	heap.Push(&r.kept, x)
	r.of[s.ID] = x
}

// mix is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Memory is how well a model does on the sample: on the older half of it, and on the newer. Log-losses are in nats; NaN of nothing.
type Memory struct {
	N        int
	Old, New float64
}

// Memory judges a model by the sample.
func (r *Reservoir) Memory(m *model.Model) Memory {
	all := slices.Clone(r.kept)
	slices.SortFunc(all, func(a, b *sampled) int { return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.id, b.id)) })
	half := len(all) / 2
	return Memory{N: len(all), Old: loss(m, all[:half]), New: loss(m, all[half:])}
}

// loss is the weighted mean log-loss of the first head.
func loss(m *model.Model, of []*sampled) float64 {
	sum, weights := 0.0, 0.0
	for _, s := range of {
		p := float64(s.theta) * model.Sigmoid(m.Head(0).Logit(model.Vector(s.shared), model.Vector(s.own)))
		if s.y == 0 {
			p = 1 - p
		}
		sum -= float64(s.weight) * math.Log(max(p, 1e-15))
		weights += float64(s.weight)
	}
	return sum / weights
}
