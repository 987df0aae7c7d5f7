package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"recsvc/internal/event"
	"recsvc/internal/rank"
)

// maxReadBody bounds the bodies of requests that only ask.
const maxReadBody = 1 << 20

// query reads parameters and remembers the first that is wrong.
type query struct {
	values url.Values
	err    error
}

func readQuery(r *http.Request) *query {
	if r.URL.RawQuery == "" {
		return &query{}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.err = faultf(http.StatusBadRequest, "query: %v", err)
	}
	return q
}

func (q *query) bad(name, format string, args ...any) {
	if q.err == nil {
		q.err = badParam(name, format, args...)
	}
}

// text is a parameter that may be given once.
func (q *query) text(name string) string {
	v := q.values[name]
	switch len(v) {
	case 0:
		return ""
	case 1:
		return v[0]
	}
	q.bad(name, "is given %d times", len(v))
	return ""
}

func (q *query) flag(name string) bool {
	s := q.text(name)
	if s == "" {
		return false
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		q.bad(name, "must be true or false")
	}
	return b
}

// count is a number from 1 to most; absent: fallback.
func (q *query) count(name string, fallback, most int) int {
	s := q.text(name)
	if s == "" {
		return fallback
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		q.bad(name, "must be a whole number from 1 to %d", most)
	}
	return n
}

// duration reads 30m, 24h or 7d; absent: 0.
func (q *query) duration(name string) time.Duration {
	s := q.text(name)
	if s == "" {
		return 0
	}
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 || d > 10*366*24*time.Hour {
		q.bad(name, "must be a duration such as 30m, 24h or 7d")
	}
	return d
}

const contextPrefix = "context."

// context gathers context.NAME=VALUE, sorted; a name that is repeated makes a list.
func (q *query) context() event.Attributes {
	var out event.Attributes
	for name, v := range q.values {
		key, ok := strings.CutPrefix(name, contextPrefix)
		if !ok {
			continue
		}
		if event.CheckID(key) != nil {
			q.bad(name[:min(len(name), 64)], "is no name of a context field")
			continue
		}
		value := event.Value{Kind: event.String, Str: v[0]}
		if len(v) > 1 {
			value = event.Value{Kind: event.List, List: v}
		}
		out = append(out, event.Attribute{Key: key, Value: value})
	}
	slices.SortFunc(out, func(a, b event.Attribute) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// recommendations reads a whole request from the query.
func (q *query) recommendations() (RecommendationsRequest, error) {
	in := RecommendationsRequest{
		User:    q.text("user"),
		Scene:   q.text("scene"),
		Item:    q.text("item"),
		Context: q.context(),
		Filter:  q.text("filter"),
		Explain: q.flag("explain"),
		After:   q.text("after"),
		DryRun:  q.flag("dry_run"),
	}
	if s := q.text("n"); s != "" {
		n := q.count("n", 0, rank.MaxN)
		in.N = &n
	}
	for _, list := range q.values["exclude"] {
		in.Exclude = append(in.Exclude, list)
		if strings.Contains(list, ",") { // exclude=a,b; an id with a comma in it is excluded as well
			in.Exclude = append(in.Exclude, strings.Split(list, ",")...)
		}
	}
	return in, q.err
}

// pathID is an id out of the path.
func pathID(r *http.Request, name string) (string, error) {
	id := chi.URLParam(r, name)
	if r.URL.RawPath != "" { // chi matched the escaped form
		var err error
		if id, err = url.PathUnescape(id); err != nil {
			return "", badParam(name, "is not a valid path segment")
		}
	}
	if err := event.CheckID(id); err != nil {
		return "", badParam(name, "%v", err)
	}
	return id, nil
}

// decode reads a JSON body into target. Admin routes are strict: they refuse fields that they don't know.
func (a *API) decode(w *response, r *http.Request, target any, strict bool) error {
	b, err := a.readBody(w, r, maxReadBody)
	defer b.free()
	if err != nil {
		return err
	}
	if len(b.bytes) == 0 && strict {
		return nil // nothing to say is fine where every field is optional
	}
	if !utf8.Valid(b.bytes) {
		return faultf(http.StatusBadRequest, "body: is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(b.bytes))
	if strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(target); err != nil {
		return decodeFault(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return faultf(http.StatusBadRequest, "body: more than one JSON value")
	}
	return nil
}

func decodeFault(err error) error {
	var typ *json.UnmarshalTypeError
	var record *event.Error
	switch {
	case errors.As(err, &typ):
		if typ.Field == "" {
			return faultf(http.StatusBadRequest, "body: must be an object")
		}
		if number, ok := strings.CutPrefix(typ.Value, "number "); ok {
			return badParam(strings.ReplaceAll(typ.Field, ".", "/"), "%s is out of range", number)
		}
		return badParam(strings.ReplaceAll(typ.Field, ".", "/"), "must be %s, not a JSON %s", jsonForm(typ.Type.Kind()), typ.Value)
	case errors.As(err, &record):
		return badParam("context", "%s", record.Error())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return faultf(http.StatusBadRequest, "body: the JSON is cut short")
	}
	return faultf(http.StatusBadRequest, "body: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// jsonForm is what JSON calls a field of that kind.
func jsonForm(k reflect.Kind) string {
	switch k {
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

// methods are those that a path takes.
func methods(mux *chi.Mux, u *url.URL) (out []string) {
	path := u.Path
	if u.RawPath != "" {
		path = u.RawPath
	}
	for _, m := range []string{"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"} {
		if mux.Match(chi.NewRouteContext(), m, path) {
			out = append(out, m)
		}
	}
	return out
}
