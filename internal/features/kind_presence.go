package features

import (
	"fmt"
	"math"
	"slices"

	"recsvc/internal/event"
)

// presenceKinds are about who is where.
func presenceKinds() []Kind {
	shared := []Key{
		required("on", "events by which one enters"), optional("off", "events by which one leaves"),
		optional("timeout", "silence after which one is taken to have left: no event of any type under the same key for longer; `off`, `timeout` or both are needed"),
	}
	return []Kind{
		{
			Name: "presence", Group: "Sessions and presence",
			Doc: "Who has entered, and not left. With the user in the scope, as in `[user, context.room]`, 1 while the user is there, else 0. Without, as in `[context.room]`, the number of people who are. " +
				"Entries and exits count in order of event time (of equal times, of the log). Someone who acts after a silence longer than `timeout` is there again, as the exit never came; when the silence was longer " +
				"than `timeout` by a day, only after entering. A number of people takes 32 bytes for each of those who were active last, `n` at most: beyond, it is too low. It is counted whenever it is read, for each candidate when the scope names an item.",
			Keys: keys(shared, optional("n", "people remembered for one key of a scope without the user, 1–4000; 1000"), scopeKey, ttlKey, numberKeys),
			As:   numberForms,
			Example: `
- {name: in_room, kind: presence, scope: [user, context.room], on: enter, off: exit, timeout: 10m}
- {name: room_size, kind: presence, scope: context.room, on: enter, off: exit, timeout: 10m, as: log}`,
			build: compilePresence,
		},
		{
			Name: "stay", Group: "Sessions and presence",
			Doc: "Seconds that a user has been there for, from entering to leaving. A silence longer than `timeout` ends a stay at the last event before it; the next event of any type, within a day, begins another one. " +
				"A second entry without an exit between changes nothing. Late events count as if they had come in time, as long as they are among the last 32 entries, exits and events that bridge silences (16 bytes " +
				"each); older ones are passed over. Missing where there is no such stay.",
			Keys: keys(shared, required("scope", "a key that the user is part of, such as `[user, context.room]`"), ttlKey, numberKeys),
			As: []Form{
				{"current", "seconds since entering, while the user is there"},
				{"last", "length of the last stay that is over"},
			},
			Example: `
- {name: in_room_for, kind: stay, scope: [user, context.room], on: enter, off: exit, timeout: 10m}
- {name: last_visit, kind: stay, scope: user, on: enter, off: exit, timeout: 10m, as: last}`,
			build: compileStay,
		},
	}
}

// motions are the selections of events that tell where someone is.
type motions struct {
	on, off selection
	timeout event.Time
	name    string // canonical
}

func (c *compiler) motions(d *Definition) (m motions, err error) {
	if m.on, err = c.selection("on", d.On); err != nil {
		return m, err
	}
	switch gives := len(d.Off.Types) > 0 || d.Off.Where != ""; {
	case d.Timeout < 0:
		return m, c.fail("timeout", "must be longer than 0")
	case gives:
		m.off, err = c.selection("off", d.Off)
	case d.Timeout == 0:
		err = c.fail("off", "is missing, and so is timeout: nobody would ever leave; give one of them or both")
	}
	m.timeout = event.Time(d.Timeout)
	m.name = fmt.Sprint(m.on.name, "|", m.off.name, "|", m.timeout > 0)
	return m, err
}

// enter lets events change a cell. With a timeout all events do that have its key.
func (m *motions) enter(c *compiler, at place, l layout, move func(slot, *touch, motion)) {
	if m.timeout > 0 {
		c.on(selection{types: []string{AnyType}}, at, l, one, func(s slot, t *touch) {
			if !m.on.has(t) && !m.off.has(t) {
				move(s, t, acted)
			}
		})
	}
	c.on(m.on, at, l, one, func(s slot, t *touch) { move(s, t, entered) })
	c.on(m.off, at, l, one, func(s slot, t *touch) { move(s, t, left) })
}

// has reports whether a selection has the event.
func (s *selection) has(t *touch) bool {
	return (slices.Contains(s.types, t.e.Type) || slices.Contains(s.types, AnyType)) && (s.where == nil || s.where.holds(t))
}

func compilePresence(c *compiler, d *Definition, f *feature) error {
	m, err := c.motions(d)
	if err != nil {
		return err
	}
	if d.N < 0 || d.N > 4000 {
		return c.fail("n", "must be 1 to 4000")
	}
	form := forms[d.As]
	f.numeric = true
	if !slices.Contains(d.Scope, "user") {
		people := crowd{n: 1000, timeout: m.timeout}
		if d.N > 0 {
			people.n = d.N
		}
		f.number = func(q *Query, f *feature) float64 { return form(float64(people.count(q.cell(f.at), q.now))) }
		l := people.layout()
		return c.aggregate(d, f, l, fmt.Sprint("crowd", m.name, people), func(at place) {
			m.enter(c, at, l, func(s slot, t *touch, how motion) { people.move(s, t.q.hash, t.time, how) })
		})
	}
	if d.N > 0 {
		return c.fail("n", "bounds the people of a scope without the user: there is one here")
	}
	f.number = func(q *Query, f *feature) float64 {
		if s := q.cell(f.at); s.w != nil && present(s.w).at(q.now, m.timeout) {
			return form(1)
		}
		return 0
	}
	l := layout{words: presentWords}
	return c.aggregate(d, f, l, fmt.Sprint("present", m.name, m.timeout), func(at place) {
		m.enter(c, at, l, func(s slot, t *touch, how motion) { present(s.w).move(t.time, how, m.timeout) })
	})
}

func compileStay(c *compiler, d *Definition, f *feature) error {
	m, err := c.motions(d)
	if err != nil {
		return err
	}
	if !slices.Contains(d.Scope, "user") {
		return c.fail("scope", "a stay is that of one user: name the user, as in [user, context.room]")
	}
	v := visits{m.timeout}
	f.numeric = true
	f.number = func(q *Query, f *feature) float64 {
		now := v.now(q.cell(f.at), q.now)
		switch {
		case d.As == "last" && now.over:
			return float64(now.last) / 1e9
		case d.As == "current" && now.there:
			return max(0, float64(q.now-now.since)/1e9)
		}
		return math.NaN()
	}
	l := v.layout()
	return c.aggregate(d, f, l, fmt.Sprint("stays", m.name, v), func(at place) {
		m.enter(c, at, l, func(s slot, t *touch, how motion) { v.mark(s, t.time, how) })
	})
}
