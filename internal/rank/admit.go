package rank

// bar marks, before anything is recalled, what may not be shown and what has been seen. A caller who brings
// the candidates has made up its mind about seen ones.
func (p *pass) bar() {
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	if p.scene.Seen.active() && p.personal() && p.req.Candidates == nil {
		p.seen = p.query.Seen(p.seen[:0])
		how := demoted
		if p.scene.Seen.Mode == SeenHide {
			how = barred
		}
		for _, s := range p.seen {
			if p.scene.Seen.applies(s, p.req.Now) {
				p.marks[s.Ref] = how
			}
		}
	}
	for _, id := range p.req.Exclude {
		p.barItem(id)
	}
	if p.req.Item != "" && p.req.Candidates == nil {
		p.barItem(p.req.Item) // nothing is more like an item than itself
	}
	p.picky = p.req.Filter != nil || len(p.marks) > 0
}

func (p *pass) barItem(id string) {
	if ref, ok := p.r.store.LookupItem(id); ok {
		p.marks[ref] = barred
	}
}

// take admits the caller's candidates, as far as the catalogue knows them.
func (p *pass) take(ids []string) {
	for lo := 0; lo < len(ids); lo += scanChunk {
		p.takeChunk(ids[lo:min(lo+scanChunk, len(ids))], lo)
	}
}

func (p *pass) takeChunk(ids []string, rank int) {
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	for i, id := range ids {
		ref, ok := p.r.store.LookupItem(id)
		if !ok {
			p.degrade(degradedUnknown)
			continue
		}
		p.admit(candidates, ref, 0, rank+i)
	}
}

// offer admits hits, best first, until quota of them have passed, those already known included. It returns
// how many passed.
func (p *pass) offer(ch channel, hits []ScoredItem, quota int) int {
	passed := 0
	for lo := 0; lo < len(hits) && passed < quota; lo += scanChunk {
		passed = p.offerChunk(ch, hits[lo:min(lo+scanChunk, len(hits))], quota, passed)
	}
	return passed
}

func (p *pass) offerChunk(ch channel, hits []ScoredItem, quota, passed int) int {
	p.r.store.RLock()
	defer p.r.store.RUnlock()
	for _, h := range hits {
		if passed < quota && p.admit(ch, h.Ref, h.Score, passed) {
			passed++
		}
	}
	return passed
}

// admit makes ref a candidate of ch, or adds ch to the candidate that it already is, unless it may not be
// shown. rank is its place in the channel, from 0. It needs the read lock.
func (p *pass) admit(ch channel, ref ItemRef, score float64, rank int) bool {
	mark, known := p.marks[ref]
	if known && mark == barred {
		return false
	}
	if !known || mark < 0 {
		item := p.r.store.Item(ref)
		if !item.Available || !p.req.Filter.match(&p.scratch, item) {
			if ch != backfill { // a scan meets each item once
				p.marks[ref] = barred
			}
			return false
		}
		mark = int32(len(p.candidates))
		p.candidates = append(p.candidates, candidate{id: item.ID, ref: ref, demoted: known})
		p.marks[ref] = mark
	}
	c := &p.candidates[mark]
	if !c.channels.has(ch) {
		c.channels = c.channels.with(ch)
		c.by[ch] = float32(score)
		c.recall += channelWeights[ch] / float32(fusion+1+rank)
	}
	return true
}
