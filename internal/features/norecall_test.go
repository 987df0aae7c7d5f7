package features

import (
	"math"
	"reflect"
	"testing"
	"time"
)

func TestWithoutRecallFeaturesAreTheSameAndNothingElseIsKept(t *testing.T) {
	whole := newStore(t)
	lean, err := New(definitions(), Options{SubRows: 4, SeenItems: 8, RecentEvents: 8, NoRecall: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Store{whole, lean} {
		q := s.NewQuery()
		upsert(s, "a", "sport", 9)
		upsert(s, "b", "sport", 2)
		for i := range 20 {
			at := t0.Add(time.Duration(i) * time.Second)
			do(s, q, "exposure", "u", "a", at)
			do(s, q, "click", "u", []string{"a", "b"}[i%2], at)
			do(s, q, "dwell", "u", "a", at)
		}
	}
	now := t0.Add(25 * time.Second)
	want, got := whole.Values("u", device("ios"), 0, now), lean.Values("u", device("ios"), 0, now)
	for i := range want {
		if want[i].Name != got[i].Name || want[i].Text != got[i].Text ||
			math.Float64bits(want[i].Number) != math.Float64bits(got[i].Number) {
			t.Errorf("%+v without recall, %+v with", got[i], want[i])
		}
	}
	q := lean.NewQuery()
	q.Begin("u", nil, now)
	if q.Recent(nil, 9) != nil || q.Seen(nil) != nil || q.RecentCategories(nil, 9) != nil {
		t.Error("something is remembered of the user")
	}
	if lean.Trending(nil, "", 0, now, 9) != nil || lean.Similar(nil, 0, 9) != nil {
		t.Error("something is remembered of the items")
	}
	lean.Counts(0, func(typ string, n uint64) { t.Errorf("%d of %s are counted", n, typ) })
	if len(whole.Trending(nil, "", 0, now, 9)) == 0 || len(whole.Similar(nil, 0, 9)) == 0 {
		t.Error("the store with recall remembers nothing either")
	}
}

func TestAStoreWithoutRecallMakesAnotherState(t *testing.T) {
	if reflect.DeepEqual(Declare(definitions(), Options{}), Declare(definitions(), Options{NoRecall: true})) {
		t.Error("equal declarations")
	}
}
