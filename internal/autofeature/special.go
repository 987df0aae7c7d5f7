package autofeature

import (
	"strings"

	"recsvc/internal/event"
	"recsvc/internal/lexical"
)

// share is the part of the values that hold.
func (v *values) share(holds func(event.Value) bool) float64 {
	n := 0
	for _, x := range v.samples {
		if holds(x) {
			n++
		}
	}
	return float64(n) / float64(max(1, len(v.samples)))
}

// special names fields that are of no use as they stand, and what reads them; "": it is none of them.
func (st *study) special(f *Field, v *values) string {
	switch {
	case v.share(isPoint) > 0.95:
		return "a point on the globe: a feature of the kind geo_distance measures how far two of them are apart"
	case v.share(isVector) > 0.95:
		return "a vector: a feature of a kind for vectors reads it, such as vector_decay for the short-term interest"
	case v.share(isURL) > 0.9:
		return "an address: the kind referer tells where it leads"
	case v.share(isAgent) > 0.9:
		return "a user agent: the kind user_agent tells device, browser and system"
	case v.share(isText) > 0.7 && f.Values > 50:
		return "a text: kinds for text read it, such as keyword, word_count and sentiment"
	}
	return ""
}

func isPoint(x event.Value) bool {
	if x.Kind == event.List {
		if len(x.List) != 2 || !strings.Contains(x.List[0]+x.List[1], ".") {
			return false
		}
		_, ok := lexical.ParsePointList(x.List)
		return ok
	}
	_, ok := lexical.ParsePoint(x.Str)
	return ok && x.Kind == event.String && strings.Contains(x.Str, ".")
}

func isVector(x event.Value) bool {
	switch x.Kind {
	case event.List:
		v, ok := lexical.ParseVectorList(nil, x.List)
		return ok && len(v) > 2 && strings.Contains(strings.Join(x.List, ""), ".")
	case event.String:
		v, ok := lexical.ParseVector(nil, x.Str)
		return ok && len(v) > 2
	}
	return false
}

func isURL(x event.Value) bool {
	return x.Kind == event.String && (strings.HasPrefix(x.Str, "https://") || strings.HasPrefix(x.Str, "http://"))
}

func isAgent(x event.Value) bool {
	return x.Kind == event.String && (strings.HasPrefix(x.Str, "Mozilla/") || strings.Contains(x.Str, "AppleWebKit/") || strings.HasPrefix(x.Str, "okhttp/"))
}

// isText takes four words or more for a text.
func isText(x event.Value) bool { return x.Kind == event.String && lexical.Words(x.Str) >= 4 }

// isInstant reports whether a field holds times, as the kind age reads them: RFC 3339, or Unix milliseconds.
func (f *Field) isInstant(v *values) bool {
	if f.from == inTime {
		return false
	}
	return v.share(func(x event.Value) bool { _, ok := instant(x); return ok }) > 0.95
}

// instant reads a time: RFC 3339, or Unix milliseconds between 1990 and 2100.
func instant(x event.Value) (t event.Time, ok bool) {
	const least, most = 631152000000, 4102444800000 // Unix milliseconds
	switch x.Kind {
	case event.String:
		if t, err := event.ParseTime(x.Str); err == nil {
			return t, true
		}
	case event.Number:
		if x.Num >= least && x.Num <= most {
			return event.Time(int64(x.Num) * 1e6), true
		}
	}
	return 0, false
}
