package event

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the JSON form of a record: its body only, since kind, place and receipt time travel
// beside it. It panics on a kind that does not exist.
func AppendJSON(dst []byte, r *Record) []byte {
	switch r.Kind {
	case KindEvent:
		return r.Event.AppendJSON(dst)
	case KindItem:
		return r.Item.AppendJSON(dst)
	case KindUser:
		return r.User.AppendJSON(dst)
	case KindServed:
		return r.Served.AppendJSON(dst)
	case KindControl:
		return r.Control.AppendJSON(dst)
	case KindTick:
		return r.Tick.AppendJSON(dst)
	case KindDeadLetter:
		return r.DeadLetter.AppendJSON(dst)
	}
	panic(fmt.Sprintf("append JSON: %v", r.Kind))
}

// AppendJSON appends e as an object that DecodeEvent reads back.
func (e *Event) AppendJSON(dst []byte) []byte {
	w := objectWriter{dst: append(dst, '{')}
	w.text("id", e.ID)
	w.text("type", e.Type)
	w.text("user", e.User)
	w.text("item", e.Item)
	w.time("ts", e.Time)
	w.text("request", e.Request)
	if e.Position != 0 {
		w.number("position", float64(e.Position))
	}
	if e.Propensity != 0 {
		w.number("propensity", e.Propensity)
	}
	if e.HasValue {
		w.number("value", e.Value)
	}
	w.text("text", e.Text)
	w.text("session", e.Session)
	w.attributes("context", e.Context)
	return append(w.dst, '}')
}

// AppendJSON appends item as an object that DecodeItem reads back.
func (item *Item) AppendJSON(dst []byte) []byte {
	w := objectWriter{dst: append(dst, '{')}
	w.text("item", item.ID)
	if item.Deleted {
		w.key(deletedKey)
		w.dst = append(w.dst, "true"...)
	}
	w.members(item.Attrs)
	return append(w.dst, '}')
}

// AppendJSON appends u as an object that DecodeUser reads back.
func (u *User) AppendJSON(dst []byte) []byte {
	w := objectWriter{dst: append(dst, '{')}
	w.text("user", u.ID)
	w.members(u.Attrs)
	return append(w.dst, '}')
}

// AppendJSON appends s as an object.
func (s *Served) AppendJSON(dst []byte) []byte {
	w := objectWriter{dst: append(dst, '{')}
	w.text("request", s.Request)
	w.text("user", s.User)
	w.text("scene", s.Scene)
	w.time("ts", s.Time)
	w.text("model", s.Model)
	w.text("variant", s.Variant)
	w.attributes("context", s.Context)
	if s.Swap != [2]int32{} {
		w.key("swap")
		w.dst = fmt.Appendf(w.dst, "[%d,%d]", s.Swap[0], s.Swap[1])
	}
	if len(s.Items) > 0 {
		w.key("items")
		for i := range s.Items {
			w.dst = s.Items[i].append(append(w.dst, "[,"[min(i, 1)]))
		}
		w.dst = append(w.dst, ']')
	}
	return append(w.dst, '}')
}

func (s *ServedItem) append(dst []byte) []byte {
	w := objectWriter{dst: append(dst, '{')}
	w.text("item", s.Item)
	w.number("score", s.Score)
	if s.Propensity != 0 {
		w.number("propensity", s.Propensity)
	}
	return append(w.dst, '}')
}

// AppendJSON appends c as an object.
func (c *Control) AppendJSON(dst []byte) []byte {
	w := objectWriter{dst: append(dst, '{')}
	w.text("type", c.Type)
	w.attributes("attributes", c.Attrs)
	return append(w.dst, '}')
}

// AppendJSON appends t as an object.
func (t *Tick) AppendJSON(dst []byte) []byte {
	w := objectWriter{dst: append(dst, '{')}
	w.time("ts", t.Time)
	return append(w.dst, '}')
}

// AppendJSON appends l as an object, its bytes in base64: they need not be UTF-8.
func (l *DeadLetter) AppendJSON(dst []byte) []byte {
	w := objectWriter{dst: append(dst, '{')}
	w.text("source", l.Source)
	w.text("reason", l.Reason)
	w.text("detail", l.Detail)
	w.text("place", l.Place)
	if len(l.Bytes) > 0 {
		w.key("bytes")
		w.dst = append(base64.StdEncoding.AppendEncode(append(w.dst, '"'), l.Bytes), '"')
	}
	w.number("size", float64(l.Size))
	return append(w.dst, '}')
}

// AppendJSON appends a as an object.
func (a Attributes) AppendJSON(dst []byte) []byte {
	w := objectWriter{dst: append(dst, '{')}
	w.members(a)
	return append(w.dst, '}')
}

// MarshalJSON returns a as an object.
func (a Attributes) MarshalJSON() ([]byte, error) { return a.AppendJSON(nil), nil }

// AppendJSON appends v.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.Kind {
	case Number:
		return appendNumber(dst, v.Num)
	case Bool:
		return strconv.AppendBool(dst, v.Num != 0)
	case String:
		return AppendString(dst, v.Str)
	case List:
		dst = append(dst, '[')
		for i, s := range v.List {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendString(dst, s)
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}

// MarshalJSON returns v as JSON.
func (v Value) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// objectWriter writes the members of one object. Absent fields are left out.
type objectWriter struct{ dst []byte }

func (w *objectWriter) key(name string) {
	if w.dst[len(w.dst)-1] != '{' {
		w.dst = append(w.dst, ',')
	}
	w.dst = append(AppendString(w.dst, name), ':')
}

func (w *objectWriter) text(name, s string) {
	if s != "" {
		w.key(name)
		w.dst = AppendString(w.dst, s)
	}
}

func (w *objectWriter) number(name string, f float64) {
	w.key(name)
	w.dst = appendNumber(w.dst, f)
}

func (w *objectWriter) time(name string, t Time) {
	if t != 0 {
		w.key(name)
		w.dst = append(AppendTime(append(w.dst, '"'), t), '"')
	}
}

func (w *objectWriter) attributes(name string, a Attributes) {
	if len(a) > 0 {
		w.key(name)
		w.dst = a.AppendJSON(w.dst)
	}
}

func (w *objectWriter) members(a Attributes) {
	for i := range a {
		w.key(a[i].Key)
		w.dst = a[i].Value.AppendJSON(w.dst)
	}
}

// appendNumber appends the shortest text that reads back as f; null for what JSON has no number for.
func appendNumber(dst []byte, f float64) []byte {
	if !finite(f) {
		return append(dst, "null"...)
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 && !(f == 0 && math.Signbit(f)) {
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size != 1 {
				i += size
				continue
			}
		}
		dst = appendEscape(append(dst, s[start:i]...), c)
		i += size
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if c >= utf8.RuneSelf {
		return append(dst, `\ufffd`...)
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
