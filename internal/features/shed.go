package features

// What an entity may take, so that a checkpoint can hold it as one value of at most 768 KiB: attributes have MaxAttributes of that.
const (
	maxRowWords    = 16 << 10 // of one row with its variable parts
	maxEntityWords = 94 << 10 // of a user or item in all
)

// words is what the user takes in a checkpoint, in units of 8 bytes, but for a few.
func (u *user) words() int {
	return len(u.attrs)/8 + len(u.row) + subWords(u.subs, &u.bags) + len(u.recent) + len(u.seen)
}

// words is what the item takes in a checkpoint, in units of 8 bytes, but for a few.
func (it *Item) words() int {
	return it.weight/8 + len(it.row) + subWords(it.subs, &it.bags) + len(it.counts) + len(it.heat) + len(it.neighbours)
}

// subWords is that of the sub-rows, and of the variable parts of all rows with their lengths.
func subWords(subs [][]uint64, b *bags) int {
	n := b.used() + len(b.blocks)
	for _, block := range subs {
		n += len(block)
	}
	return n
}

// shed lets sub-rows of the event's user and item go while either takes more than it may: those that changed longest ago, by event
// time. It is the last change to the rows that an event makes.
func (s *Store) shed(q *Query) {
	if q.user != nil {
		s.program.shed(ownUser, q.user.words(), q.user.subs, &q.user.bags)
	}
	if q.item != nil {
		s.program.shed(ownItem, q.item.words(), q.item.subs, &q.item.bags)
	}
}

func (p *program) shed(o owner, words int, subs [][]uint64, b *bags) {
	for words > maxEntityWords {
		var stale *scope
		at, since := 0, int64(0)
		for i := range p.scopes {
			sc := &p.scopes[i]
			if sc.owner != o || sc.direct || len(subs[sc.sub]) == 0 {
				continue
			}
			n := stride(sc.words)
			k := oldest(subs[sc.sub], n)
			if t := int64(subs[sc.sub][k+n-1]); stale == nil || t < since {
				stale, at, since = sc, k, t
			}
		}
		if stale == nil {
			return // the owner's own row alone, which is bounded when compiling
		}
		before := subWords(subs, b)
		subs[stale.sub] = removeSub(subs[stale.sub], b, at, stale)
		words -= before - subWords(subs, b)
	}
}
