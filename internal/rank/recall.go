package rank

import (
	"cmp"
	"math"
	"slices"
	"time"

	"recsvc/internal/features"
)

// scanChunk is the number of items that are checked, by a filter at worst, under one read lock.
const scanChunk = 64

// fusion is k of reciprocal rank fusion, Σ weight/(k + rank): Cormack, Clarke and Büttcher, SIGIR 2009. It
// makes channels comparable whose scores are not.
const fusion = 60

// seed is an item that "similar" starts from.
type seed struct {
	ref    ItemRef
	weight float64
}

// recall fills the candidates: from the caller's, or from the scene's channels, each within its share of
// the time, and from the rest of the catalogue when those find too little.
func (p *pass) recall() {
	p.bar()
	if p.req.Candidates != nil {
		p.take(p.req.Candidates)
		return
	}
	for i, q := range p.scene.Recall {
		ch, _ := recallChannel(q.Channel)
		now := p.r.clock()
		if !now.Before(p.recallBy) {
			p.degrade(lateNames[ch])
			continue
		}
		left := len(p.scene.Recall) - i
		p.until = now.Add(p.recallBy.Sub(now) / time.Duration(left))
		p.draw(ch, q.N)
	}
	p.fill(max(p.scene.MinPool, p.req.N))
}

// late reports, and notes, that ch has used up its share of the time.
func (p *pass) late(ch channel) bool {
	if p.r.clock().Before(p.until) {
		return false
	}
	p.degrade(lateNames[ch])
	return true
}

// draw lets ch offer up to quota candidates.
func (p *pass) draw(ch channel, quota int) {
	switch ch {
	case similar:
		p.drawSimilar(quota)
	case trending:
		p.hits = p.trendingIn(p.hits[:0], "", p.depth(quota))
		p.offer(trending, p.hits, quota)
	case categories:
		p.drawCategories(quota)
	case newest:
		p.hits = p.newestItems(p.hits[:0], p.depth(quota))
		p.offer(newest, p.hits, quota)
	}
}

// depth is how many to ask a channel for so that quota of them are likely to pass.
func (p *pass) depth(quota int) int {
	if p.picky {
		return min(4*quota, MaxCandidates)
	}
	return quota + 8 // a few may have been withdrawn
}

func (p *pass) trendingIn(dst []ScoredItem, category string, n int) []ScoredItem {
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	return p.r.store.Trending(dst, category, p.scene.Window, p.req.Now, n)
}

func (p *pass) newestItems(dst []ScoredItem, n int) []ScoredItem {
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	return p.r.store.Newest(dst, n)
}

// drawSimilar offers what is co-visited with the seeds, by the sum over the seeds.
func (p *pass) drawSimilar(quota int) {
	p.findSeeds()
	if len(p.seeds) == 0 {
		return
	}
	each := max(10, 2*p.depth(quota)/len(p.seeds))
	p.sums = p.sums[:0]
	clear(p.at)
	for i, s := range p.seeds {
		if i > 0 && p.late(similar) {
			break
		}
		p.hits = p.similarTo(p.hits[:0], s.ref, each)
		for _, h := range p.hits {
			at, ok := p.at[h.Ref]
			if !ok {
				at = int32(len(p.sums))
				p.at[h.Ref] = at
				p.sums = append(p.sums, ScoredItem{Ref: h.Ref})
			}
			p.sums[at].Score += s.weight * h.Score
		}
	}
	slices.SortFunc(p.sums, byScore)
	p.offer(similar, p.sums, quota)
}

func (p *pass) similarTo(dst []ScoredItem, ref ItemRef, n int) []ScoredItem {
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	return p.r.store.Similar(dst, ref, n)
}

// findSeeds collects the item looked at and the user's latest different positives, each counting a tenth
// less than the one after it.
func (p *pass) findSeeds() {
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	p.seeds = p.seeds[:0]
	if p.req.Item != "" {
		if ref, ok := p.r.store.LookupItem(p.req.Item); ok {
			p.seeds = append(p.seeds, seed{ref, 1})
		}
	}
	if !p.personal() {
		return
	}
	// Not every event is a positive, nor on another item than the one before it.
	p.recent = p.query.Recent(p.recent[:0], 5*p.scene.Seeds)
	weight := 1.0
	for _, e := range p.recent {
		if len(p.seeds) > p.scene.Seeds {
			break
		}
		if !e.Positive || e.Item == features.NoItem || slices.ContainsFunc(p.seeds, func(s seed) bool { return s.ref == e.Item }) {
			continue
		}
		p.seeds = append(p.seeds, seed{e.Item, weight})
		weight *= 0.9
	}
}

// drawCategories offers what is trending in the user's recent categories, each with a share of the quota
// in proportion to the interest.
func (p *pass) drawCategories(quota int) {
	if !p.personal() {
		return
	}
	p.findLiked()
	total := 0.0
	for _, c := range p.liked {
		total += max(0, c.Score)
	}
	for i, c := range p.liked {
		if c.Score <= 0 || quota == 0 {
			continue
		}
		if i > 0 && p.late(categories) {
			return
		}
		share := min(quota, int(math.Ceil(float64(quota)*c.Score/total)))
		total -= c.Score
		p.hits = p.trendingIn(p.hits[:0], c.Category, p.depth(share))
		quota -= p.offer(categories, p.hits, share)
	}
}

func (p *pass) findLiked() {
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	p.liked = p.query.RecentCategories(p.liked[:0], p.scene.Categories)
}

// fill draws on the newest items, and then on any item at all, until there are target candidates.
func (p *pass) fill(target int) {
	if len(p.candidates) >= target {
		return
	}
	p.hits = p.newestItems(p.hits[:0], p.depth(target))
	p.hits = slices.DeleteFunc(p.hits, func(h ScoredItem) bool { return !p.open(h.Ref) })
	rank := p.offer(backfill, p.hits, target-len(p.candidates))
	p.scan(target, rank)
}

// open reports whether ref is neither a candidate nor barred.
func (p *pass) open(ref ItemRef) bool {
	mark, ok := p.marks[ref]
	return !ok || mark == demoted
}

// scan walks the catalogue from its latest item back, as far as the scene and the time allow, and takes
// what passes.
func (p *pass) scan(target, rank int) {
	for looked, end := 0, p.items(); end > 0 && len(p.candidates) < target; {
		start := max(0, end-scanChunk)
		late := looked > 0 && !p.r.clock().Before(p.recallBy) // a first look is always taken
		if looked += end - start; late || looked > max(scanChunk, p.scene.ScanLimit) {
			if len(p.candidates) < p.req.N {
				p.degrade(lateNames[backfill])
			}
			return
		}
		rank = p.scanChunk(start, end, target, rank)
		end = start
	}
}

// scanChunk takes what passes among refs from end-1 down to start, and returns the next rank.
func (p *pass) scanChunk(start, end, target, rank int) int {
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	for ref := end - 1; ref >= start && len(p.candidates) < target; ref-- {
		if p.open(ItemRef(ref)) && p.admit(backfill, ItemRef(ref), 0, rank) {
			rank++
		}
	}
	return rank
}

func (p *pass) items() int {
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	return p.r.store.Items()
}

// emptyCatalogue reports whether no item at all is available; it is asked only when a list came out empty.
func (p *pass) emptyCatalogue() bool {
	for end := p.items(); end > 0; end -= scanChunk {
		if p.anyAvailable(max(0, end-scanChunk), end) {
			return false
		}
	}
	return true
}

func (p *pass) anyAvailable(start, end int) bool {
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	for ref := start; ref < end; ref++ {
		if p.r.store.Item(ItemRef(ref)).Available {
			return true
		}
	}
	return false
}

// byScore orders hits best first, ties by age in the log.
func byScore(a, b ScoredItem) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Ref, b.Ref))
}
