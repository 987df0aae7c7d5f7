package validation

import (
	"math"
	"math/bits"
	"time"
)

// userOutcomes is how many of a user's outcomes are kept: the latest.
const userOutcomes = 64

// idleAfter is how long, in event time, a user keeps a place that others could have.
const idleAfter = int64(7 * 24 * time.Hour)

// users keeps the latest outcomes of a bounded number of users. When there are too many, those go that nothing was heard of
// for a week; when that is not enough the sample is halved, by a hash of the user, as often as it takes, and doubled again
// when three quarters of the places are free. Which users are kept, and so every figure, follows from the observations.
type users struct {
	most    int
	byHash  map[uint64]uint32 // place; never ranged over
	list    []user            // by place
	free    []uint32
	halved  uint8 // the sample is a 2^−halved of all
	newest  int64 // time of an observation
	touched func(place uint32)
	removed func(place uint32)
}

// user is one person's latest outcomes and what follows from them.
type user struct {
	hash  uint64 // 0: the place is free
	last  int64  // time of the newest
	at, n uint8  // ring: the next place, and how many there are
	marks [userOutcomes]uint16

	pos   uint8
	twice uint16 // pairs of a positive and a negative that are in the right order, twice; ties once
}

// sampled reports whether a user is in a 2^−halved sample.
func sampled(hash uint64, halved uint8) bool {
	return bits.LeadingZeros64(hash*0x9e3779b97f4a7c15) >= int(halved)
}

func (t *users) add(hash uint64, at int64, m uint16) {
	t.newest = max(t.newest, at)
	if t.most == 0 || hash == 0 || !sampled(hash, t.halved) {
		return
	}
	place, ok := t.byHash[hash]
	if !ok {
		if len(t.byHash) >= t.most {
			t.makeRoom()
		}
		if !sampled(hash, t.halved) {
			return
		}
		place = t.take(hash)
	}
	t.touched(place)
	u := &t.list[place]
	u.last = max(u.last, at)
	u.add(m)
}

// take finds a place for a user who has none.
func (t *users) take(hash uint64) (place uint32) {
	if n := len(t.free); n > 0 {
		place, t.free = t.free[n-1], t.free[:n-1]
	} else {
		place = uint32(len(t.list))
		t.list = append(t.list, user{})
	}
	t.list[place] = user{hash: hash}
	t.byHash[hash] = place
	return place
}

// makeRoom is called when every place is taken.
func (t *users) makeRoom() {
	t.drop(func(u *user) bool { return u.last < t.newest-idleAfter })
	switch n := len(t.byHash); {
	case n > t.most*3/4:
		for ; len(t.byHash) > t.most*3/4; t.halved++ {
			t.drop(func(u *user) bool { return !sampled(u.hash, t.halved+1) })
		}
	case n < t.most/4 && t.halved > 0:
		t.halved--
	}
}

func (t *users) drop(gone func(*user) bool) {
	for i := range t.list {
		if u := &t.list[i]; u.hash != 0 && gone(u) {
			t.removed(uint32(i))
			delete(t.byHash, u.hash)
			*u = user{}
			t.free = append(t.free, uint32(i))
		}
	}
}

// add takes an outcome in, and lets go of the oldest when there are too many.
func (u *user) add(m uint16) {
	if u.n == userOutcomes {
		u.n--
		u.pair(u.marks[u.at], -1)
	}
	u.pair(m, 1)
	u.marks[u.at] = m
	u.at = (u.at + 1) % userOutcomes
	u.n++
}

// each calls fn for the outcomes, oldest first.
func (u *user) each(fn func(m uint16)) {
	for i := range u.n {
		fn(u.marks[(u.at-u.n+i)%userOutcomes])
	}
}

// pair adds or takes away the pairs that an outcome makes with the others. When it is called to take away, the outcome is no
// longer among those that each tells of.
func (u *user) pair(m uint16, sign int) {
	bin, positive := unmark(m)
	twice := 0
	u.each(func(other uint16) {
		b, p := unmark(other)
		switch {
		case p == positive:
		case b == bin:
			twice++
		case (bin > b) == positive:
			twice += 2
		}
	})
	u.twice = uint16(int(u.twice) + sign*twice)
	if positive {
		u.pos = uint8(int(u.pos) + sign)
	}
}

// auc returns the area under the ROC curve; false when one of the outcomes is missing.
func (u *user) auc() (float64, bool) {
	pairs := int(u.pos) * int(u.n-u.pos)
	if pairs == 0 {
		return 0, false
	}
	return float64(u.twice) / float64(2*pairs), true
}

// Users is how well the items shown to one person are told apart, over users. Differences between people, which AUC over
// everything rewards, do not help here, as they do not in a list.
type Users struct {
	N     int     // users kept
	Rated int     // of these, with both outcomes among their latest 64: the figures are of them
	Share float64 // of all users that are sampled, by hash

	AUC  float64 // mean over users; NaN without any
	GAUC float64 // mean over users, each counting as often as something was shown to them
}

// Users returns the figures by user. They are those of each user's latest 64 outcomes, with predictions told apart to 1/512 of a
// logit: exact but for that.
func (v *Head) Users() Users {
	v.mu.RLock()
	defer v.mu.RUnlock()
	t := &v.users
	out := Users{N: len(t.byHash), Share: math.Ldexp(1, -int(t.halved))}
	var sum, weighted, shown uint64 // in fixed point: the order has no effect
	for i := range t.list {
		if a, ok := t.list[i].auc(); ok {
			fixed := uint64(math.Round(a * (1 << 32)))
			sum += fixed
			weighted += fixed * uint64(t.list[i].n)
			shown += uint64(t.list[i].n)
			out.Rated++
		}
	}
	out.AUC = float64(sum) / (1 << 32) / float64(out.Rated)
	out.GAUC = float64(weighted) / (1 << 32) / float64(shown)
	return out
}
