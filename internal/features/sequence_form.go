package features

import (
	"math"
	"slices"
)

// forms gives a feature the form that its definition names.
func (q sequence) forms(f *feature, d *Definition) {
	bits := uint32(1)<<len(d.Outcomes) - 1
	switch d.As {
	case "ids":
		f.category = q.ids
	case "sequence":
		f.category = q.places
	case "outcomes":
		f.category = func(query *Query, f *feature) category { return q.outcomes(query, f, bits) }
	case "pattern":
		f.category = func(query *Query, f *feature) category { return q.pattern(query, f, bits) }
	case "values":
		f.weighted, f.dense, f.category = true, true, q.values
	case "shares":
		f.weighted, f.category = true, q.shares
	case "mean":
		f.numeric, f.number = true, q.mean
	case "count":
		f.numeric, f.number = true, func(query *Query, f *feature) float64 { return float64(q.read(query.cell(f.at), query.now).n) }
	}
}

// identity is the category of an entry: its value, or the item.
func (q *Query) identity(e entry) uint64 {
	if e.value != 0 || e.item == NoItem {
		return e.value
	}
	return q.store.items.at(e.item).hash
}

// ids is the set of the values remembered.
func (q sequence) ids(query *Query, f *feature) category {
	start, v := len(query.ids), q.read(query.cell(f.at), query.now)
	for i := range v.n {
		if id := query.identity(v.at(i)); !slices.Contains(query.ids[start:], id) {
			query.ids = append(query.ids, id)
		}
	}
	return query.listFrom(start)
}

// places is one category per place: its value.
func (q sequence) places(query *Query, f *feature) category {
	start, v := len(query.ids), q.read(query.cell(f.at), query.now)
	for i := range v.n {
		query.ids = append(query.ids, join(uint64(i+1), query.identity(v.at(i))))
	}
	return query.listFrom(start)
}

// outcomes is one category per place: what became of the newest entry, of the one before, …
func (q sequence) outcomes(query *Query, f *feature, bits uint32) category {
	start, v := len(query.ids), q.read(query.cell(f.at), query.now)
	for i := range v.n {
		query.ids = append(query.ids, join(uint64(i+1), uint64(v.at(i).outcome&bits)))
	}
	return query.listFrom(start)
}

// pattern is one category for the whole sequence of outcomes.
func (q sequence) pattern(query *Query, f *feature, bits uint32) category {
	id, v := uint64(1), q.read(query.cell(f.at), query.now)
	for i := range v.n {
		id = join(id, uint64(v.at(i).outcome&bits)+1)
	}
	return category{id: id}
}

// values is the vector of the numbers, with zeros behind them up to n.
func (q sequence) values(query *Query, f *feature) category {
	ids, weights, v := len(query.ids), len(query.weights), q.read(query.cell(f.at), query.now)
	for i := range q.n {
		if v.n == 0 {
			break
		}
		x := 0.0
		if i < v.n {
			x = math.Float64frombits(v.at(i).value)
		}
		query.ids, query.weights = append(query.ids, placeID(i)), append(query.weights, weightOf(x))
	}
	return query.weightedFrom(ids, weights)
}

// shares is the distribution of the values, the one that came last first.
func (q sequence) shares(query *Query, f *feature) category {
	ids, weights, v := len(query.ids), len(query.weights), q.read(query.cell(f.at), query.now)
	for i := range v.n {
		id := query.identity(v.at(i))
		at := slices.Index(query.ids[ids:], id)
		if at < 0 {
			at = len(query.ids) - ids
			query.ids, query.weights = append(query.ids, id), append(query.weights, 0)
		}
		query.weights[weights+at]++
	}
	for i := range query.weights[weights:] {
		query.weights[weights+i] /= float32(v.n)
	}
	return query.weightedFrom(ids, weights)
}

// mean is that of the values.
func (q sequence) mean(query *Query, f *feature) float64 {
	sum, v := 0.0, q.read(query.cell(f.at), query.now)
	for i := range v.n {
		sum += math.Float64frombits(v.at(i).value) / float64(v.n)
	}
	if v.n == 0 {
		return math.NaN()
	}
	return sum
}

// placeID is the category of the i-th place of a vector.
func placeID(i int) uint64 { return mix(uint64(i) + 0x9E3779B97F4A7C15) }

// weightOf is a number as a weight: what float32 cannot hold becomes its greatest.
func weightOf(x float64) float32 {
	return float32(min(max(x, -math.MaxFloat32), math.MaxFloat32))
}
