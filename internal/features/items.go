package features

import (
	"slices"
	"strings"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// ItemRef is an item's number in this store: dense, from 0, given in log order and never reused.
type ItemRef uint32

// NoItem stands for the absence of an item.
const NoItem ItemRef = 1<<32 - 1

// Item is a catalogue item with what was counted about it. Readers may read the exported fields under the read lock;
// Attrs is replaced, never changed in place, and so may be kept.
type Item struct {
	Ref       ItemRef
	ID        string
	Known     bool // upserted and not deleted since
	Available bool // known, and its attribute "available" is not false
	Attrs     event.Attributes
	Created   event.Time // attribute "created"; 0 when absent

	hash       uint64
	weight     int // bytes of the attributes, encoded
	values     []fieldValue
	categories []uint64 // hashes of its categories, at most 4
	row        []uint64
	subs       [][]uint64
	bags       bags
	counts     []uint64   // type << 48 | how often
	heat       []float64  // log2 of the forward-decayed popularity, per half-life; 0: none yet
	positives  float64    // interests of users in all
	neighbours []uint64   // co-visited: reference << 32 | float32 weight
	groups     []groupRow // rows of groups that depend on this item alone, as far as events have found them
}

// groupRow is a row of the group table with its number.
type groupRow struct {
	row    []uint64
	number uint32
}

type itemTable struct {
	program *program
	heats   int
	byHash  index
	clashes map[string]ItemRef // of ids whose hash was taken when they came
	chunks  [][]Item
	n       ItemRef
	set     *dirty.Set
	texts   map[uint64]string // by hash: texts of the fields that definitions read, at most maxTexts
}

func (t *itemTable) init(p *program, heats int) {
	*t = itemTable{program: p, heats: heats, texts: map[uint64]string{}}
	t.set = dirty.NewSet(t)
}

func (t *itemTable) at(r ItemRef) *Item { return &t.chunks[r>>chunkBits][r&(1<<chunkBits-1)] }

func (t *itemTable) ensure(id string) ItemRef {
	r, ok := t.find(id)
	if ok {
		return r
	}
	r = t.n
	t.set.Touch(uint32(r))
	it := t.add(r)
	t.name(it, strings.Clone(id))
	t.refresh(it)
	return r
}

// find looks an item up.
func (t *itemTable) find(id string) (ItemRef, bool) {
	place, ok := t.byHash.get(hashString(id))
	if !ok {
		return 0, false
	}
	if r := ItemRef(place); t.at(r).ID == id {
		return r, true
	}
	r, ok := t.clashes[id]
	return r, ok
}

// name gives an item its id, under which find finds it from then on.
func (t *itemTable) name(it *Item, id string) {
	it.ID, it.hash = id, hashString(id)
	if _, taken := t.byHash.get(it.hash); !taken {
		t.byHash.put(it.hash, uint32(it.Ref))
		return
	}
	if t.clashes == nil {
		t.clashes = map[string]ItemRef{}
	}
	t.clashes[id] = it.Ref
}

// add makes room for the item of that number, and for those below it.
func (t *itemTable) add(r ItemRef) *Item {
	for ; t.n <= r; t.n++ {
		if t.n>>chunkBits == ItemRef(len(t.chunks)) {
			t.chunks = append(t.chunks, make([]Item, 1<<chunkBits))
		}
		*t.at(t.n) = t.blank(t.n)
	}
	return t.at(r)
}

func (t *itemTable) blank(r ItemRef) Item {
	return Item{
		Ref: r, values: make([]fieldValue, t.program.counts[fromItem]), heat: make([]float64, t.heats),
		row: make([]uint64, t.program.ownWords(ownItem)), subs: make([][]uint64, t.program.subs[ownItem]),
		groups: make([]groupRow, t.program.caches),
	}
}

// stranger is what an item would be that is met for the first time; it stands in no table. An empty id makes one that is nothing at all.
func (t *itemTable) stranger(id string) Item {
	it := t.blank(NoItem)
	if it.ID = id; id != "" {
		it.hash = hashString(id)
	}
	for i, f := range t.program.fields {
		if f.source == fromItem {
			it.values[t.program.slotOf[i]] = t.program.keep(i, nil)
			if f.key == "" && id != "" {
				it.values[t.program.slotOf[i]] = identified(it.hash, missing.num)
			}
		}
	}
	return it
}

// refresh caches what is read often.
func (t *itemTable) refresh(it *Item) {
	for i, f := range t.program.fields {
		switch {
		case f.source != fromItem:
		case f.key == "":
			it.values[t.program.slotOf[i]] = identified(it.hash, missing.num)
		default:
			it.values[t.program.slotOf[i]] = t.program.keep(i, it.Attrs)
			if f.form == formPlain {
				t.note(it.Attrs, f.key)
			}
		}
	}
	it.Available, it.Created, it.categories = it.Known, 0, it.categories[:0]
	if v, ok := it.Attrs.Get("available"); ok && v.Kind == event.Bool && v.Num == 0 {
		it.Available = false
	}
	if v, ok := it.Attrs.Get("created"); ok {
		if seconds := instant(v).num; seconds == seconds {
			it.Created = event.Time(seconds * 1e9)
		}
	}
	it.categories = it.appendCategories(it.categories)
	clear(it.groups)
}

// note remembers the texts of an attribute, so that readers can be told what a category that was kept of it is called.
func (t *itemTable) note(attrs event.Attributes, key string) {
	v, _ := attrs.Get(key)
	switch v.Kind {
	case event.String:
		t.noteText(v.Str)
	case event.List:
		for _, text := range v.List {
			t.noteText(text)
		}
	}
}

func (t *itemTable) noteText(text string) {
	if len(text) == 0 || len(text) > maxText || len(t.texts) >= maxTexts {
		return
	}
	if hash := hashString(text); t.texts[hash] == "" {
		t.texts[hash] = strings.Clone(text)
	}
}

// Bounds of the texts that are remembered for readers: it is the names of categories and tags that are of use to them.
const (
	maxTexts = 1 << 16
	maxText  = 128 // bytes
)

// appendCategories hashes the first four different categories.
func (it *Item) appendCategories(dst []uint64) []uint64 {
	for _, c := range categoriesOf(it.Attrs) {
		if h := hashString(c); !slices.Contains(dst, h) && len(dst) < 4 {
			dst = append(dst, h)
		}
	}
	return dst
}

// categoriesOf reads the categories, given as a list or as a single text.
func categoriesOf(attrs event.Attributes) []string {
	v, _ := attrs.Get("categories")
	if v.Kind == event.String {
		return []string{v.Str}
	}
	return v.List
}

// UpsertItem changes the keys that the record names (null removes one), or removes the item from recommendation.
//
// It returns false, and has changed nothing but that the item is known, when its attributes would take more than MaxAttributes.
func (s *Store) UpsertItem(r *event.Item) (ok bool) {
	s.Lock()
	defer s.Unlock()
	s.version++
	ref := s.items.ensure(r.ID)
	s.items.set.Touch(uint32(ref))
	it := s.items.at(ref)
	was, before := it.Available, slices.Clone(it.categories)
	if r.Deleted {
		it.Known, it.Attrs, it.weight, ok = false, nil, 0, true
	} else {
		it.Known = true
		// One copy through the canonical bytes, so that nothing of the record's buffer is kept.
		if encoded := event.AppendAttributes(nil, merge(it.Attrs, r.Attrs)); len(encoded) <= MaxAttributes {
			it.Attrs, _ = event.DecodeAttributes(encoded)
			it.weight, ok = len(encoded), true
			s.program.shed(ownItem, it.words(), it.subs, &it.bags)
		}
	}
	s.items.refresh(it)
	s.recall.changed(it, before, was)
	return ok
}

// Items is the number of items ever named; references run from 0 to Items()-1.
func (s *Store) Items() int { return int(s.items.n) }

// Item returns an item by its reference, which must be below Items().
func (s *Store) Item(ref ItemRef) *Item { return s.items.at(ref) }

// LookupItem finds an item by its id.
func (s *Store) LookupItem(id string) (ItemRef, bool) {
	return s.items.find(id)
}

// Counts calls fn with every event type counted for the item, in order of first sight.
func (s *Store) Counts(ref ItemRef, fn func(eventType string, n uint64)) {
	for _, c := range s.items.at(ref).counts {
		fn(s.types.names[c>>48], c&(1<<48-1))
	}
}
