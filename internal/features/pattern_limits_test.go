package features

import (
	"slices"
	"strings"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// A key that is hot, or whose events are large, does not come to remember more than a checkpoint holds: what is held back is seen a little
// early, and the oldest unfinished matches are given up.
func TestWhatAPatternRemembersOfOneKeyIsBounded(t *testing.T) {
	text := func(n int) event.Attributes {
		return event.Attributes{{Key: "room", Value: event.Value{Kind: event.String, Str: strings.Repeat("r", n)}}}
	}
	keeping := onePattern("keeping", time.Hour, Emit{Event: &MatchEvent{Type: "m", From: "begin"}}, Step{Name: "begin", On: On("a")}, Step{FollowedBy: On("b")})
	keeping.Runs, keeping.Skip = MaxRuns, SkipNone
	holding := onePattern("holding", time.Hour, flagFor(time.Minute), Step{On: Selection{Types: []string{"a"}, Where: `context.room != "x"`}}, Step{FollowedBy: On("b")})
	holding.Order = OrderEventTime
	both := keeping
	both.Name, both.Order, both.Emit = "both", OrderEventTime, Emit{Event: &MatchEvent{Type: "n", From: "begin"}}
	p := newPatternPlayer(t, nil, keeping, holding, both)
	i := 0
	for _, size := range []int{10, 1000, 250 << 10} {
		for range 3000*10/size + 3000 {
			at := t0 + event.Time(i)*1e6
			p.play(i, &event.Event{Type: "a", User: "u", Item: "i", Time: at, Context: text(size)}, t0)
			if i++; i%500 == 0 || size > 1000 {
				for key, value := range entriesOf(p.s) {
					if len(value) > 768<<10 {
						t.Fatalf("entry %x of %d bytes after %d events", key, len(value), i)
					}
				}
			}
			if size > 1000 && i%10 == 0 {
				break
			}
		}
	}
	p.play(i, &event.Event{Type: "b", User: "u", Item: "i", Time: t0 + event.Time(i)*1e6}, t0)
	p.play(i+1, &event.Event{Type: "x", User: "u", Item: "i", Time: t0 + event.Time(i)*1e6}, t0+event.Time(2*time.Minute))
	for _, name := range []string{"keeping", "holding", "both"} {
		if len(p.out[name]) == 0 {
			t.Errorf("no match of %s", name)
		}
	}
}

// What is bounded is a function of what is remembered: a restart between any two events changes nothing.
func TestARestartChangesNothingAboutWhatAPatternGivesUp(t *testing.T) {
	spec := onePattern("p", time.Hour, Emit{Event: &MatchEvent{Type: "m", From: "begin"}}, Step{Name: "begin", On: On("a")}, Step{FollowedBy: On("b")})
	spec.Order, spec.Skip = OrderEventTime, SkipNone
	run := func(restarts bool) (*patternPlayer, dirty.Sum) {
		p := newPatternPlayer(t, nil, spec)
		for i := range 60 {
			if restarts && i%7 == 3 {
				p.reopen()
			}
			typ, at := "a", t0+event.Time(i)*1e9
			if i%20 == 19 {
				typ = "b"
			}
			ctx := event.Attributes{{Key: "room", Value: event.Value{Kind: event.String, Str: strings.Repeat("r", 1000*i)}}}
			p.play(i, &event.Event{Type: typ, User: "u", Item: "i", Time: at, Context: ctx}, t0)
		}
		p.play(60, &event.Event{Type: "x", User: "u", Item: "i", Time: t0 + 60e9}, t0+event.Time(3*time.Minute))
		return p, p.save()
	}
	one, sum := run(false)
	two, again := run(true)
	if sum != again || !slices.Equal(one.out["p"], two.out["p"]) || len(one.out["p"]) == 0 {
		t.Errorf("%v and %v; %q and %q", sum, again, one.out["p"], two.out["p"])
	}
}
