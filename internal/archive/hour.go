package archive

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"recsvc/internal/event"
)

// hour is a directory of the archive: one kind of record in one hour of UTC.
type hour struct {
	kind event.Kind
	unix int64 // hours since 1970, towards the past
}

const nanosPerHour = int64(time.Hour)

// hourOf returns where a record belongs.
func hourOf(r *event.Record) hour {
	t := int64(timeOf(r))
	n := t / nanosPerHour
	if t%nanosPerHour < 0 {
		n--
	}
	return hour{r.Kind, n}
}

// timeOf returns the instant by which a record is filed: when it happened, or else when it was received.
func timeOf(r *event.Record) event.Time {
	t := event.Time(0)
	switch r.Kind {
	case event.KindEvent:
		t = r.Event.Time
	case event.KindServed:
		t = r.Served.Time
	case event.KindTick:
		t = r.Tick.Time
	}
	if t == 0 {
		return r.Received
	}
	return t
}

// dir returns the path below the archive.
func (h hour) dir() string {
	t := time.Unix(h.unix*3600, 0).UTC()
	return filepath.Join("kind="+h.kind.String(), "date="+t.Format(time.DateOnly), fmt.Sprintf("hour=%d", t.Hour()))
}

// span is what the names of a file's directories say of its records.
type span struct {
	kind       event.Kind // 0: nothing
	start, end event.Time // of the date, or of the hour; both 0: nothing
}

// parseSpan reads the directories of a path that are named key=value. What they do not say is left open.
func parseSpan(path string) (s span) {
	var day time.Time
	for _, name := range strings.Split(filepath.ToSlash(filepath.Dir(path)), "/") {
		key, value, _ := strings.Cut(name, "=")
		switch key {
		case "kind":
			if k, err := event.ParseKind(value); err == nil && value != "" {
				s.kind = k
			}
		case "date":
			if t, err := time.Parse(time.DateOnly, value); err == nil {
				day = t
				s.start, s.end = event.FromTime(t), event.FromTime(t.AddDate(0, 0, 1))
			}
		case "hour":
			if n, err := strconv.Atoi(value); err == nil && n >= 0 && n < 24 && !day.IsZero() {
				s.start = event.FromTime(day.Add(time.Duration(n) * time.Hour))
				s.end = s.start.Add(time.Hour)
			}
		}
	}
	return s
}

// partName is the name of the file of records first to last.
func partName(first, last int64) string { return fmt.Sprintf("part-%020d-%020d.parquet", first, last) }

// parsePartName reports the places of the first and last record that a name carries; false for files of other kinds.
func parsePartName(name string) (first, last int64, ok bool) {
	rest, ok1 := strings.CutPrefix(name, "part-")
	rest, ok2 := strings.CutSuffix(rest, ".parquet")
	a, b, ok3 := strings.Cut(rest, "-")
	if !ok1 || !ok2 || !ok3 || len(a) != 20 || len(b) != 20 {
		return 0, 0, false
	}
	first, err1 := strconv.ParseInt(a, 10, 64)
	last, err2 := strconv.ParseInt(b, 10, 64)
	return first, last, err1 == nil && err2 == nil && first >= 0 && first <= last
}
