package features

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"recsvc/internal/event"
)

// scalarKinds read one field as a number, as true or false, or as a text.
func scalarKinds() []Kind {
	return []Kind{
		{
			Name: "number", Group: "Fields",
			Doc: "A field as a number. A text that is a decimal number counts as one, true and false as 1 and 0; anything else, a list included, " +
				"is `default`, or missing.",
			Keys: keys(required("field", "`item.FIELD`, `item.FIELD[0]`, `user.FIELD`, `context.FIELD`, `time.hour`, `time.weekday`"),
				optional("default", "the number where there is none, before `as`; absent: missing"), numberKeys),
			As: numberForms,
			Example: `
- {name: price, kind: number, field: item.price, default: 0, as: log}`,
			build: compileNumber,
		},
		{
			Name: "bool", Group: "Fields",
			Doc: "1 where a field is true, 0 where it is false. A number is true unless it is 0; of texts `true`, `yes` and `1` are true, `false`, " +
				"`no` and `0` are false, in small or capital letters. Anything else is `default`, or missing.",
			Keys: keys(required("field", "`item.FIELD`, `item.FIELD[0]`, `user.FIELD`, `context.FIELD`"),
				optional("default", "0 or 1, where there is neither; absent: missing"), numberKeys),
			Example: `
- {name: on_sale, kind: bool, field: item.sale, default: 0}`,
			build: compileBool,
		},
		{
			Name: "string", Group: "Fields",
			Doc: "A field as categories of a bounded number, or as a number that stands for its text. A number counts as its decimal text, and each element of " +
				"a list is a category of its own. Missing where the field is.",
			Keys: keys(required("field", "`item.FIELD`, `item.FIELD[0]`, `user.FIELD`, `context.FIELD`"),
				optional("values", "of `onehot` and `index`, which need it: the texts that are told apart, at most 4,096"),
				optional("size", "of `hashed`, which needs it: how many buckets, from 2 to 16,777,216"), numberKeys),
			As: []Form{
				{"onehot", "the texts of `values`, each as a category; all others are the one category `other`"},
				{"index", "the place of the text (of a list: of its first element) in `values` as a number, from 1; 0 for others"},
				{"hashed", "one of `size` buckets, as a category: different texts may share one"},
				{"id", "the text itself as a category, however many there are"},
			},
			Example: `
- {name: device, kind: string, field: context.device, values: [ios, android, web]}
- {name: tag_bucket, kind: string, field: item.tags, as: hashed, size: 1000}`,
			build: compileString,
		},
	}
}

func compileNumber(c *compiler, d *Definition, f *feature) error {
	fl, err := parseField(d.Field)
	if err != nil {
		return c.fail("field", "%v", err)
	}
	f.field, f.byItem = c.field(fl), fl.source == fromItem
	return c.numberOf(d, f)
}

// numberOf makes a feature the number of its field, or its default.
func (c *compiler) numberOf(d *Definition, f *feature) error {
	if err := c.finite("default", d.Default); err != nil {
		return err
	}
	form, absent := forms[cmp.Or(d.As, "raw")], math.NaN()
	if d.Default != nil {
		absent = *d.Default
	}
	f.numeric = true
	f.number = func(q *Query, f *feature) float64 {
		x := q.field(f.field).num
		if x != x {
			x = absent
		}
		return form(x)
	}
	return nil
}

func compileBool(c *compiler, d *Definition, f *feature) error {
	fl, err := c.attribute("field", d.Field)
	if err != nil {
		return err
	}
	if d.Default != nil && *d.Default != 0 && *d.Default != 1 {
		return c.fail("default", "must be 0 or 1")
	}
	f.field, f.byItem = c.derived(fl, "bool", trueOrFalse), fl.source == fromItem
	return c.numberOf(d, f)
}

// trueOrFalse reads a value as true (1) or false (0).
func trueOrFalse(v event.Value, _ *fieldValue) fieldValue {
	switch v.Kind {
	case event.Bool, event.Number:
		if v.Num != 0 {
			return derivedNumber(1)
		}
		return derivedNumber(0)
	case event.String:
		switch {
		case v.Str == "1" || strings.EqualFold(v.Str, "true") || strings.EqualFold(v.Str, "yes"):
			return derivedNumber(1)
		case v.Str == "0" || strings.EqualFold(v.Str, "false") || strings.EqualFold(v.Str, "no"):
			return derivedNumber(0)
		}
	}
	return missing
}

func compileString(c *compiler, d *Definition, f *feature) error {
	fl, err := parseField(d.Field)
	if err != nil || fl.source == fromTime {
		return c.fail("field", "%q is no field to read: write item.FIELD, user.FIELD or context.FIELD", d.Field)
	}
	if err := c.acceptString(d); err != nil {
		return err
	}
	f.field, f.byItem = c.field(fl), fl.source == fromItem
	switch d.As {
	case "id":
		f.category = func(q *Query, f *feature) category { return q.field(f.field).category }
	case "hashed":
		c.hashed(d, f)
	case "onehot":
		c.oneHot(d, f)
	default:
		places := c.placesOf(d.Values)
		f.numeric = true
		f.number = func(q *Query, f *feature) float64 {
			id := q.field(f.field).id
			if id == 0 {
				return math.NaN()
			}
			return places.find(id)
		}
	}
	return nil
}

// acceptString checks the keys that depend on the form.
func (c *compiler) acceptString(d *Definition) error {
	listed := d.As == "onehot" || d.As == "index"
	switch {
	case listed && len(d.Values) == 0:
		return c.fail("values", "is missing: as %s needs the texts that are told apart; as hashed and as id need none", d.As)
	case !listed && len(d.Values) > 0:
		return c.fail("values", "is not read as %s: leave it out, or write as: onehot", d.As)
	case len(d.Values) > maxValues:
		return c.fail("values", "names %d texts: at most %d; as: hashed takes any number", len(d.Values), maxValues)
	case d.As == "hashed" && (d.Size < 2 || d.Size > maxHashed):
		return c.fail("size", "must lie between 2 and %d buckets", maxHashed)
	case d.As != "hashed" && d.Size != 0:
		return c.fail("size", "is not read as %s: leave it out, or write as: hashed", d.As)
	}
	for i, v := range d.Values {
		if slices.Contains(d.Values[:i], v) {
			return c.fail("values", "%q stands there twice", v)
		}
	}
	return nil
}

const (
	maxValues = 4096
	maxHashed = 1 << 24
)

// hashed makes a feature one of a number of buckets for each element.
func (c *compiler) hashed(d *Definition, f *feature) {
	size := uint64(d.Size)
	bucket := func(id uint64) uint64 { return hashNumber(float64(id % size)) }
	for i := range min(d.Size, maxValues) {
		c.spell(strconv.Itoa(i))
	}
	f.category = func(q *Query, f *feature) category {
		return q.each(q.field(f.field).category, bucket)
	}
}

// oneHot makes a feature the texts that are told apart, and one for all others.
func (c *compiler) oneHot(d *Definition, f *feature) {
	other, places := c.spell("other"), c.placesOf(d.Values)
	known := func(id uint64) uint64 {
		if places.find(id) > 0 {
			return id
		}
		return other
	}
	f.category = func(q *Query, f *feature) category {
		return q.each(q.field(f.field).category, known)
	}
}

// each makes another category of every element, once where several come to the same.
func (q *Query) each(v category, change func(uint64) uint64) category {
	if v.id == 0 {
		return category{}
	}
	if len(v.list) == 0 {
		return category{id: change(v.id)}
	}
	start := len(q.ids)
	for _, id := range v.list {
		if id = change(id); !slices.Contains(q.ids[start:], id) {
			q.ids = append(q.ids, id)
		}
	}
	return q.listFrom(start)
}

// places are texts by their hash, with their places in a list.
type places struct {
	ids []uint64 // ascending
	at  []int    // beside ids, from 1
}

func (c *compiler) placesOf(texts []string) (p places) {
	order := make(map[uint64]int, len(texts))
	for i, text := range texts {
		id := c.spell(text)
		order[id] = i + 1
		p.ids = append(p.ids, id)
	}
	slices.Sort(p.ids)
	for _, id := range p.ids {
		p.at = append(p.at, order[id])
	}
	return p
}

// find is the place of a text; 0: it is none of them.
func (p *places) find(id uint64) float64 {
	if i, ok := slices.BinarySearch(p.ids, id); ok {
		return float64(p.at[i])
	}
	return 0
}
