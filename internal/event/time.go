package event

import (
	"fmt"
	"math"
	"time"
)

const (
	nanosPerMilli  = int64(time.Millisecond)
	secondsPerDay  = 24 * 60 * 60
	maxUnixSeconds = math.MaxInt64/int64(time.Second) - 1 // year 2262
	minUnixSeconds = -maxUnixSeconds                      // year 1677
)

// ParseTime reads an RFC 3339 time with up to nanoseconds, between the years 1678 and 2261. Leap seconds
// and more than nine digits of fraction are refused.
func ParseTime(s string) (Time, error) {
	var days dayCache
	t, fault := days.parse(s)
	if fault != "" {
		return 0, fmt.Errorf("time %.40q %s", s, fault)
	}
	return t, nil
}

// AppendTime appends t as RFC 3339 in UTC with as many groups of three digits after the second as it needs.
func AppendTime(dst []byte, t Time) []byte {
	u := t.Time()
	year, month, day := u.Date()
	hour, minute, second := u.Clock()
	dst = append2(append2(dst, year/100), year%100)
	dst = append2(append(dst, '-'), int(month))
	dst = append2(append(dst, '-'), day)
	dst = append2(append(dst, 'T'), hour)
	dst = append2(append(dst, ':'), minute)
	dst = append2(append(dst, ':'), second)
	if nanos := u.Nanosecond(); nanos != 0 {
		dst = append3(append(dst, '.'), nanos/1e6)
		if nanos%1e6 != 0 {
			dst = append3(dst, nanos/1e3%1e3)
			if nanos%1e3 != 0 {
				dst = append3(dst, nanos%1e3)
			}
		}
	}
	return append(dst, 'Z')
}

// String returns t as RFC 3339.
func (t Time) String() string { return string(AppendTime(nil, t)) }

// MarshalText returns t as RFC 3339.
func (t Time) MarshalText() ([]byte, error) { return AppendTime(nil, t), nil }

// UnmarshalText reads RFC 3339.
func (t *Time) UnmarshalText(text []byte) (err error) {
	*t, err = ParseTime(string(text))
	return err
}

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func append3(dst []byte, n int) []byte { return append2(append(dst, byte('0'+n/100)), n%100) }

// dayCache remembers the day that was parsed last: events come in order of time, and the calendar is the
// dear part of parsing one.
type dayCache struct {
	text [10]byte
	unix int64 // seconds at its midnight, UTC
	set  bool
}

// parse returns the time, or what is wrong with it.
func (c *dayCache) parse(s string) (t Time, fault string) {
	if len(s) < len("2006-01-02T15:04:05Z") {
		return 0, "is not RFC 3339"
	}
	midnight, ok := c.day(s[:10])
	hour, ok1 := digits2(s[11:])
	minute, ok2 := digits2(s[14:])
	second, ok3 := digits2(s[17:])
	if !ok || !ok1 || !ok2 || !ok3 || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' ||
		hour > 23 || minute > 59 || second > 59 {
		return 0, "is not RFC 3339"
	}
	nanos, rest, ok := fraction(s[19:])
	if !ok {
		return 0, "is not RFC 3339 with up to nine digits of fraction"
	}
	offset, ok := zone(rest)
	if !ok {
		return 0, "has no valid zone"
	}
	unix := midnight + int64(hour*3600+minute*60+second) - offset
	if unix < minUnixSeconds || unix > maxUnixSeconds {
		return 0, "is outside the years 1678 to 2261"
	}
	return Time(unix*int64(time.Second) + nanos), ""
}

// day returns the midnight of a date in Unix seconds.
func (c *dayCache) day(s string) (int64, bool) {
	if c.set && s == string(c.text[:]) {
		return c.unix, true
	}
	century, ok := digits2(s)
	year, ok1 := digits2(s[2:])
	month, ok2 := digits2(s[5:])
	day, ok3 := digits2(s[8:])
	if !ok || !ok1 || !ok2 || !ok3 || s[4] != '-' || s[7] != '-' || month < 1 || month > 12 {
		return 0, false
	}
	date := time.Date(century*100+year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if date.Day() != day { // time.Date carries the 31st of February over into March
		return 0, false
	}
	copy(c.text[:], s)
	c.unix, c.set = date.Unix(), true
	return c.unix, true
}

func digits2(s string) (int, bool) {
	hi, lo := s[0]-'0', s[1]-'0'
	return int(hi)*10 + int(lo), hi <= 9 && lo <= 9
}

// fraction reads "", or a dot and one to nine digits, and returns what follows.
func fraction(s string) (nanos int64, rest string, ok bool) {
	if s == "" || s[0] != '.' {
		return 0, s, true
	}
	i, scale := 1, int64(time.Second)
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		if scale == 1 {
			return 0, "", false
		}
		nanos = nanos*10 + int64(s[i]-'0')
		scale /= 10
	}
	return nanos * scale, s[i:], i > 1
}

// zone reads Z or ±hh:mm and returns seconds east of UTC.
func zone(s string) (int64, bool) {
	if len(s) == 1 && s[0]|0x20 == 'z' {
		return 0, true
	}
	if len(s) != len("+01:00") || s[3] != ':' {
		return 0, false
	}
	hour, ok := digits2(s[1:])
	minute, ok1 := digits2(s[4:])
	offset := int64(hour*3600 + minute*60)
	if !ok || !ok1 || hour > 23 || minute > 59 {
		return 0, false
	}
	switch s[0] {
	case '+':
		return offset, true
	case '-':
		return -offset, true
	}
	return 0, false
}

// fromMillis converts Unix milliseconds, which may have a fraction; not ok outside the range of Time.
func fromMillis(ms float64) (Time, bool) {
	whole := math.Floor(ms)
	if !(math.Abs(ms) <= float64(maxUnixSeconds)*1000) {
		return 0, false
	}
	part := math.Round(float64((ms - whole) * float64(nanosPerMilli)))
	return Time(int64(whole)*nanosPerMilli + int64(part)), true
}
