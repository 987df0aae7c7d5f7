package feedback

import (
	"reflect"
	"testing"
	"time"
)

func TestCounters(t *testing.T) {
	for _, tc := range []struct {
		name, script string
		options      Options
		want         Counters
	}{
		{
			name:    "an outcome outside its window is late, before and after the impression is closed",
			options: click(),
			script: `exposure u/a @10 r=r
				wm 11
				click u/a @40.001 r=r
				wm 41
				click u/a @20 r=r
				click u/a @20
				click u/a @90000 r=r`,
			want: Counters{Exposures: 1, Heads: []HeadCounters{{Negative: 1, LateOutcomes: 4}}},
		},
		{
			name:    "an outcome at the very end of its window counts",
			options: click(),
			script: `exposure u/a @10 r=r
				click u/a @40 r=r`,
			want: Counters{Exposures: 1, Heads: []HeadCounters{{Positive: 1}}},
		},
		{
			name:    "a head that is closed takes no more outcomes while another is open",
			options: two(Correct),
			script: `exposure u/a @10 r=r
				wm 50
				click u/a @20 r=r
				dwell u/a @30 r=r v=30`,
			want: Counters{Exposures: 1, Heads: []HeadCounters{{Negative: 1, LateOutcomes: 1}, {Positive: 1}}},
		},
		{
			name:    "the second positive of a head is a duplicate, also while it waits",
			options: click(),
			script: `exposure u/a @10 r=r
				click u/a @11 r=r
				click u/a @12 r=r
				click u/b @11 r=r
				click u/b @12 r=r
				exposure u/b @11 r=r`,
			want: Counters{Exposures: 2, Heads: []HeadCounters{{Positive: 2, DuplicateOutcomes: 2}}},
		},
		{
			name:    "an outcome that waited is late when its exposure turns out to be too old",
			options: click(),
			script: `click u/a @60 r=r
				exposure u/a @10 r=r`,
			want: Counters{Exposures: 1, Heads: []HeadCounters{{Pending: 1, LateOutcomes: 1}}},
		},
		{
			name:    "a repeated exposure of a request is a duplicate, before and after it is closed",
			options: click(),
			script: `exposure u/a @10 r=r
				exposure u/a @12 r=r
				exposure u/a @12
				wm 100
				exposure u/a @12 r=r`,
			want: Counters{Exposures: 2, DuplicateExposures: 2, Heads: []HeadCounters{{Negative: 2}}},
		},
		{
			name:    "served items that nobody saw are dropped",
			options: click(),
			script: `served u @10 r=r a b b c
				exposure u/a @11 r=r
				served u @10 r=r a b
				wm 40
				wm 40.001`,
			want: Counters{Exposures: 1, Served: 3, Unexposed: 2, Heads: []HeadCounters{{Pending: 1}}},
		},
		{
			name:    "captured late is counted once, what comes after is a duplicate or late",
			options: two(Close),
			script: `click u/a @11 r=r
				served u @9 r=r a
				exposure u/a @10 r=r
				click u/a @12 r=r
				served u @9 r=r a`,
			want: Counters{
				Exposures: 1, ImpliedExposures: 1, DuplicateExposures: 1, CapturedLate: 1,
				Heads: []HeadCounters{{LateOutcomes: 1}, {}},
			},
		},
		{
			name:    "an exposure after its outcome has implied it is a duplicate",
			options: click(),
			script: `click u/a @11 r=r
				click u/b @11
				wm 17
				exposure u/a @10 r=r
				exposure u/b @10 r=q
				click u/b @12 r=q`,
			want: Counters{
				Exposures: 2, ImpliedExposures: 2, DuplicateExposures: 2,
				Heads: []HeadCounters{{Positive: 2, DuplicateOutcomes: 1}},
			},
		},
		{
			name:    "events without an item, of other types, and empty requests of lists have no effect",
			options: click(),
			script: `search u/ @11
				click u/ @11
				view u/a @11 r=r
				served u @10 a b`,
			want: Counters{Heads: []HeadCounters{{}}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, tc.options)
			r.run(tc.script)
			for h := range tc.want.Heads {
				tc.want.Heads[h].Name = r.head(h)
			}
			if got := r.j.Counters(); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

func TestClosedImpressionsAreForgottenAfterTheLateMemory(t *testing.T) {
	o := click()
	o.LateMemory = 2 * time.Hour
	r := newRig(t, o)
	r.run("exposure u/a @10 r=r\nwm 41")
	end := seconds("3600") + o2e(o.LateMemory) // closed in the first hour
	r.j.Advance(end - 1)
	if m := r.j.Match(parseEvent([]string{"click", "u/a", "@10", "r=r"})); !m.Late || m.Capture {
		t.Errorf("shortly before: %+v", m)
	}
	r.j.Advance(end)
	if m := r.j.Match(parseEvent([]string{"click", "u/a", "@10", "r=r"})); m.Late || !m.Capture {
		t.Errorf("after: %+v", m)
	}
	if n := r.j.tombs.known.Len(); n != 0 {
		t.Errorf("%d hashes are still in memory", n)
	}
}

func TestAnOutcomeWithoutARequestIsComparedWithABoundedNumberOfExposures(t *testing.T) {
	r := newRig(t, click())
	for range maxWalk {
		r.do("exposure u/a @20")
	}
	r.run("exposure u/a @10")
	if m := r.j.Match(parseEvent(fields("click u/a @15"))); !m.Joined {
		t.Errorf("the newest one: %+v", m)
	}
	r.run("exposure u/a @20")
	for range maxWalk {
		r.do("exposure u/a @30")
	}
	if m := r.j.Match(parseEvent(fields("click u/a @15"))); m.Joined {
		t.Errorf("behind %d later ones: %+v", maxWalk, m)
	}
}

func TestMatch(t *testing.T) {
	type view struct {
		Joined, Capture, Duplicate, Late bool
		Position                         int32
		Context                          string
	}
	script := `served u @9 r=r ctx=city:Bern,room:1 a b c
		exposure u/a @10 r=r
		exposure u/b @10 r=r ctx=price:7,room:2 pos=5
		exposure u/x @10 ctx=tab:3
		click u/w @11 r=r ctx=tab:4
		exposure u/old @1 r=old
		wm 9
		served u @1 r=old old2
		exposure u/gone @-60 r=gone
		wm 35`
	for _, tc := range []struct {
		name, event string
		want        view
	}{
		{"an outcome takes context and position of the served list", "click u/a @11 r=r",
			view{Joined: true, Position: 1, Context: "city:Bern,room:1"}},
		{"an exposure's own context lies over that of its list", "click u/b @11 r=r",
			view{Joined: true, Position: 5, Context: "city:Bern,price:7,room:2"}},
		{"an event's own context lies over all", "click u/b @11 r=r ctx=room:3,zoom:1 pos=6",
			view{Joined: true, Position: 6, Context: "city:Bern,price:7,room:3,zoom:1"}},
		{"an exposure takes the context of its served list", "exposure u/c @11 r=r",
			view{Joined: true, Position: 3, Context: "city:Bern,room:1"}},
		{"events of any type inherit", "zoom u/x @12", view{Joined: true, Context: "tab:3"}},
		{"the same exposure again is a duplicate", "exposure u/a @10 r=r",
			view{Joined: true, Duplicate: true, Position: 1, Context: "city:Bern,room:1"}},
		{"a new exposure wants a capture", "exposure u/n @12 r=n ctx=tab:1", view{Capture: true, Context: "tab:1"}},
		{"an outcome of nothing wants a capture", "click u/n @12", view{Capture: true}},
		{"another event of nothing wants none", "zoom u/n @12", view{}},
		{"another user's outcome without a request is of nothing", "click v/a @12", view{Capture: true}},
		{"a second outcome joins the one that waits, or is implied", "click u/w @13 r=r", view{Joined: true, Context: "tab:4"}},
		{"an outcome of what is closed is late", "click u/gone @-59 r=gone", view{Late: true}},
		{"so it is without a request", "click u/gone @-59", view{Late: true}},
		{"an exposure of what is closed is a duplicate", "exposure u/gone @-59 r=gone", view{Duplicate: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, click())
			r.run(script)
			e := parseEvent(fields(tc.event))
			m := r.j.Match(e)
			got := view{m.Joined, m.Capture, m.Duplicate, m.Late, m.Position, showContext(r.j.Context(e, m))}
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}
