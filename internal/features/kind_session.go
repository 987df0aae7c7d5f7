package features

import (
	"fmt"
	"math"

	"recsvc/internal/event"
)

// sessionKinds are about runs of activity.
func sessionKinds() []Kind {
	shared := keys(
		required("on", "events that a session consists of; `\"*\"`: all"), required("gap", "silence that ends a session: events that are further apart belong to two"),
		optional("n", "sessions kept, 1–1024: 16 bytes each; 64"), scopeKey, exactWindowKeys, ttlKey, numberKeys,
	)
	about := "A session is a maximal run of events of `on` of which each comes at most `gap` after the one before, by event time: a late event joins its session, or makes one " +
		"of two, as in Flink's session windows. The last `n` sessions are kept one by one: a late event older than all of them is passed over."
	return []Kind{
		{
			Name: "session_length", Group: "Sessions and presence",
			Doc: "Seconds that sessions last, from the first event to the last one. " + about +
				" With a `window`, `mean` and `total` are those of the sessions whose last event lies after now − `window`, exactly; without, of all there ever were.",
			Keys: shared,
			As: []Form{
				{"current", "seconds since the first event of the session under way; missing when the last event is longer ago than `gap`"},
				{"last", "length of the last session that is over; missing where there is none"},
				{"mean", "mean length, that of the session under way up to its last event included; missing where there is none"},
				{"total", "length of all of them together"},
			},
			Example: `
- {name: in_session_for, kind: session_length, scope: user, on: "*", gap: 30m}
- {name: session_mean_7d, kind: session_length, scope: user, on: "*", gap: 30m, window: 7d, as: mean}`,
			build: compileSessionLength,
		},
		{
			Name: "session_count", Group: "Sessions and presence",
			Doc:  "How many sessions there were. " + about + " With a `window`, those whose last event lies after now − `window`, exactly, and at most `n`; without, all there ever were.",
			Keys: shared, As: numberForms,
			Example: `
- {name: visits_30d, kind: session_count, scope: user, on: "*", gap: 30m, window: 30d, n: 256, as: log}`,
			build: compileSessionCount,
		},
		{
			Name: "retention", Group: "Sessions and presence",
			Doc: "On which of the last days, in UTC, the one of the reading included, there was at least one event of `on`. Late events count for their own day. " +
				"24 bytes for a key.",
			Keys: keys(required("on", "events of an active day; `\"*\"`: all"), required("window", "how many days are looked at, in whole days, 1d to 64d"), optional("windows", exactWindowKeys[1].Doc),
				scopeKey, ttlKey, numberKeys),
			As: []Form{
				{"days", "the number of active days"},
				{"share", "that number over the days of the window, in [0, 1]"},
				{"streak", "active days in a row, ending today or, while today has none, yesterday; at most the window"},
				{"days_since_first", "days since the first event ever, whatever the window; missing when there was none"},
			},
			Example: `
- {name: active_days, kind: retention, scope: user, on: "*", window: 28d, as: share}
- {name: streak, kind: retention, scope: user, on: [click, like], window: 64d, as: streak}`,
			build: compileRetention,
		},
	}
}

// sessions compiles what both kinds of sessions read.
func (c *compiler) sessions(d *Definition, f *feature) (v sessions, err error) {
	on, err := c.selection("on", d.On)
	if err != nil {
		return v, err
	}
	if err := c.exactWindow(d); err != nil {
		return v, err
	}
	if d.Gap <= 0 {
		return v, c.fail("gap", "must be longer than 0")
	}
	if d.N < 0 || d.N > 1024 {
		return v, c.fail("n", "must be 1 to 1024")
	}
	v = sessions{event.Time(d.Gap), d.N}
	if v.n == 0 {
		v.n = 64
	}
	f.numeric = true
	l := v.layout()
	return v, c.aggregate(d, f, l, fmt.Sprint("sessions", on.name, v), func(at place) {
		c.on(on, at, l, one, func(s slot, t *touch) { v.add(s, t.time) })
	})
}

func compileSessionCount(c *compiler, d *Definition, f *feature) error {
	v, err := c.sessions(d, f)
	form, window := forms[d.As], event.Time(d.Window)
	f.number = func(q *Query, f *feature) float64 {
		n, _ := v.total(q.cell(f.at), q.now, window)
		return form(n)
	}
	return err
}

func compileSessionLength(c *compiler, d *Definition, f *feature) error {
	v, err := c.sessions(d, f)
	if err != nil {
		return err
	}
	window := event.Time(d.Window)
	if window > 0 && (d.As == "current" || d.As == "last") {
		return c.fail("window", "is read as mean or total only: %s is about one session", d.As)
	}
	switch d.As {
	case "current":
		f.number = v.current
	case "last":
		f.number = v.over
	case "mean":
		f.number = func(q *Query, f *feature) float64 {
			n, seconds := v.total(q.cell(f.at), q.now, window)
			return seconds / n // 0/0: missing
		}
	case "total":
		f.number = func(q *Query, f *feature) float64 {
			_, seconds := v.total(q.cell(f.at), q.now, window)
			return seconds
		}
	}
	return nil
}

// current is how long the session under way has lasted.
func (v sessions) current(q *Query, f *feature) float64 {
	one, ok := v.last(q.cell(f.at).bag(0), 0)
	if !ok || q.now-one.end > v.gap {
		return math.NaN()
	}
	return max(0, float64(q.now-one.start)/1e9)
}

// over is the length of the last session that has ended.
func (v sessions) over(q *Query, f *feature) float64 {
	b := q.cell(f.at).bag(0)
	one, ok := v.last(b, 0)
	if ok && q.now-one.end <= v.gap {
		one, ok = v.last(b, 1)
	}
	if !ok {
		return math.NaN()
	}
	return one.length()
}
