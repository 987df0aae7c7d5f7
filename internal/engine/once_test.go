package engine

import (
	"math"
	"testing"

	"recsvc/internal/event"
)

// read is a numeric feature as a reader beside the writer sees it.
func (r *rig) read(feature, user, item string, now event.Time) float64 {
	r.t.Helper()
	r.Features.RLock()
	defer r.Features.RUnlock()
	ref, _ := r.Features.LookupItem(item)
	for _, v := range r.Features.Values(user, nil, ref, now) {
		if v.Name == feature {
			return v.Number
		}
	}
	r.t.Fatalf("no feature %q", feature)
	return 0
}

func TestTheSameEventSentThreeTimesCountsOnceInEveryWindow(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	shown, clicked := behaviour("exposure", "ann", "i1", at(1)), behaviour("click", "ann", "i1", at(2))
	shown.Event.ID, clicked.Event.ID = "e1", "c1"
	l.append(shown, shown, clicked)
	l.append(clicked, shown)
	l.append(clicked, tick(at(60)))
	if got := l.read("user_shown", "ann", "i1", at(60)); got != 1 {
		t.Errorf("one impression, sent three times, counts %v times", got)
	}
	if got := math.Expm1(l.read("item_clicks_5m", "ann", "i1", at(60))); math.Abs(got-1) > 1e-9 {
		t.Errorf("one click, sent three times, counts %v times", got)
	}
	if got := l.stop().status.Duplicate; got != 4 {
		t.Errorf("%d duplicates, want 4", got)
	}
}
