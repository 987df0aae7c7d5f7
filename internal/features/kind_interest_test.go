package features

import (
	"math"
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/lexical"
)

// interestTwins recount what a candidate has in common with what was acted on.
func interestTwins() []twinKind {
	user := []string{"user"}
	return []twinKind{
		{
			kind: "interacted_with", reads: "item",
			defs: []Definition{
				{Kind: "interacted_with", Scope: user, On: On("click"), Field: "item.tags", N: 5},
				{Kind: "interacted_with", Scope: user, On: On("click"), Field: "item.tags", N: 5, Window: time.Hour, As: "share"},
				{Kind: "interacted_with", Scope: user, On: On("exposure"), Field: "item.categories", N: 64, Windows: []time.Duration{time.Minute, 24 * time.Hour}, As: "jaccard"},
				{Kind: "interacted_with", Scope: []string{"user", "item.categories[0]"}, On: On("click", "like"), Field: "item.tags", N: 8, TTL: time.Hour, As: "jaccard"},
				{Kind: "interacted_with", Scope: []string{"session"}, On: On("click"), Field: "item.id", N: 8, TTL: time.Hour, As: "any"},
				{Kind: "interacted_with", Scope: []string{"context.device"}, On: On("purchase"), Field: "item.price", N: 20, Window: 30 * time.Minute},
			},
			recount: recountOverlap,
		},
		{
			kind: "vector_decay", reads: "",
			defs: []Definition{
				{Kind: "vector_decay", Scope: user, On: On("click"), Field: "item.embedding", Size: 3, HalfLife: 10 * time.Minute},
				{Kind: "vector_decay", Scope: user, On: On("click", "dwell"), Value: "value", Field: "item.embedding", Size: 3, HalfLife: 7 * 24 * time.Hour, Profile: "user.taste", Strength: 2, As: "dot"},
				{Kind: "vector_decay", Scope: user, On: On("click"), Field: "item.embedding", Size: 3, HalfLife: time.Hour, Profile: "user.taste", Strength: 0.5, As: "vector"},
				{Kind: "vector_decay", Scope: []string{"session"}, On: On("exposure"), Field: "item.embedding", Size: 3, HalfLife: time.Minute, As: "vector"},
				{Kind: "vector_decay", Scope: []string{"user", "item.categories[0]"}, On: On("like"), Field: "item.embedding", Size: 3, HalfLife: 24 * time.Hour, As: "dot"},
			},
			recount: recountInterest,
		},
	}
}

func recountOverlap(r *twinRead) twinValue {
	ids := func(of map[string]event.Value, item string) (set []uint64) {
		name := r.def.Field
		if name == "item.id" {
			name = "item"
		}
		for _, id := range twinIDs((&twinEvent{Event: event.Event{Item: item}, ofItem: of}).value(name)) {
			if !slices.Contains(set, id) {
				set = append(set, id)
			}
		}
		return set
	}
	candidate := ids(r.at.ofItem, r.at.Item)
	def := *r
	def.def.Kind, def.def.As = "last_k", "ids"
	entries := twinEntries(&def)
	union, both, count := slices.Clone(candidate), map[uint64]bool{}, 0.0
	for _, e := range entries {
		hit := false
		for _, id := range ids(r.twin.items[e.Item], e.Item) {
			if slices.Contains(candidate, id) {
				both[id], hit = true, true
			} else if !slices.Contains(union, id) {
				union = append(union, id)
			}
		}
		if hit {
			count++
		}
	}
	switch {
	case len(candidate) == 0:
		return twinNumber(math.NaN())
	case r.def.As == "share":
		return twinNumber(count / float64(len(entries)))
	case r.def.As == "any":
		return twinNumber(min(count, 1))
	case r.def.As == "jaccard" && len(entries) == 0:
		return twinNumber(math.NaN())
	case r.def.As == "jaccard":
		return twinNumber(float64(len(both)) / float64(len(union)))
	}
	return twinNumber(count)
}

// twinVector is the vector that an attribute holds; nil: none of that size.
func twinVector(v event.Value, size int) []float32 {
	x, ok := lexical.ParseVectorList(nil, v.List)
	if v.Kind == event.String {
		x, ok = lexical.ParseVector(nil, v.Str)
	}
	if !ok || len(x) != size {
		return nil
	}
	return x
}

func recountInterest(r *twinRead) twinValue {
	value := r.def.Value
	if value == "" {
		value = "1"
	}
	sum, total := make([]float64, r.def.Size), 0.0
	add := func(x []float32, w float64) {
		for i, y := range x {
			sum[i] += w * float64(y)
		}
		total += w
	}
	for _, s := range numbers(r.chosen(r.def.On, value)) {
		if x := twinVector(s.value("item.embedding"), r.def.Size); x != nil && s.x > 0 {
			add(x, s.x*math.Exp2(-float64(r.now.Sub(s.Time))/float64(r.def.HalfLife)))
		}
	}
	if total < 1e-9 {
		clear(sum)
		total = 0
	}
	if x := twinVector(r.at.value("user.taste"), r.def.Size); x != nil && r.def.Profile != "" {
		add(x, r.def.Strength)
	}
	if r.def.As == "vector" {
		out := twinValue{number: math.NaN()}
		for i := 0; i < len(sum) && total > 0; i++ {
			out.list, out.weights = append(out.list, placeID(i)), append(out.weights, float32(sum[i]/total))
		}
		return out
	}
	candidate := twinVector(r.at.value("item.embedding"), r.def.Size)
	if candidate == nil || total == 0 {
		return twinNumber(math.NaN())
	}
	var dot, a, b float64
	for i, y := range candidate {
		m := sum[i] / total
		dot, a, b = dot+m*float64(y), a+m*m, b+float64(y)*float64(y)
	}
	if r.def.As == "dot" {
		return twinWithin(dot, 1e-4)
	}
	return twinWithin(dot/math.Sqrt(a*b), 1e-3)
}

func TestInteractedWithReadsTheCatalogueAsItStands(t *testing.T) {
	s := storeOf(t, []Definition{
		{Name: "n", Kind: "interacted_with", Scope: []string{"user"}, On: On("click"), Field: "item.categories", N: 3, As: "count"},
		{Name: "j", Kind: "interacted_with", Scope: []string{"user"}, On: On("click"), Field: "item.tags", N: 3, As: "jaccard"},
	}, Options{})
	q := s.NewQuery()
	upsert(s, "mug", "kitchen", 1)
	upsert(s, "pot", "kitchen", 1)
	do(s, q, "click", "ann", "mug", t0)
	read := func(want float64) {
		t.Helper()
		if got := value(t, s, "ann", "pot", "n", t0); got != want {
			t.Errorf("%v items in common, want %v", got, want)
		}
	}
	read(1)
	upsert(s, "mug", "office", 1)
	read(0)
	upsert(s, "pot", "office", 1)
	read(1)
	do(s, q, "click", "ann", "mug", t0)
	read(2)
	if got := value(t, s, "ann", "pot", "j", t0); got != 1 {
		t.Errorf("tags overlap by %v, want 1", got)
	}
}

func TestAnInterestStaysANumberOverYears(t *testing.T) {
	v := interest{2, float64(time.Second)}
	s := slot{make([]uint64, 3), new(bags)}
	day := event.Time(24 * time.Hour)
	for i := range event.Time(4000) {
		v.add(s, t0+i*day, 1e-300, []float32{math.MaxFloat32, -1})
		v.add(s, t0+i*day, 1e300, []float32{3, -math.MaxFloat32})
		v.add(s, t0, 1, []float32{5, 5}) // years late
	}
	got, ok := v.read(nil, s, t0+3999*day, nil, 0)
	if !ok || got[0] != 3 || got[1] != -math.MaxFloat32 {
		t.Errorf("%v %v, want what came last", got, ok)
	}
	if got, ok = v.read(nil, s, t0+4000*day, nil, 0); ok {
		t.Errorf("a day of half-lives of a second left %v", got)
	}
	if got, ok = v.read(nil, s, t0+4000*day, []float32{7, 8}, 1e-6); !ok || got[0] != 7 || got[1] != 8 {
		t.Errorf("%v %v, want the profile alone", got, ok)
	}
}

func TestComparingCandidatesAllocatesNothing(t *testing.T) {
	s := storeOf(t, []Definition{
		{Name: "n", Kind: "interacted_with", Scope: []string{"user"}, On: On("click"), Field: "item.tags", N: 64},
		{Name: "v", Kind: "vector_decay", Scope: []string{"user"}, On: On("click"), Field: "item.embedding", Size: 2, HalfLife: time.Hour},
	}, Options{NoRecall: true})
	s.UpsertItem(&event.Item{ID: "mug", Attrs: event.Attributes{{Key: "embedding", Value: list("1", "2")}, {Key: "tags", Value: list("a", "b")}}})
	ref, _ := s.LookupItem("mug")
	q, at := s.NewQuery(), t0
	var v Vector
	e := &event.Event{Type: "click", User: "ann", Item: "mug"}
	step := func() {
		at += event.Time(time.Second)
		e.Time = at
		q.Begin("ann", nil, at)
		q.Item(&v, ref)
		s.Apply(q, e, ref)
	}
	for range 100 {
		step()
	}
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations for an event and a candidate", n)
	}
	if q.nums[0] != 64 || math.Abs(q.nums[1]-1) > 1e-6 {
		t.Errorf("values %v", q.nums)
	}
}

func TestWrongInterestsAreRefused(t *testing.T) {
	overlap := Definition{Kind: "interacted_with", On: On("click"), Field: "item.tags", N: 5}
	vector := Definition{Kind: "vector_decay", On: On("click"), Field: "item.v", Size: 4, HalfLife: time.Hour}
	with := func(d Definition, change func(*Definition)) Definition { change(&d); return d }
	for _, tc := range []struct {
		name string
		def  Definition
		key  string
		want string
	}{
		{"no field", with(overlap, func(d *Definition) { d.Field = "" }), "field",
			"is missing: a interacted_with needs it, `item.FIELD` or `item.FIELD[0]`: what is compared"},
		{"a field of the user", with(overlap, func(d *Definition) { d.Field = "user.tags" }), "field",
			`"user.tags" is not item.FIELD: it is read of the candidate and of the items acted on`},
		{"too many", with(overlap, func(d *Definition) { d.N = 100 }), "n", "must be 1 to 64"},
		{"negative window", with(overlap, func(d *Definition) { d.Window = -1 }), "window", "must be longer than 0"},
		{"no such form", with(overlap, func(d *Definition) { d.As = "cosine" }), "as", `"cosine" is none of count, share, jaccard, any`},
		{"too long", with(vector, func(d *Definition) { d.Size = 2000 }), "size", "must be 1 to 1024"},
		{"a place of a list", with(vector, func(d *Definition) { d.Field = "item.v[0]" }), "field", `"item.v[0]" is not item.FIELD with a vector`},
		{"vectors of users", with(vector, func(d *Definition) { d.Field = "user.v" }), "field", `"user.v" is not item.FIELD with a vector`},
		{"profile of the item", with(vector, func(d *Definition) { d.Profile, d.Strength = "item.v", 1 }), "profile", `"item.v" is not user.FIELD with a vector`},
		{"profile without strength", with(vector, func(d *Definition) { d.Profile = "user.v" }), "strength",
			"must be above 0, and at most 1e+09: it says how many events the profile weighs as"},
		{"strength without profile", with(vector, func(d *Definition) { d.Strength = 3 }), "strength",
			"is that of a profile: name it, as in profile: user.embedding"},
		{"negative half-life", with(vector, func(d *Definition) { d.HalfLife = -1 }), "half_life", "must be longer than 0"},
		{"weights that are no numbers", with(vector, func(d *Definition) { d.Value = "item" }), "value",
			`"item" is no number: name a field or an expression, such as item.price`},
	} {
		t.Run(tc.name, func(t *testing.T) { refused(t, tc.def, tc.key, tc.want) })
	}
}
