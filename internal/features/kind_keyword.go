package features

import (
	"fmt"

	"recsvc/internal/lexical"
)

// keywordKinds look for phrases in texts.
func keywordKinds() []Kind {
	return []Kind{{
		Name: "keyword", Group: "Texts",
		Doc: "Phrases in a text: in a `field` of a record, or in the `text` of the events of `on`, such as the comments of a room. What counts as an occurrence stands " +
			"in [texts.md](texts.md); all phrases are looked for at once, however many they are.",
		Keys: keys(required("phrases", "what is looked for, at most 63 characters each"),
			optional("field", "`item.FIELD`, `user.FIELD` or `context.FIELD`; a list is looked through whole"),
			optional("on", "instead: events whose text is looked through"),
			optional("prior", "with `on` and `as: share`: `strength`, in texts, and `mean` to smooth with"),
			scopeKey, windowKeys, halfLifeKey, ttlKey, numberKeys),
		As: []Form{
			{"count", "of a field: how often phrases occur; of events: how many have one. Missing where there is no such field"},
			{"log", "ln(1+count)"},
			{"share", "of a field: 1 where a phrase occurs, else 0; of events: the share of those with a text that have one, missing where there are none"},
		},
		Example: `
- {name: asks_price, kind: keyword, field: item.text, phrases: [多少钱, 链接]}
- {name: room_asks_price_5m, kind: keyword, scope: context.room, on: comment, phrases: [多少钱, 链接], window: 5m, as: share}`,
		build: compileKeyword,
	}}
}

func compileKeyword(c *compiler, d *Definition, f *feature) error {
	phrases, err := lexical.NewPhrases(d.Phrases)
	if err != nil {
		return c.fail("phrases", "%v", err)
	}
	if windowed, err := c.fieldOrEvents(d, "prior"); err != nil || windowed {
		if err == nil {
			err = c.keywordEvents(d, f, phrases)
		}
		return err
	}
	fl, err := c.attribute("field", d.Field)
	if err != nil {
		return err
	}
	count := phrases.Count
	if d.As == "share" {
		count = func(text string) int {
			if phrases.Contains(text) {
				return 1
			}
			return 0
		}
	}
	share := d.As == "share"
	f.field, f.byItem = c.derived(fl, fmt.Sprintf("phrases %v %q", share, d.Phrases), eachText(count)), fl.source == fromItem
	form := forms["raw"]
	switch d.As {
	case "log":
		form = signedLog
	case "share":
		form = func(x float64) float64 { return min(x, 1) } // of a list
	}
	f.numeric = true
	f.number = func(q *Query, f *feature) float64 { return form(q.field(f.field).num) }
	return nil
}

// fieldOrEvents checks that a definition reads either a field or the texts of events, and says whether it is the latter. More names
// keys beside those of all aggregates that belong to events.
func (c *compiler) fieldOrEvents(d *Definition, more ...string) (windowed bool, err error) {
	windowed = len(d.On.Types) > 0 || d.On.Where != ""
	switch {
	case windowed && d.Field != "":
		return true, c.fail("field", "give field, for a text of a record, or on, for those of events: not both")
	case windowed:
		return true, nil
	case d.Field == "":
		return false, c.fail("field", "is missing: name a field with a text, such as item.text, or events with on")
	}
	own := append([]string{"scope", "window", "slide", "half_life", "ttl"}, more...)
	for _, given := range d.Given() {
		for _, key := range own {
			if given == key {
				return false, c.fail(key, "is for the texts of events: give on instead of field, or leave it out")
			}
		}
	}
	return false, nil
}

// keywordEvents counts the events whose text has a phrase, and for their share all that have a text.
func (c *compiler) keywordEvents(d *Definition, f *feature, phrases *lexical.Phrases) error {
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	if d.As == "share" {
		f.number = func(q *Query, f *feature) float64 {
			a, b := f.acc.read(q.cell(f.at).w, q.now)
			return f.prior.ratio(q, a, b)
		}
		return c.smoothed(d, f, fmt.Sprintf("keyword share %s %q", on.name, d.Phrases), func(at place, l layout, acc accumulator) {
			c.on(on, at, l, one, func(s slot, t *touch) {
				if t.e.Text == "" {
					return
				}
				if phrases.Contains(t.e.Text) {
					acc.add(s.w, 0, t.time, 1)
				}
				acc.add(s.w, 1, t.time, 1)
			})
		})
	}
	if d.Prior != (Prior{}) {
		return c.fail("prior", "is for as: share")
	}
	acc, err := c.accumulator(d, 1)
	if err != nil {
		return err
	}
	form := forms["raw"]
	if d.As == "log" {
		form = signedLog
	}
	f.acc, f.numeric = acc, true
	f.number = func(q *Query, f *feature) float64 {
		n, _ := f.acc.read(q.cell(f.at).w, q.now)
		return form(n)
	}
	l := layout{words: acc.words()}
	return c.aggregate(d, f, l, fmt.Sprintf("keyword %s %q %v", on.name, d.Phrases, acc), func(at place) {
		c.on(on, at, l, one, func(s slot, t *touch) {
			if phrases.Contains(t.e.Text) {
				acc.add(s.w, 0, t.time, 1)
			}
		})
	})
}
