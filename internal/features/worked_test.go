package features

import (
	"math"
	"testing"
	"time"

	"recsvc/internal/event"
)

// Worked examples, from the question to the definition.

// "What do the items cost that somebody has clicked in the last hour?" The price is that of the moment of the click.
func TestMeanPriceOfItemsClickedInTheLastHour(t *testing.T) {
	s := probed(t, Definition{Name: "price", Kind: "mean", Scope: []string{"user"}, On: On("click"), Value: "item.price", Window: time.Hour, Slide: 5 * time.Minute})
	q := s.NewQuery()
	start := midnight
	upsert(s, "mug", "kitchen", 10)
	upsert(s, "pan", "kitchen", 60)
	do(s, q, "click", "ann", "mug", start)
	upsert(s, "mug", "kitchen", 20) // dearer from now on
	do(s, q, "click", "ann", "mug", start.Add(10*time.Minute))
	do(s, q, "click", "ann", "pan", start.Add(20*time.Minute))
	do(s, q, "click", "ann", "unknown", start.Add(20*time.Minute)) // has no price, and does not count
	do(s, q, "click", "bob", "pan", start.Add(20*time.Minute))
	for _, tc := range []struct {
		minutes int
		want    float64
	}{{0, 30}, {59, 30}, {60, 40}, {69, 40}, {70, 60}, {79, 60}, {80, math.NaN()}} {
		at := start.Add(time.Duration(tc.minutes) * time.Minute)
		if tc.minutes == 0 {
			at = start.Add(20 * time.Minute)
		}
		if got := value(t, s, "ann", "", "price", at); got != tc.want && !(math.IsNaN(got) && math.IsNaN(tc.want)) {
			t.Errorf("after %d minutes the mean price is %v, want %v", tc.minutes, got, tc.want)
		}
	}
}

// "How long is somebody active, on average over the last 30 days?" It is the mean of the days' sums, over the days on which there was
// any activity: who comes once a week for an hour is an hour a day active, not nine minutes. Days are those of UTC.
func TestMeanActiveTimeOfADayOverThirtyDays(t *testing.T) {
	s := probed(t,
		Definition{Name: "active_30d", Kind: "sum", Scope: []string{"user"}, On: On("dwell"), Window: 30 * oneDay, Slide: oneDay},
		Definition{Name: "days_30d", Kind: "retention", Scope: []string{"user"}, On: On("dwell"), Window: 30 * oneDay, As: "days"},
		Definition{Name: "active_a_day", Kind: "expr", Expr: "active_30d / days_30d"},
	)
	q := s.NewQuery()
	dwell := func(at event.Time, seconds float64) {
		e := &event.Event{Type: "dwell", User: "ann", Time: at, Value: seconds, HasValue: true}
		q.Begin("ann", nil, at)
		s.Apply(q, e, NoItem)
	}
	dwell(midnight.Add(time.Hour), 100)
	dwell(midnight.Add(2*time.Hour), 200) // 300 s on the first day
	dwell(midnight.Add(10*oneDay), 60)    // 60 s on the eleventh
	dwell(midnight.Add(11*oneDay-1), 40)  // and 40 more at its end
	for _, tc := range []struct {
		day  int
		want float64
	}{{11, 200}, {29, 200}, {30, 100}, {39, 100}, {40, math.NaN()}} {
		at := midnight.Add(time.Duration(tc.day) * oneDay)
		if got := value(t, s, "ann", "", "active_a_day", at); got != tc.want && !(math.IsNaN(got) && math.IsNaN(tc.want)) {
			t.Errorf("on day %d the mean active time is %v s, want %v", tc.day, got, tc.want)
		}
	}
}
