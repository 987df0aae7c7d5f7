package engine

import (
	"fmt"
	"testing"

	"recsvc/internal/event"
)

// exposuresOf is a log of a catalogue of which one item is not available, and of exposures of the first three others, in lists
// that no served record tells of; of every tenth the first is clicked and looked at for long.
func exposuresOf(lists int) (log []event.Record) {
	for i := range 40 {
		rec := itemRecord(fmt.Sprint("i", i), event.Attribute{Key: "categories", Value: words(fmt.Sprint("c", i%4))})
		if i == 39 {
			rec = itemRecord("i39", event.Attribute{Key: "available", Value: event.Value{Kind: event.Bool}})
		}
		log = place(log, rec)
	}
	for n := range lists {
		for i := range 3 {
			e := behaviour("exposure", fmt.Sprint("u", n), fmt.Sprint("i", i), at(float64(n)))
			e.Event.Request, e.Event.Position = fmt.Sprint("r", n), int32(i+1)
			log = place(log, e)
		}
		if n%10 == 0 {
			for _, kind := range []string{"click", "dwell"} {
				e := behaviour(kind, fmt.Sprint("u", n), "i0", at(float64(n)))
				e.Event.Request, e.Event.Value, e.Event.HasValue = fmt.Sprint("r", n), 20, true
				log = place(log, e)
			}
		}
	}
	return place(log, tick(at(float64(lists)).Add(dwellWindow+lateness+1)))
}

func TestItemsThatWereNotShownAreLearnedAndNotValidated(t *testing.T) {
	const lists = 60
	for _, byPopularity := range []bool{false, true} {
		unseen := func(o *Options) {
			o.Feedback.Heads[0].Unseen.N, o.Feedback.Heads[0].Unseen.ByPopularity = 2, byPopularity
		}
		r := openRig(t, t.TempDir(), unseen)
		got := r.run(exposuresOf(lists), 7)
		if n := got.status.Feedback.Unseens; n != 2*3*lists {
			t.Errorf("by popularity %v: %d items were drawn for %d exposures", byPopularity, n, 3*lists)
		}
		for i, steps := range []int64{3*lists + 2*3*lists, 3 * lists} {
			h := r.Models[0].Head(i)
			if n := h.Counters().Learned; n != steps {
				t.Errorf("by popularity %v, head %s: learned %d, want %d", byPopularity, h.Name(), n, steps)
			}
			if n := h.Validation().Total().N; n != 3*lists {
				t.Errorf("by popularity %v, head %s: validated %d, want %d", byPopularity, h.Name(), n, 3*lists)
			}
		}
		again := openRig(t, t.TempDir(), unseen).run(exposuresOf(lists), 100)
		again.sameAs(t, got)
	}
}

func TestWhatIsDrawnMayBeShownAndWasNot(t *testing.T) {
	r := openRig(t, t.TempDir(), func(o *Options) { o.Feedback.Heads[0].Unseen.N = 1 })
	r.run(exposuresOf(1))
	seen := map[string]int{}
	for n := range 2000 {
		e := behaviour("exposure", "u0", "i0", at(float64(n)))
		draw := 0
		m := r.joiner.Match(e.Event)
		ref, ok := r.drawOne(e.Event, m, &draw)
		if !ok {
			t.Fatalf("nothing drawn for exposure %d", n)
		}
		seen[r.Features.Item(ref).ID]++
	}
	if seen["i0"] > 0 || seen["i39"] > 0 || len(seen) != 38 {
		t.Errorf("of 40 items, one of them shown and one not available, %d were drawn: %v", len(seen), seen)
	}
	for id, n := range seen {
		if n < 2000/38/3 || n > 2000/38*2 {
			t.Errorf("%s was drawn %d times of 2000", id, n)
		}
	}
}
