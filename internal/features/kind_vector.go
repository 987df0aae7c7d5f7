package features

import (
	"fmt"
	"math"

	"recsvc/internal/lexical"
)

func compileVectorDecay(c *compiler, d *Definition, f *feature) error {
	if d.Size < 1 || d.Size > lexical.MaxVector {
		return c.fail("size", "must be 1 to %d", lexical.MaxVector)
	}
	fl, err := c.vectorField("field", d.Field, fromItem, d.Size)
	if err != nil {
		return err
	}
	on, err := c.selection("on", d.On)
	if err != nil {
		return err
	}
	if d.HalfLife < 0 {
		return c.fail("half_life", "must be longer than 0")
	}
	weight := one
	if d.Value != "" {
		if weight, err = c.number("value", d.Value); err != nil {
			return err
		}
	}
	profile, err := c.profile(d)
	if err != nil {
		return err
	}
	v := interest{d.Size, float64(d.HalfLife)}
	f.field = fl
	v.forms(c, d, f, profile)
	l := v.layout()
	return c.aggregate(d, f, l, fmt.Sprint("interest", on.name, weight.name, c.fieldName(fl), v), func(at place) {
		c.on(on, at, l, weight, func(s slot, t *touch) {
			if x := t.q.field(fl).weights; x != nil && t.x > 0 {
				v.add(s, t.time, t.x, x)
			}
		})
	})
}

// profile compiles the field of an imported vector; -1: none.
func (c *compiler) profile(d *Definition) (int, error) {
	switch {
	case d.Profile == "" && d.Strength != 0:
		return -1, c.fail("strength", "is that of a profile: name it, as in profile: user.embedding")
	case d.Profile == "":
		return -1, nil
	case !(d.Strength > 0 && d.Strength <= maxInterest):
		return -1, c.fail("strength", "must be above 0, and at most %g: it says how many events the profile weighs as", float64(maxInterest))
	}
	return c.vectorField("profile", d.Profile, fromUser, d.Size)
}

// forms gives a feature the form that its definition names.
func (v interest) forms(c *compiler, d *Definition, f *feature, profile int) {
	strength, keep := d.Strength, c.keep()
	merged := func(q *Query, f *feature, k *kept) {
		var imported []float32
		if profile >= 0 {
			imported = q.field(profile).weights
		}
		k.vector, _ = v.read(k.vector, q.cell(f.at), q.now, imported, strength)
		k.norm = math.Sqrt(inner(k.vector, k.vector))
	}
	if d.As == "vector" {
		f.weighted, f.dense = true, true
		f.category = func(q *Query, f *feature) category {
			ids, weights := len(q.ids), len(q.weights)
			for i, x := range q.keptFor(keep, f, merged).vector {
				q.ids, q.weights = append(q.ids, placeID(i)), append(q.weights, x)
			}
			return q.weightedFrom(ids, weights)
		}
		return
	}
	cosine := d.As == "cosine"
	f.numeric, f.byItem = true, true
	f.number = func(q *Query, f *feature) float64 {
		x := q.field(f.field).weights
		if x == nil {
			return math.NaN()
		}
		k := q.keptFor(keep, f, merged)
		if len(k.vector) == 0 {
			return math.NaN()
		}
		dot := inner(k.vector, x)
		if cosine { // 0/0: a vector of zeros has no direction
			return min(max(dot/(k.norm*math.Sqrt(inner(x, x))), -1), 1)
		}
		return dot
	}
}

// inner is the inner product of two vectors of one length.
func inner(a, b []float32) (sum float64) {
	for i, x := range a {
		sum += float64(float64(x) * float64(b[i]))
	}
	return sum
}
