package features

import (
	"math"
	"time"
	_ "time/tzdata" // for machines without a table of time zones
)

// clockKinds read the calendar.
func clockKinds() []Kind {
	return []Kind{{
		Name: "local_time", Group: "Time",
		Doc: "What a clock on the wall says in `time_zone`, at the event's or request's time or at the instant in `field`: as a category, as a number, or as the sine " +
			"and cosine of its place in its cycle, for which 23:59 and 0:00 are neighbours. Summer time is that of the zone's rules, as they stand on the machine, or " +
			"else as they were when the server was built.",
		Keys: keys(optional("field", "an instant (RFC 3339, or Unix milliseconds) in `item.FIELD`, `user.FIELD` or `context.FIELD`; absent: now"),
			optional("time_zone", "IANA name, such as `Asia/Shanghai`; UTC"), numberKeys),
		As: clockForms(),
		Example: `
- {name: hour, kind: local_time, time_zone: Asia/Shanghai}
- {name: hour_sin, kind: local_time, time_zone: Asia/Shanghai, as: minute_of_day_sin}
- {name: hour_cos, kind: local_time, time_zone: Asia/Shanghai, as: minute_of_day_cos}`,
		build: compileLocalTime,
	}}
}

// dial is one hand of the clock: numbers from first on, cycle of them.
type dial struct {
	name, doc    string
	first, cycle int
	read         func(time.Time) int
}

var dials = []dial{
	{"hour", "hour of the day, 0 to 23", 0, 24, time.Time.Hour},
	{"minute_of_day", "minutes since midnight, 0 to 1439", 0, 1440, func(t time.Time) int { return 60*t.Hour() + t.Minute() }},
	{"weekday", "day of the week, 0 (Sunday) to 6", 0, 7, func(t time.Time) int { return int(t.Weekday()) }},
	{"hour_of_week", "hours since Sunday began, 0 to 167", 0, 168, func(t time.Time) int { return 24*int(t.Weekday()) + t.Hour() }},
	{"weekend", "1 on Saturday and Sunday, else 0", 0, 2, weekend},
	{"day_of_month", "day of the month, 1 to 31", 1, 31, time.Time.Day},
	{"month", "month, 1 to 12", 1, 12, func(t time.Time) int { return int(t.Month()) }},
}

func weekend(t time.Time) int {
	if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
		return 1
	}
	return 0
}

// clockForms are the forms of every dial. A weekend has no cycle.
func clockForms() (out []Form) {
	for _, d := range dials {
		out = append(out, Form{d.name, d.doc + ", as a category"}, Form{d.name + "_number", "the same as a number"})
		if d.name != "weekend" {
			out = append(out, Form{d.name + "_sin", "sine of its place in the cycle, in [−1, 1]"}, Form{d.name + "_cos", "cosine of it"})
		}
	}
	return out
}

func compileLocalTime(c *compiler, d *Definition, f *feature) error {
	zone, err := time.LoadLocation(d.TimeZone) // UTC where it is empty
	if err != nil || d.TimeZone == "Local" {
		return c.fail("time_zone", "no time zone %q: write an IANA name, such as Asia/Shanghai", d.TimeZone)
	}
	instant := func(q *Query, _ *feature) (int64, bool) { return int64(q.now), true }
	if d.Field != "" {
		fl, err := c.attribute("field", d.Field)
		if err != nil {
			return err
		}
		fl.form = formInstant
		f.field, f.byItem = c.field(fl), fl.source == fromItem
		instant = func(q *Query, f *feature) (int64, bool) {
			seconds := q.field(f.field).num
			if !(math.Abs(seconds) < 9e9) { // what an int64 of nanoseconds holds
				return 0, false
			}
			return int64(math.Round(seconds*1e3)) * 1e6, true
		}
	}
	read := func(q *Query, f *feature, d *dial) (int, bool) {
		ns, ok := instant(q, f)
		if !ok {
			return 0, false
		}
		return d.read(time.Unix(0, ns).In(zone)), true
	}
	for i := range dials {
		if dials[i].make(c, f, d.As, read) {
			return nil
		}
	}
	return c.fail("as", "%q is no hand of a clock", d.As)
}

// make gives a feature the form of a dial, if as is one.
func (d *dial) make(c *compiler, f *feature, as string, read func(*Query, *feature, *dial) (int, bool)) bool {
	circle := func(of func(float64) float64) func(int) float64 {
		return func(n int) float64 { return of(2 * math.Pi * float64(n-d.first) / float64(d.cycle)) }
	}
	var number func(int) float64
	switch as {
	case d.name:
		ids := make([]uint64, d.cycle)
		for i := range ids {
			ids[i] = c.spell(string(appendNumber(nil, float64(d.first+i))))
		}
		f.single = true
		f.category = func(q *Query, f *feature) category {
			n, ok := read(q, f, d)
			if !ok {
				return category{}
			}
			return category{id: ids[n-d.first]}
		}
		return true
	case d.name + "_number":
		number = func(n int) float64 { return float64(n) }
	case d.name + "_sin":
		number = circle(math.Sin)
	case d.name + "_cos":
		number = circle(math.Cos)
	default:
		return false
	}
	f.numeric = true
	f.number = func(q *Query, f *feature) float64 {
		n, ok := read(q, f, d)
		if !ok {
			return math.NaN()
		}
		return number(n)
	}
	return true
}
