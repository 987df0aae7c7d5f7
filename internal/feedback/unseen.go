package feedback

import (
	"slices"

	"recsvc/internal/event"
)

// UnseenOptions ask for items that a user was not shown, as negatives beside those that he was. Who captures draws them; see
// [Joiner.Unseen].
type UnseenOptions struct {
	N            int     // for each exposure; 0: none
	ByPopularity bool    // drawn by popularity, not uniformly
	Weight       float64 // of each; 1
}

// maxUnseen bounds how many items are drawn for an exposure.
const maxUnseen = 64

// unseenKey stands in the key of a sample for the head where it is of several.
const unseenKey = 0xff

// Draw returns the n-th number that is drawn for an exposure: a hash, the same whenever the log is applied.
func Draw(e *event.Event, n int) uint64 {
	of := HashUser(e.User)
	if e.Request != "" {
		of = hashRequest(e.Request)
	}
	return mix(hashItem(e.Item, of) ^ mix(uint64(e.Time)) ^ mix(uint64(n)+1))
}

// Shown reports whether an item stands in the request of m, an exposure, or was shown to its user or is about to be, as far as
// that is pending.
func (j *Joiner) Shown(m Match, item string) bool {
	return m.list != 0 && j.byKey.get(hashItem(item, m.list)) != 0 || j.byUser.get(hashItem(item, m.user)) != 0
}

// Stalled reports whether the outcomes of a head have stopped, so that no negatives are to be learned.
func (j *Joiner) Stalled(h int) bool { return j.pulses[h].stalled }

// Unseen parks an item that was drawn for an exposure e of user to be learned as negative by some heads (bit h stands for head h), when
// the watermark has passed the exposure: by then the list that it is part of is captured. Nothing is predicted or settled.
func (j *Joiner) Unseen(e *event.Event, shared, own Vector, heads uint64) {
	if j.err != nil || heads == 0 {
		return
	}
	j.touchRest()
	at := j.samples.alloc()
	j.sampleSet.Touch(at)
	*j.samples.at(at) = pooled{
		birth: j.nextSeq(), user: HashUser(e.User), time: e.Time, weight: 1, theta: 1, head: unseenKey, heads: heads,
		pack: j.newPack(shared, own, nil),
	}
	j.counts.Unseens++
	j.unseen = push(j.unseen, at, j.unseenBefore)
}

// learnUnseen puts out what was parked of exposures before now.
func (j *Joiner) learnUnseen(now event.Time) {
	for len(j.unseen) > 0 && j.samples.at(j.unseen[0]).time < now {
		var at uint32
		at, j.unseen = pop(j.unseen, j.unseenBefore)
		s := j.samples.at(at)
		shared, own := j.packVectors(s.pack)
		for h := range j.heads {
			if s.heads&(1<<h) != 0 {
				j.sink.Learn(Step{Head: h, Shared: shared, Own: own, Weight: j.heads[h].unseen, Theta: 1, Time: s.time})
			}
		}
		j.freeSample(at)
	}
}

// eraseUnseen forgets what was parked of a user's exposures.
func (j *Joiner) eraseUnseen(user uint64) {
	kept := j.unseen[:0]
	for _, at := range j.unseen {
		if j.samples.at(at).user == user {
			j.freeSample(at)
			continue
		}
		kept = append(kept, at)
	}
	j.unseen = kept
	slices.SortFunc(j.unseen, func(a, b uint32) int { // a sorted heap is one
		if j.unseenBefore(a, b) {
			return -1
		}
		return 1
	})
}
