package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/features"
)

// fakeReadout has a value of every shape; it remembers what it was asked for.
type fakeReadout struct {
	*world
	names []string
}

func (r fakeReadout) Columns() (out []features.Column) {
	for _, name := range r.names {
		out = append(out, features.Column{Name: name})
	}
	return out
}

func (r fakeReadout) Close() { r.world.closed++ }

func (r fakeReadout) Read(user, item string, context event.Attributes, now event.Time) ([]features.NamedValue, error) {
	r.world.read = append(r.world.read, fmt.Sprint(user, "|", item, "|", string(context.AppendJSON(nil)), "|", now))
	if user == "unreadable" {
		return nil, errors.New("disk on fire")
	}
	none := math.NaN()
	all := map[string]features.NamedValue{
		"clicks": {Number: 3}, "ratio": {Number: 0.25}, "huge": {Number: math.Inf(1)}, "missing": {Number: none},
		"room":  {Number: none, Text: "r\"1"},
		"tags":  {Number: none, List: []string{"a", "b"}},
		"top":   {Number: none, List: []string{"a", "b"}, Weights: []float64{0.5, 2}},
		"taste": {Number: none, Weights: []float64{0.5, -1}},
	}
	var out []features.NamedValue
	for _, name := range r.names {
		v := all[name]
		v.Name = name
		out = append(out, v)
	}
	return out, nil
}

// Readout implements Features.
func (w *world) Readout(names []string) (Readout, error) {
	for i, name := range names {
		if name == "clikcs" {
			return nil, &features.NoFeatureError{Index: i, Name: name, Near: "clicks"}
		}
	}
	if len(names) == 0 {
		names = []string{"clicks", "ratio", "huge", "missing", "room", "tags", "top", "taste"}
	}
	return fakeReadout{w, names}, nil
}

// Entity implements Features.
func (w *world) Entity(scope, key []string, _ event.Time) ([]features.EntityFeature, error) {
	w.read = append(w.read, fmt.Sprintf("%q %q", scope, key))
	switch {
	case scope[0] != "user":
		return nil, &features.NoScopeError{Scope: scope, Known: []string{"user", "user,item.categories[0]"}}
	case len(key) != len(scope):
		return nil, &features.KeyError{Want: len(scope), Got: len(key)}
	case key[0] == "unknown":
		return nil, features.ErrNeverSeen
	}
	return []features.EntityFeature{
		{NamedValue: features.NamedValue{Name: "clicks_1h", Number: 3}, Kind: "count", Window: "1h", Version: "0123456789ab"},
		{NamedValue: features.NamedValue{Name: "room", Number: math.NaN()}, Kind: "last", Version: "0123456789ac"},
	}, nil
}

func TestManyEntitiesAreReadInOrder(t *testing.T) {
	w := newWorld(t)
	rec := w.want(w.do("POST", "/v1/features", `{"entities":[{"user":"u1","item":"i1","context":{"room":"r1"}},{"item":"i2"},{}]}`), http.StatusOK)
	values := `[3,0.25,null,null,"r\"1",["a","b"],[{"value":"a","weight":0.5},{"value":"b","weight":2}],[0.5,-1]]`
	want := `{"features":["clicks","ratio","huge","missing","room","tags","top","taste"],"rows":[{"user":"u1","item":"i1","values":` + values +
		`},{"item":"i2","values":` + values + `},{"values":` + values + `}],"cursor":"0-1834"}` + "\n"
	if got := rec.Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	at := event.FromTime(now).String()
	if want := []string{`u1|i1|{"room":"r1"}|` + at, `|i2|{}|` + at, `||{}|` + at}; !reflect.DeepEqual(w.read, want) {
		t.Errorf("asked %q, want %q", w.read, want)
	}
	if w.closed != 1 {
		t.Errorf("the readout was given back %d times", w.closed)
	}
	var typed FeatureRows
	decodeStrict(t, rec.Body.Bytes(), &typed)
	var a, b any
	again, err := json.Marshal(typed)
	if err != nil || json.Unmarshal(again, &a) != nil || json.Unmarshal(rec.Body.Bytes(), &b) != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("the type that the description is made from says %s", again)
	}
}

func TestFeaturesAreReadByNameAsOfAnInstantAndAfterACursor(t *testing.T) {
	w := newWorld(t)
	rec := w.want(w.do("POST", "/v1/features",
		`{"entities":[{"user":"u1"}],"features":["room","clicks"],"at":"2026-11-23T11:00:00Z","after":"0-1834","later":1}`), http.StatusOK)
	if want := `{"features":["room","clicks"],"rows":[{"user":"u1","values":["r\"1",3]}],"cursor":"0-1834"}` + "\n"; rec.Body.String() != want {
		t.Errorf("got %s", rec.Body)
	}
	if want := []string{"u1||{}|2026-11-23T11:00:00Z"}; !reflect.DeepEqual(w.read, want) {
		t.Errorf("asked %q", w.read)
	}
	w.want(w.do("POST", "/v1/features", `{"entities":[{}],"after":"7-1"}`), http.StatusMisdirectedRequest)
}

func TestFeaturesAreNotReadOnceTheDeadlineHasPassed(t *testing.T) {
	w := newWorld(t, func(_ *Rooms, o *Options) { o.Deadline = time.Nanosecond })
	w.want(w.do("POST", "/v1/features", `{"entities":[{}],"after":"0-1835"}`), http.StatusGatewayTimeout)
	w.want(w.do("POST", "/v1/features", `{"entities":[{}]}`), http.StatusGatewayTimeout)
}

func TestBadRequestsForFeaturesNameTheField(t *testing.T) {
	long := strings.Repeat("u", 257)
	for _, tc := range []struct{ body, field, reason string }{
		{`{}`, "entities", "from 1 to 1000, and not 0"},
		{`{"entities":[]}`, "entities", "from 1 to 1000"},
		{`{"entities":[` + strings.Repeat(`{},`, 1000) + `{}]}`, "entities", "and not 1001"},
		{`{"entities":[{},{"user":"` + long + `"}]}`, "entities/1/user", "256"},
		{`{"entities":[{"item":"a\u0000"}]}`, "entities/0/item", "control"},
		{`{"entities":[{}],"features":["clicks","clikcs"]}`, "features/1", `"clikcs" is no feature; did you mean "clicks"?`},
		{`{"entities":[{}],"features":"clicks"}`, "features", "must be a list, not a JSON string"},
		{`{"entities":{}}`, "entities", "must be a list, not a JSON object"},
		{`{"entities":[{"user":7}]}`, "entities/user", "must be a text, not a JSON number"},
		{`{"entities":[{"context":[1]}]}`, "context", ""},
		{`{"entities":[{}],"at":"yesterday"}`, "", ""},
		{`{"entities":[{}],"after":"x"}`, "after", ""},
		{``, "", "cut short"}, {`[]`, "", "must be an object"}, {`{"entities":[{}]`, "", "cut short"}, {`{"entities":[{}]}{}`, "", "more than one"},
	} {
		w := newWorld(t)
		rec := w.want(w.do("POST", "/v1/features", tc.body), http.StatusBadRequest)
		var p Problem
		decodeStrict(t, rec.Body.Bytes(), &p)
		if tc.field != "" && (len(p.Errors) != 1 || p.Errors[0].Pointer != "/"+tc.field) || !strings.Contains(p.Detail, tc.reason) {
			t.Errorf("%.60s: got %+v", tc.body, p)
		}
		if len(w.read) > 0 {
			t.Errorf("%.60s: was read", tc.body)
		}
	}
}

func TestAnEntityThatCannotBeReadFailsTheRequest(t *testing.T) {
	w := newWorld(t)
	rec := w.want(w.do("POST", "/v1/features", `{"entities":[{"user":"u1"},{"user":"unreadable"}]}`), http.StatusInternalServerError)
	if !strings.Contains(rec.Body.String(), `"internal error"`) || w.closed != 1 {
		t.Errorf("closed %d times; got %s", w.closed, rec.Body)
	}
}

func TestOneEntitysFeaturesAreShownWithTheirWindows(t *testing.T) {
	w := newWorld(t)
	rec := w.want(w.do("GET", "/admin/v1/features/user/u1?after=0-1834", ""), http.StatusOK)
	want := `{"scope":["user"],"key":["u1"],"at":"2026-11-23T12:00:00Z","features":[` +
		`{"name":"clicks_1h","kind":"count","value":3,"window":"1h","version":"0123456789ab"},` +
		`{"name":"room","kind":"last","value":null,"version":"0123456789ac"}],"cursor":"0-1834"}` + "\n"
	if got := rec.Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestScopeAndKeyAreTakenOutOfThePath(t *testing.T) {
	for _, tc := range []struct{ path, asked string }{
		{"user/a%20b", `["user"] ["a b"]`},
		{"user,item.categories[0]/u1,a%2Cb", `["user" "item.categories[0]"] ["u1" "a,b"]`},
		{"user%2Citem/u1,i1", `["user,item"] ["u1" "i1"]`},
		{"user,item/u%2F1,i1", `["user" "item"] ["u/1" "i1"]`},
		{"user,item/%E4%BA%BA,i1", `["user" "item"] ["人" "i1"]`},
	} {
		w := newWorld(t)
		w.do("GET", "/admin/v1/features/"+tc.path, "")
		if len(w.read) != 1 || w.read[0] != tc.asked {
			t.Errorf("%s: asked %q, want %s", tc.path, w.read, tc.asked)
		}
	}
}

func TestWhatIsNoEntityOfAScopeIsToldFromABadRequest(t *testing.T) {
	for _, tc := range []struct {
		path   string
		status int
		detail string
	}{
		{"room/r1", http.StatusNotFound, `no feature is kept under "room"; there are user; user,item.categories[0]`},
		{"user/unknown", http.StatusNotFound, "user unknown: never seen"},
		{"user,item/u1", http.StatusBadRequest, "key: must hold one value for each part of the scope: 2, and not 1"},
		{"user,item/u1,", http.StatusBadRequest, "key: "},
		{"user/%00", http.StatusBadRequest, "key: "},
		{"user/" + strings.Repeat("a,", 16) + "a", http.StatusBadRequest, "key: holds more than 16 values"},
		{"user/u1?n=1", http.StatusBadRequest, "n: is no parameter of this route"},
		{"user/u1?after=x", http.StatusBadRequest, "after: "},
	} {
		w := newWorld(t)
		rec := w.want(w.do("GET", "/admin/v1/features/"+tc.path, ""), tc.status)
		if !strings.Contains(rec.Body.String(), strings.ReplaceAll(tc.detail, `"`, `\"`)) {
			t.Errorf("%s: got %s", tc.path, rec.Body)
		}
	}
}

func TestWithoutTheRoomOfFeaturesNothingIsRead(t *testing.T) {
	w := newWorld(t, func(r *Rooms, _ *Options) { r.Features = nil })
	w.want(w.do("POST", "/v1/features", `{"entities":[{}]}`), http.StatusServiceUnavailable)
	w.want(w.do("GET", "/admin/v1/features/user/u1", ""), http.StatusServiceUnavailable)
}
