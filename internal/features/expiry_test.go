package features

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// visit applies an event within a session, as the engine would.
func visit(s *Store, q *Query, typ, session, item string, at event.Time) {
	e := &event.Event{Type: typ, User: "ann", Session: session, Item: item, Time: at}
	ref := s.EnsureItem(item)
	s.Advance(at)
	q.Begin(e.User, e.Context, at)
	q.InSession(session)
	s.Apply(q, e, ref)
}

func TestASessionIsAScopeInEventsAndInRequests(t *testing.T) {
	s := storeOf(t, []Definition{
		{Name: "clicks", Kind: "count", Scope: []string{"session"}, On: On("click")},
		{Name: "of_item", Kind: "count", Scope: []string{"session", "item"}, On: On("click")},
	}, Options{})
	if !s.ReadsContext("click") {
		t.Error("the session of a click may stand in the context of its impression")
	}
	q := s.NewQuery()
	visit(s, q, "click", "s1", "mug", t0)
	visit(s, q, "click", "s1", "pot", t0)
	visit(s, q, "click", "s2", "mug", t0)
	visit(s, q, "click", "", "mug", t0) // belongs to none
	ref, _ := s.LookupItem("mug")
	for _, tc := range []struct {
		session event.Value
		at      event.Time
		clicks  float64
		ofMug   float64
	}{
		{text("s1"), t0, 2, 1},
		{text("s2"), t0, 1, 1},
		{text("s3"), t0, 0, 0},
		{event.Value{}, t0, 0, 0},
		{text("s1"), t0.Add(24 * time.Hour), 2, 1},
		{text("s1"), t0.Add(24*time.Hour + 1), 0, 0}, // a session that is silent for a day is forgotten
	} {
		q.Begin("ann", event.Attributes{{Key: "session", Value: tc.session}}, tc.at)
		var v Vector
		q.Item(&v, ref)
		if q.nums[0] != tc.clicks || q.nums[1] != tc.ofMug {
			t.Errorf("%q after %v: %v clicks, %v of the mug, want %v and %v",
				tc.session.Str, tc.at.Sub(t0), q.nums[0], q.nums[1], tc.clicks, tc.ofMug)
		}
	}
}

func TestAnEventsOwnSessionComesBeforeThatOfItsContext(t *testing.T) {
	s := storeOf(t, []Definition{{Name: "clicks", Kind: "count", Scope: []string{"session"}, On: On("click")}}, Options{})
	q := s.NewQuery()
	context := event.Attributes{{Key: "session", Value: num(7)}}
	for _, e := range []*event.Event{
		{Type: "click", User: "ann", Session: "own", Time: t0, Context: context},
		{Type: "click", User: "ann", Time: t0, Context: context},
		{Type: "click", User: "ann", Session: "7", Time: t0},
	} {
		q.Begin(e.User, e.Context, e.Time)
		s.Apply(q, e, NoItem)
	}
	for session, want := range map[string]float64{"own": 1, "7": 2} {
		q.Begin("ann", nil, t0)
		q.InSession(session)
		q.prepare()
		if q.nums[0] != want {
			t.Errorf("session %s has %v clicks, want %v", session, q.nums[0], want)
		}
	}
}

func TestScopesOfFieldsWithDotsInTheirNames(t *testing.T) {
	s := storeOf(t, []Definition{{Name: "n", Kind: "count", Scope: []string{"user", "context.room.tag"}, On: On("click")}}, Options{})
	q := s.NewQuery()
	tag := func(name string) event.Attributes { return event.Attributes{{Key: "room.tag", Value: text(name)}} }
	e := &event.Event{Type: "click", User: "ann", Time: t0, Context: tag("chess")}
	q.Begin("ann", e.Context, t0)
	s.Apply(q, e, NoItem)
	for name, want := range map[string]float64{"chess": 1, "dance": 0} {
		q.Begin("ann", tag(name), t0)
		if q.prepare(); q.nums[0] != want {
			t.Errorf("%s: %v clicks, want %v", name, q.nums[0], want)
		}
	}
}

// sessionDefinitions have rows that last for two minutes after their last change, and one row that stays.
func sessionDefinitions() []Definition {
	return []Definition{
		{Name: "m", Kind: "count", Scope: []string{"session"}, On: On("click"), Window: time.Minute, Slide: 10 * time.Second},
		{Name: "k", Kind: "last_k", Scope: []string{"session"}, On: On("click"), N: 3, Window: time.Minute},
		{Name: "c", Kind: "count", Scope: []string{"item.categories[0]"}, On: On("click"), Window: time.Minute, Slide: 10 * time.Second},
		{Name: "all", Kind: "count", On: On("click"), Window: time.Minute, Slide: 10 * time.Second},
	}
}

func TestRowsThatHaveOutlivedTheirWindowsAreRemoved(t *testing.T) {
	s := storeOf(t, sessionDefinitions(), Options{NoRecall: true})
	q := s.NewQuery()
	at, most := t0, 0
	for i := range 5000 {
		at += event.Time(time.Second)
		visit(s, q, "click", fmt.Sprint("s", i), "mug", at)
		most = max(most, len(s.groups.byKey))
	}
	if most > 130 {
		t.Errorf("%d rows at once, where each lasts for two minutes of one new one a second", most)
	}
	if n := len(s.groups.keys); n > most+1 {
		t.Errorf("numbers up to %d were given, for %d rows at once", n, most)
	}
	s.Advance(at.Add(time.Hour)) // at most 64 at a time
	s.Advance(at.Add(time.Hour))
	if n := len(s.groups.byKey); n != 1 {
		t.Errorf("%d rows are left, want that of the whole world", n)
	}
}

func TestRowsThatCountForEverStay(t *testing.T) {
	for name, d := range map[string]Definition{
		"all time":               {Kind: "count", Scope: []string{"context.room"}, On: On("click")},
		"a window beside it":     {Kind: "count", Scope: []string{"context.room"}, On: On("click"), Window: time.Hour},
		"instants that stay":     {Kind: "last", Scope: []string{"context.room"}, On: On("click"), Value: "user"},
		"the global row, always": {Kind: "count", On: On("click"), Window: time.Minute},
	} {
		d.Name = "x"
		s := storeOf(t, []Definition{d, {Name: "y", Kind: "count", Scope: []string{"context.room"}, On: On("click")}}, Options{})
		q := s.NewQuery()
		e := &event.Event{Type: "click", User: "ann", Time: t0, Context: event.Attributes{{Key: "room", Value: text("r")}}}
		q.Begin("ann", e.Context, t0)
		s.Apply(q, e, NoItem)
		before := len(s.groups.byKey)
		if s.Advance(t0.Add(100 * 365 * 24 * time.Hour)); len(s.groups.byKey) != before {
			t.Errorf("%s: a row was removed", name)
		}
	}
}

// A removed row is remembered by items and queries; what they read and change afterwards is the new one, under a number
// that another key may have had.
func TestWhatRemembersARemovedRowFindsTheNewOne(t *testing.T) {
	s := storeOf(t, sessionDefinitions(), Options{NoRecall: true})
	for _, item := range []string{"mug", "pot"} {
		upsert(s, item, "of-"+item, 1)
	}
	q, reader := s.NewQuery(), s.NewQuery()
	mug, _ := s.LookupItem("mug")
	read := func(at event.Time) float64 {
		reader.Begin("ann", nil, at)
		reader.Item(new(Vector), mug)
		return reader.nums[2]
	}
	visit(s, q, "click", "s1", "mug", t0)
	if x := read(t0); x != 1 {
		t.Fatalf("%v clicks in the category, want 1", x)
	}
	later := t0.Add(time.Hour)
	visit(s, q, "click", "s2", "pot", later) // removes the mug's category and takes its number
	if x := read(later); x != 0 {
		t.Errorf("%v clicks in a category an hour later", x)
	}
	visit(s, q, "click", "s2", "mug", later)
	visit(s, q, "click", "s2", "mug", later)
	if x := read(later); x != 2 {
		t.Errorf("%v clicks in the category, want 2", x)
	}
}

// Which rows are there is a function of the log, whether or not the server was restarted meanwhile.
func TestARestartChangesNothingAboutWhatIsRemoved(t *testing.T) {
	fill := func(s *Store, from, to int) {
		q := s.NewQuery()
		for i := from; i < to; i++ {
			at := t0.Add(time.Duration(i) * time.Second)
			if i >= 600 {
				at = at.Add(time.Hour) // more are due at once than go at once
			}
			visit(s, q, "click", fmt.Sprint("s", i*7%(i/2+1)), fmt.Sprint("i", i%5), at)
		}
	}
	through, v := storeOf(t, sessionDefinitions(), Options{NoRecall: true}), newVault()
	fill(through, 0, 603)
	v.cut(through).commit()
	again := storeOf(t, sessionDefinitions(), Options{NoRecall: true})
	for _, key := range slices.Sorted(maps.Keys(v.entries)) {
		if ok, err := again.Load([]byte(key), v.entries[key], dirty.SumOf([]byte(key), v.entries[key])); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	again.LoadDone()
	for _, to := range []int{604, 605, 700} {
		for _, s := range []*Store{through, again} {
			fill(s, to-1, to)
		}
		w := newVault()
		v.cut(through).commit()
		w.cut(again).commit()
		if a, b := through.groups.set.Digest(), again.groups.set.Digest(); a != b {
			t.Errorf("after %d events: digest %v, and %v after a restart", to, a, b)
		}
		if a, b := len(through.groups.byKey), len(again.groups.byKey); a != b {
			t.Errorf("after %d events: %d rows, and %d after a restart", to, a, b)
		}
		for key := range v.entries {
			if _, live := through.groups.byKey[keyOf(key)]; key[0] == prefixGroup && !live {
				t.Errorf("after %d events the state still has the removed row %x", to, key)
			}
		}
	}
}

func keyOf(key string) (k uint64) {
	for _, b := range []byte(key[1:]) {
		k = k<<8 | uint64(b)
	}
	return k
}
