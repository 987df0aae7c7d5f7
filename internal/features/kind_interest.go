package features

import (
	"fmt"
	"math"
	"slices"
)

// interestKinds compare a candidate with what was acted on.
func interestKinds() []Kind {
	return []Kind{
		{
			Name: "interacted_with", Group: "Sequences",
			Doc: "How much a candidate has in common with the last `n` items of `on`: its categories, its tags, or any other field that is one value or a " +
				"list. With a `window`, only items acted on within it count, exactly. The field of each of these items is read as it stands in the catalogue when " +
				"the feature is, and the last `n` may name an item twice. Missing where the candidate has no such field; `share` and `jaccard` also where nothing was acted on. " +
				"The history is that of `last_k` with the same `on` and `n`, and shared with it.",
			Keys: keys(required("field", "`item.FIELD` or `item.FIELD[0]`: what is compared"), required("on", "events that act on an item"),
				required("n", "items kept, 1–64: 24 bytes each"), scopeKey, exactWindowKeys, ttlKey, numberKeys),
			As: []Form{
				{"count", "how many of the items have at least one value in common with the candidate"},
				{"share", "that count over the number of items, in [0, 1]"},
				{"jaccard", "values that both have over values that one of them has, all the items taken together, in [0, 1]"},
				{"any", "1 when there is at least one such item, else 0"},
			},
			Example: `
- {name: clicked_tags, kind: interacted_with, scope: user, on: click, field: item.tags, n: 10, window: 1d, as: share}
- {name: seen_creator, kind: interacted_with, scope: session, on: [view, like], field: item.creator, n: 20, ttl: 1h}`,
			build: compileInteractedWith,
		},
		{
			Name: "vector_decay", Group: "Sequences",
			Doc: "An interest vector: the mean of the vectors of the items of `on`, each weighted by `value` and halved with every `half_life` since its event. " +
				"An item's vector is that of its event's place in the log; events whose item has none, or one that is not finite or not of `size`, or whose weight is " +
				"not above 0, are passed over. Two definitions with a short and a long half-life give short-term and long-term interest. With a `profile`, a vector of the user that was made elsewhere, the result is " +
				"(W·mean + strength·profile)/(W + strength), where W is the decayed weight of the events: a new user starts from the profile. After so long a silence that W is below 1e-9 the events " +
				"count no more. Missing where there is neither, or where the candidate has no vector. Kept as float32: 4·`size` + 24 bytes for a key; a relative error of about 1e-6.",
			Keys: keys(required("field", "`item.FIELD` with the vector: a list of numbers, or a text of numbers with commas between"),
				required("on", "events that act on an item"), required("size", "length of the vectors, 1–1024"),
				Key{Name: "half_life", Doc: "time in which a weight halves", Required: true},
				optional("value", "weight of an event, at most 1e9: `value`, a field, or an expression; 1"),
				optional("profile", "`user.FIELD` with the imported vector"), optional("strength", "how many events the profile weighs as; needed with it"),
				scopeKey, ttlKey, numberKeys),
			As: []Form{
				{"cosine", "cosine of the angle to the candidate's vector, in [−1, 1]"},
				{"dot", "inner product with the candidate's vector"},
				{"vector", "the vector itself, as `size` numbers"},
			},
			Example: `
- {name: taste_now, kind: vector_decay, scope: user, on: click, field: item.embedding, size: 16, half_life: 10m}
- {name: taste, kind: vector_decay, scope: user, on: click, field: item.embedding, size: 16, half_life: 14d, profile: user.embedding, strength: 5}`,
			build: compileVectorDecay,
		},
	}
}

// itemField compiles the field of candidates and of the items acted on.
func (c *compiler) itemField(d *Definition) (field, error) {
	fl, err := parseField(d.Field)
	if err == nil && fl.source != fromItem {
		err = fmt.Errorf("%q is not item.FIELD: it is read of the candidate and of the items acted on", d.Field)
	}
	if err != nil {
		return fl, c.fail("field", "%v", err)
	}
	return fl, nil
}

func compileInteractedWith(c *compiler, d *Definition, f *feature) error {
	fl, err := c.itemField(d)
	if err != nil {
		return err
	}
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	if err := c.exactWindow(d); err != nil {
		return err
	}
	if d.N < 1 || d.N > 64 {
		return c.fail("n", "must be 1 to 64")
	}
	seq := newSequence(d.N, d.Window, false)
	f.field, f.byItem, f.numeric = c.field(fl), true, true
	history, keep, compare := seq.history, c.keep(), overlaps[d.As]
	if d.As == "jaccard" {
		history = seq.union
	}
	f.number = func(q *Query, f *feature) float64 {
		candidate := q.field(f.field).category
		if candidate.id == 0 {
			return math.NaN()
		}
		return compare(q.keptFor(keep, f, history), candidate)
	}
	return c.sequence(d, f, seq, on, target)
}

// overlaps are what "as" names.
var overlaps = map[string]func(*kept, category) float64{
	"count": func(k *kept, c category) float64 { return float64(k.common(c)) },
	"share": func(k *kept, c category) float64 { return float64(k.common(c)) / float64(len(k.ends)) }, // 0/0: missing
	"any":   func(k *kept, c category) float64 { return float64(min(k.common(c), 1)) },
	"jaccard": func(k *kept, c category) float64 {
		if len(k.ends) == 0 {
			return math.NaN()
		}
		both, own := 0, 0
		for i := range c.len() {
			id := c.at(i)
			if slices.Contains(c.list[:min(i, len(c.list))], id) {
				continue
			}
			own++
			if slices.Contains(k.ids, id) {
				both++
			}
		}
		return float64(both) / float64(len(k.ids)+own-both)
	},
}

// common is how many entries have a category that c has too.
func (k *kept) common(c category) (n int) {
	from := 0
	for _, end := range k.ends {
		for i := range c.len() {
			if slices.Contains(k.ids[from:end], c.at(i)) {
				n++
				break
			}
		}
		from = end
	}
	return n
}

// len is the number of elements of a category, which is one where it is no list.
func (c *category) len() int {
	if c.id != 0 && len(c.list) == 0 {
		return 1
	}
	return len(c.list)
}

func (c *category) at(i int) uint64 {
	if len(c.list) == 0 {
		return c.id
	}
	return c.list[i]
}

// history collects what the entries' items have in the feature's field now, entry by entry.
func (q sequence) history(query *Query, f *feature, k *kept) {
	place := query.store.program.slotOf[f.field]
	v := q.read(query.cell(f.at), query.now)
	for i := range v.n {
		c := query.store.items.at(v.at(i).item).values[place].category
		for j := range c.len() {
			k.ids = append(k.ids, c.at(j))
		}
		k.ends = append(k.ends, len(k.ids))
	}
}

// union is history with each category once.
func (q sequence) union(query *Query, f *feature, k *kept) {
	q.history(query, f, k)
	distinct := k.ids[:0]
	for _, id := range k.ids {
		if !slices.Contains(distinct, id) {
			distinct = append(distinct, id)
		}
	}
	k.ids = distinct
}
