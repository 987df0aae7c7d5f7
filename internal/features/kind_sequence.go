package features

import "fmt"

// sequenceKinds remember what came last.
func sequenceKinds() []Kind {
	return []Kind{
		{
			Name: "last_k", Group: "Sequences",
			Doc: "The last `n` items of `on`, newest first by event time. An event in `outcomes` marks the newest entry of its item, if it " +
				"is still remembered.",
			Keys: keys(required("on", "events remembered"), required("n", "entries kept, 1–64"),
				optional("outcomes", "event types remembered as an entry's outcome, at most 31"), scopeKey, ttlKey),
			As: []Form{
				{"ids", "the set of the items"},
				{"outcomes", "one category for each place: what became of the newest entry, of the one before, …"},
				{"pattern", "one category for the whole sequence of outcomes"},
			},
			Example: `
- {name: user_last, kind: last_k, scope: user, on: exposure, outcomes: [click], n: 4, as: outcomes}`,
			build: compileLastK,
		},
	}
}

func compileLastK(c *compiler, d *Definition, f *feature) error {
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	if d.N < 1 || d.N > 64 {
		return c.fail("n", "must be 1 to 64")
	}
	if len(d.Outcomes) > 31 {
		return c.fail("outcomes", "at most 31")
	}
	seq := sequence{d.N}
	bits := uint32(1)<<len(d.Outcomes) - 1
	switch d.As {
	case "ids":
		f.category = lastIDs
	case "outcomes":
		f.category = func(q *Query, f *feature) category { return lastOutcomes(q, f, bits) }
	case "pattern":
		f.category = func(q *Query, f *feature) category { return lastPattern(q, f, bits) }
	}
	l := oneBag(seq.n * entryWords)
	return c.aggregate(d, f, l, fmt.Sprint("last", on.name, d.N, d.Outcomes), func(at place) {
		c.on(on, at, l, target, func(s slot, t *touch) {
			seq.push(s, entry{time: t.time, item: t.item})
		})
		for i, typ := range d.Outcomes {
			c.on(selection{types: []string{typ}}, at, l, target, func(s slot, t *touch) {
				seq.mark(s, t.item, uint(i))
			})
		}
	})
}

// lastIDs is the set of the items remembered.
func lastIDs(q *Query, f *feature) category {
	start, b := len(q.ids), q.cell(f.at).bag(0)
	for i := 0; ; i++ {
		e, ok := entryOf(b, i)
		if !ok {
			return q.listFrom(start)
		}
		q.ids = append(q.ids, q.store.items.at(e.item).hash)
	}
}

// lastOutcomes is one category per place: what became of the newest entry, of the one before, …
func lastOutcomes(q *Query, f *feature, bits uint32) category {
	start, b := len(q.ids), q.cell(f.at).bag(0)
	for i := 0; ; i++ {
		e, ok := entryOf(b, i)
		if !ok {
			return q.listFrom(start)
		}
		q.ids = append(q.ids, join(uint64(i+1), uint64(e.outcome&bits)))
	}
}

// lastPattern is one category for the whole sequence of outcomes.
func lastPattern(q *Query, f *feature, bits uint32) category {
	id, b := uint64(1), q.cell(f.at).bag(0)
	for i := 0; ; i++ {
		e, ok := entryOf(b, i)
		if !ok {
			return category{id: id}
		}
		id = join(id, uint64(e.outcome&bits)+1)
	}
}
