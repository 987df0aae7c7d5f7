package features

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"recsvc/internal/event"
)

func TestAPositionIsKnownWhenWhatWasShownIsCaptured(t *testing.T) {
	def := Definition{Kind: "position"}
	checkSaid(t, []said{
		{"captured", def, scenery{at: 3}, 3.0},
		{"captured, as a root", Definition{Kind: "position", As: "sqrt"}, scenery{at: 4}, 2.0},
		{"when a list is made", def, scenery{}, 1.0},
		{"when a list is made, as configured", Definition{Kind: "position", Serve: 5}, scenery{}, 5.0},
	})
	s, q := scenery{}.evaluate(t, def)
	q.Begin("u", nil, t0)
	q.Place(0)
	var v Vector
	q.Item(&v, 0)
	if x := q.nums[0]; x == x || len(v.Slots) != 0 {
		t.Errorf("an unknown position is %v, %+v", x, v)
	}
	q.Begin("u", nil, t0)
	if q.Item(&v, 0); q.nums[0] != 1 || !s.ReadsList() {
		t.Errorf("the next list has position %v", q.nums[0])
	}
	checkMistakes(t, []mistaken{
		{Definition{Kind: "position", Serve: -1}, "serve", "must be a position, 1 or more"},
		{Definition{Kind: "position", Serve: math.NaN()}, "serve", "must be a position, 1 or more"},
	})
}

func TestListsAreMeasured(t *testing.T) {
	size := Definition{Kind: "list_size"}
	share := Definition{Kind: "diversity", Field: "item.tags"}
	checkSaid(t, []said{
		{"three", size, scenery{list: []string{"i", "j", "k"}}, 3.0},
		{"three, as a logarithm", Definition{Kind: "list_size", As: "log"}, scenery{list: []string{"i", "j", "k"}}, math.Log(4)},
		{"no list", size, scenery{}, nil},
		{"alone", share, scenery{item: of("tags", list("a")), list: []string{"i"}}, nil},
		{"no list to differ from", share, scenery{item: of("tags", list("a"))}, nil},
		{"no tags", share, scenery{list: []string{"i", "j"}}, nil},
		{"others without tags have none of its own", share, scenery{item: of("tags", list("a")), list: []string{"i", "j"}}, 1.0},
	})
	checkMistakes(t, []mistaken{
		{Definition{Kind: "diversity", Field: "user.tags"}, "field", `"user.tags" is no field of items, which alone differ within a list: write item.FIELD`},
		{Definition{Kind: "list_size", Field: "item.tags"}, "field", "is not read by list_size, which reads scale, shift, as"},
	})
}

// Naive: every pair of items is looked at.
func TestDiversityEqualsAComparisonWithEachOfTheOthers(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	s := storeOf(t, []Definition{
		{Name: "share", Kind: "diversity", Field: "item.tags"},
		{Name: "one", Kind: "diversity", Field: "item.tags[0]"},
		{Name: "difference", Kind: "diversity", Field: "item.price", As: "difference"},
	}, Options{})
	tags, prices := map[ItemRef][]string{}, map[ItemRef]float64{}
	for i := range 30 {
		it := event.Item{ID: fmt.Sprint(i), Attrs: event.Attributes{{Key: "price", Value: text("dear")}}}
		price := math.NaN()
		if rng.IntN(4) > 0 {
			price = float64(rng.IntN(50))
			it.Attrs[0].Value = num(price)
		}
		var own []string
		for _, tag := range []string{"a", "b", "c", "d", "e"} {
			if rng.IntN(3) == 0 {
				own = append(own, tag)
			}
		}
		it.Attrs = append(it.Attrs, event.Attribute{Key: "tags", Value: list(own...)})
		s.UpsertItem(&it)
		ref, _ := s.LookupItem(it.ID)
		tags[ref], prices[ref] = own, price
	}
	q := s.NewQuery()
	for range 200 {
		var refs []ItemRef
		for _, i := range rng.Perm(30)[:1+rng.IntN(10)] {
			refs = append(refs, ItemRef(i))
		}
		q.Begin("u", nil, t0)
		q.List(refs)
		asked := append(slices.Clone(refs), ItemRef(rng.IntN(30))) // at times one that stands in no list
		rng.Shuffle(len(asked), func(i, j int) { asked[i], asked[j] = asked[j], asked[i] })
		for _, ref := range asked {
			q.Item(new(Vector), ref)
			want := differences(tags, prices, refs, ref)
			for i, x := range want {
				if got := q.nums[i]; !(math.Abs(got-x) < 1e-9) && (got == got || x == x) {
					t.Fatalf("%s of %d in %v is %v, want %v", s.Columns()[i].Name, ref, refs, got, x)
				}
			}
		}
	}
}

func differences(tags map[ItemRef][]string, prices map[ItemRef]float64, refs []ItemRef, ref ItemRef) [3]float64 {
	var none, otherFirst, others, sum, n float64
	for _, o := range refs {
		if o == ref {
			continue
		}
		others++
		if !slices.ContainsFunc(tags[o], func(tag string) bool { return slices.Contains(tags[ref], tag) }) {
			none++
		}
		if len(tags[o]) == 0 || len(tags[ref]) > 0 && tags[o][0] != tags[ref][0] {
			otherFirst++
		}
		if prices[o] == prices[o] {
			sum += prices[o]
			n++
		}
	}
	out := [3]float64{none / others, otherFirst / others, prices[ref] - sum/n}
	if len(tags[ref]) == 0 {
		out[0], out[1] = math.NaN(), math.NaN()
	}
	return out
}

func TestAListThatIsSaidLateCountsAllTheSame(t *testing.T) {
	s, q := scenery{}.evaluate(t, Definition{Kind: "list_size"})
	q.Begin("u", nil, t0)
	before := len(q.Shared().Slots)
	q.List([]ItemRef{0, 1})
	after := len(q.Shared().Slots)
	q.Begin("u", nil, t0)
	if next := len(q.Shared().Slots); before != 1 || after != 2 || next != 1 || !s.ReadsList() {
		t.Errorf("%d, %d, then %d slots", before, after, next)
	}
}

func TestRandomNumbersAreUniformAndTheSameForEver(t *testing.T) {
	def := Definition{Kind: "random"}
	if got := saying(scenery{}.read(t, def)); got != saying(scenery{}.read(t, def)) {
		t.Errorf("another number for the same user, item and instant: %v", got)
	}
	s := storeOf(t, []Definition{{Name: "a", Kind: "random"}, {Name: "b", Kind: "random"}}, Options{})
	ref := s.EnsureItem("i")
	q := s.NewQuery()
	var tenths [10]int
	same := 0
	for i := range 20_000 {
		q.Begin(fmt.Sprint("u", i%7), nil, t0.Add(time.Duration(i)))
		q.Item(new(Vector), ref)
		if x := q.nums[0]; x < 0 || x >= 1 {
			t.Fatal(x)
		}
		tenths[int(10*q.nums[0])]++
		if q.nums[0] == q.nums[1] {
			same++
		}
	}
	for _, n := range tenths {
		if n < 1800 || n > 2200 {
			t.Errorf("of 20,000 numbers %v in the tenths", tenths)
			break
		}
	}
	if same > 0 {
		t.Errorf("two features have %d numbers in common", same)
	}
}

// What is made of a feature of the list is one too.
func TestReadsListLooksThroughWhatIsDerivedAndEmitted(t *testing.T) {
	defs := []Definition{
		{Name: "p", Kind: "position"}, {Name: "bucket", Kind: "bucketize", Inputs: []string{"p"}},
		{Name: "tag", Kind: "attribute", Field: "item.tag"}, {Name: "cross", Kind: "cross", Inputs: []string{"bucket", "tag"}},
	}
	for emit, want := range map[string]bool{"p": true, "cross": true, "tag": false} {
		if s := storeOf(t, defs, Options{Emit: []string{emit}}); s.ReadsList() != want {
			t.Errorf("a model of %s reads the list: %v", emit, !want)
		}
	}
}
