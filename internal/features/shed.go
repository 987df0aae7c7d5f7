package features

// What an entity may take, so that a checkpoint can hold it as one value of at most 768 KiB: attributes have MaxAttributes of that.
const (
	maxRowWords = 16 << 10 // of one row with its variable parts
	maxBagWords = 24 << 10 // of the variable parts of all rows that hang on one user or item
)

// shed lets sub-rows of the event's user and item go while their variable parts take more than may be: those that changed longest ago, by event
// time. It is the last change to the rows that an event makes.
func (s *Store) shed(q *Query) {
	if q.user != nil && q.user.bags.used() > maxBagWords {
		s.program.shed(ownUser, q.user.subs, &q.user.bags)
	}
	if q.item != nil && q.item.bags.used() > maxBagWords {
		s.program.shed(ownItem, q.item.subs, &q.item.bags)
	}
}

func (p *program) shed(o owner, subs [][]uint64, b *bags) {
	for b.used() > maxBagWords {
		var stale *scope
		at, since := 0, uint64(0)
		for i := range p.scopes {
			sc := &p.scopes[i]
			if sc.owner != o || sc.direct || len(sc.bagged) == 0 || len(subs[sc.sub]) == 0 {
				continue
			}
			n := stride(sc.words)
			k := oldest(subs[sc.sub], n)
			if t := subs[sc.sub][k+n-1]; stale == nil || int64(t) < int64(since) {
				stale, at, since = sc, k, t
			}
		}
		if stale == nil {
			return // the owner's own row alone, which is bounded when compiling
		}
		subs[stale.sub] = removeSub(subs[stale.sub], b, at, stale)
	}
}
