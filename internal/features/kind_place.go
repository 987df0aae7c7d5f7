package features

import (
	"math"

	"recsvc/internal/event"
	"recsvc/internal/lexical"
)

// placeKinds measure on the globe.
func placeKinds() []Kind {
	return []Kind{{
		Name: "geo_distance", Group: "Context",
		Doc: "The distance between two places in kilometres, along the surface of the earth: 0 to about 20,015, right to 0.6 %. A place is latitude and longitude in " +
			"decimal degrees, as a list or as a text such as `31.23, 121.47`. Missing where one of the two is no such place.",
		Keys: keys(required("fields", "two fields with a place each"), numberKeys),
		As:   numberForms,
		Example: `
- {name: distance, kind: geo_distance, fields: [item.location, context.location], as: log}`,
		build: compileGeoDistance,
	}}
}

func compileGeoDistance(c *compiler, d *Definition, f *feature) error {
	a, b, err := c.pair(d, f, c.whole, "place", parsePlace)
	if err != nil {
		return err
	}
	form := forms[d.As]
	f.numeric = true
	f.number = func(q *Query, f *feature) float64 {
		from, to := q.field(a), q.field(b)
		if from.id == 0 || to.id == 0 {
			return math.NaN()
		}
		return form(lexical.Distance(pointOf(from.list), pointOf(to.list)))
	}
	return nil
}

// pair enters the two fields that a definition compares, with what is made of both.
func (c *compiler) pair(d *Definition, f *feature, parse func(key, name string) (field, error), what string, read deriver) (a, b int, err error) {
	if len(d.Fields) != 2 {
		return 0, 0, c.fail("fields", "needs two fields, not %d", len(d.Fields))
	}
	var at [2]int
	for i, name := range d.Fields {
		fl, err := parse("fields", name)
		if err != nil {
			return 0, 0, err
		}
		at[i] = c.derived(fl, what, read)
		f.byItem = f.byItem || fl.source == fromItem
	}
	f.field = at[0]
	return at[0], at[1], nil
}

// parsePlace keeps a place as the bits of its latitude and longitude.
func parsePlace(v event.Value, buf *fieldValue) fieldValue {
	var p lexical.Point
	ok := false
	switch v.Kind {
	case event.String:
		p, ok = lexical.ParsePoint(v.Str)
	case event.List:
		p, ok = lexical.ParsePointList(v.List)
	}
	if !ok {
		return missing
	}
	list := append(buf.list[:0], math.Float64bits(p.Lat), math.Float64bits(p.Lon))
	return fieldValue{category: category{id: 1, list: list}, num: math.NaN()}
}

func pointOf(bits []uint64) lexical.Point {
	return lexical.Point{Lat: math.Float64frombits(bits[0]), Lon: math.Float64frombits(bits[1])}
}
