package sql

import (
	"strconv"
	"strings"
	"time"
)

// groupWindow reads HOP(ts, slide, size) and TUMBLE(ts, size).
func (c *compiler) groupWindow(f node) window {
	name, args := strings.ToUpper(f.last("funcname")), f.list("args")
	want := map[string]int{"HOP": 3, "TUMBLE": 2}[name]
	if len(args) != want {
		c.refuse(f, "%s takes ts and %s", name, map[string]string{"HOP": "two intervals: the slide and the size", "TUMBLE": "one interval"}[name])
	}
	c.isTime(args[0])
	w := window{form: timeWindow, size: c.interval(args[want-1])}
	w.slide = w.size // a tumbling window has one tile
	if name == "HOP" {
		w.slide = c.interval(args[1])
	}
	if w.size%w.slide != 0 {
		c.refuse(f, "the slide of %v does not divide the window of %v", w.slide, w.size)
	}
	return w
}

func (c *compiler) isTime(n node) {
	if name, ok := c.column(n); !ok || name != "ts" {
		c.refuse(n, "windows are over ts, the time of the event")
	}
}

// PostgreSQL's bits for what stands behind OVER (nodes/parsenodes.h).
const (
	frameRange           = 0x2
	frameRows            = 0x4
	frameGroups          = 0x8
	frameUnboundedBefore = 0x20
	frameEndsHere        = 0x400
	frameOffsetBefore    = 0x800
	frameExclusions      = 0x8000 | 0x10000 | 0x20000
)

// over reads OVER (PARTITION BY … ORDER BY ts RANGE|ROWS BETWEEN … PRECEDING AND CURRENT ROW).
func (c *compiler) over(f, n node) (scope []string, w window) {
	for _, p := range n.list("partitionClause") {
		scope = append(scope, c.part(p))
	}
	order := n.list("orderClause")
	if len(order) != 1 || order[0].text("sortby_dir") == "SORTBY_DESC" {
		c.refuse(f, "write OVER (PARTITION BY … ORDER BY ts …): events are in the order of their time")
	}
	c.isTime(order[0].child("node"))
	frame := n.number("frameOptions")
	if frame&frameEndsHere == 0 || frame&(frameGroups|frameExclusions) != 0 {
		c.refuse(f, "a window ends with the present: write RANGE or ROWS BETWEEN … PRECEDING AND CURRENT ROW")
	}
	start := n.child("startOffset")
	switch {
	case frame&frameUnboundedBefore != 0:
		return scope, window{}
	case frame&frameOffsetBefore == 0 || start.none():
		c.refuse(f, "a window begins before the present: write RANGE BETWEEN INTERVAL '5' MINUTE PRECEDING AND CURRENT ROW, or ROWS BETWEEN 10 PRECEDING AND CURRENT ROW")
	case frame&frameRange != 0:
		return scope, window{form: timeWindow, size: c.interval(start)}
	}
	x, ok := start.value().(float64)
	if !ok || x < 0 || x > 63 || x != float64(int(x)) {
		c.refuse(start, "ROWS takes a whole number of 0 to 63 rows before the present one")
	}
	return scope, window{form: rowWindow, rows: int(x) + 1}
}

// units of an interval: PostgreSQL's bit in INTERVAL '5' MINUTE, and the words in INTERVAL '5 minutes'. Months and years have no fixed length.
var units = []struct {
	bit  int
	word string
	size time.Duration
}{
	{1 << 12, "second", time.Second}, {1 << 11, "minute", time.Minute}, {1 << 10, "hour", time.Hour}, {1 << 3, "day", 24 * time.Hour},
	{0, "week", 7 * 24 * time.Hour}, {0, "millisecond", time.Millisecond},
}

// interval reads INTERVAL '10' SECOND and INTERVAL '1 hour 30 minutes'.
func (c *compiler) interval(n node) time.Duration {
	arg := n.child("arg")
	text, ok := arg.value().(string)
	if n.kind != "TypeCast" || nodeType(n) != "interval" || !ok {
		c.refuse(n, "must be an interval: INTERVAL '10' SECOND")
	}
	unit := time.Duration(0)
	if mods := typeMods(n); len(mods) > 0 {
		for _, u := range units {
			if u.bit != 0 && mods[0] == u.bit {
				unit = u.size
			}
		}
		if unit == 0 {
			c.refuse(n, "seconds, minutes, hours and days have a fixed length: count in these")
		}
	}
	d, ok := duration(text, unit)
	if !ok || d <= 0 {
		c.refuse(arg, "%q is no interval above 0 in seconds, minutes, hours, days or weeks", text)
	}
	return d
}

// duration reads a number, when unit is given, or pairs of a number and a unit.
func duration(text string, unit time.Duration) (time.Duration, bool) {
	fields := strings.Fields(strings.ToLower(text))
	if unit > 0 {
		fields = append(fields, "")
	}
	if len(fields) == 0 || len(fields)%2 != 0 || unit > 0 && len(fields) != 2 {
		return 0, false
	}
	var sum float64
	for i := 0; i < len(fields); i += 2 {
		x, err := strconv.ParseFloat(fields[i], 64)
		size := unit
		for _, u := range units {
			if fields[i+1] == u.word || fields[i+1] == u.word+"s" {
				size = u.size
			}
		}
		if err != nil || size == 0 {
			return 0, false
		}
		sum += x * float64(size)
	}
	if !(sum < 1<<62) {
		return 0, false
	}
	return time.Duration(sum), true
}

// nodeType is the name of the type that a TypeCast casts to.
func nodeType(cast node) string {
	m, _ := cast.fields["typeName"].(map[string]any)
	return node{"TypeName", m}.last("names")
}

func typeMods(cast node) []int {
	m, _ := cast.fields["typeName"].(map[string]any)
	var out []int
	for _, mod := range (node{"TypeName", m}).list("typmods") {
		if x, ok := mod.value().(float64); ok {
			out = append(out, int(x))
		}
	}
	return out
}
