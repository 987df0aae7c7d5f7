package features

import (
	"fmt"
	"testing"
	"time"

	"recsvc/internal/event"
)

// Events and readings of what has reached its size allocate nothing, whatever the kind.
func TestSequencesAndSessionsAllocateNothingOnceTheyHaveTheirSize(t *testing.T) {
	user, inRoom, room := []string{"user"}, []string{"user", "context.room"}, []string{"context.room"}
	all, enter, exit := On(AnyType), On("enter"), On("exit")
	defs := []Definition{
		{Kind: "last", Scope: user, On: all, Value: "context.room"},
		{Kind: "last_k", Scope: user, On: all, Value: "context.room", N: 8, Window: time.Minute, As: "shares"},
		{Kind: "last_k", Scope: user, On: all, Value: "value", N: 8, As: "values"},
		{Kind: "first_k", Scope: user, On: On("click"), N: 8, Window: time.Minute, As: "sequence"},
		{Kind: "session_length", Scope: user, On: all, Gap: 2 * time.Second, N: 4, As: "mean"},
		{Kind: "session_count", Scope: user, On: all, Gap: 2 * time.Second, N: 4, Window: time.Hour},
		{Kind: "retention", Scope: user, On: all, Window: 24 * time.Hour},
		{Kind: "presence", Scope: inRoom, On: enter, Off: exit, Timeout: time.Minute},
		{Kind: "presence", Scope: room, On: enter, Off: exit, Timeout: time.Minute, N: 3},
		{Kind: "stay", Scope: inRoom, On: enter, Off: exit, Timeout: 2 * time.Second},
	}
	for i := range defs {
		defs[i].Name = fmt.Sprint(defs[i].Kind, i)
	}
	s := storeOf(t, defs, Options{NoRecall: true})
	q, at, i := s.NewQuery(), t0, 0
	context := event.Attributes{{Key: "room", Value: text("chess")}}
	users := []string{"ann", "bob", "cid", "dan", "eve"}
	e := &event.Event{Item: "mug", Context: context, HasValue: true}
	ref := s.EnsureItem("mug")
	step := func() {
		i++
		at += event.Time(time.Duration(i%5) * time.Second)
		e.Type, e.User, e.Time = []string{"enter", "click", "exit", "like"}[i%4], users[i*7%5], at
		q.Begin(e.User, context, at)
		q.Shared()
		s.Apply(q, e, ref)
		s.Advance(at)
	}
	for range 2000 {
		step()
	}
	if n := testing.AllocsPerRun(500, step); n != 0 {
		t.Errorf("%v allocations for an event", n)
	}
}
