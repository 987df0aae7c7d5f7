package event

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func decodeEvent(t *testing.T, line string) *Event {
	t.Helper()
	var d Decoder
	e, err := d.DecodeEvent([]byte(line))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return e
}

func TestEventIsReadFieldByField(t *testing.T) {
	got := decodeEvent(t, `{"id":"e1","type":"exposure","user":"u1","item":"i1","ts":"2022-04-24T15:05:41.436Z","request":"r1",`+
		`"position":3,"propensity":0.25,"value":-0.5,"text":"a\u0041\n","session":"s1",`+
		`"context":{"z":"ios","a":1,"live":true,"off":false,"list":["x","y"],"none":null}}`)
	want := &Event{
		ID: "e1", Type: "exposure", User: "u1", Item: "i1", Request: "r1", Session: "s1", Text: "aA\n",
		Time: 1650812741436e6, Position: 3, Propensity: 0.25, Value: -0.5, HasValue: true,
		Context: Attributes{
			{"a", Value{Kind: Number, Num: 1}},
			{"list", Value{Kind: List, List: []string{"x", "y"}}},
			{"live", Value{Kind: Bool, Num: 1}},
			{"off", Value{Kind: Bool}},
			{"z", Value{Kind: String, Str: "ios"}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestNullMeansAbsentInEvents(t *testing.T) {
	got := decodeEvent(t, `{"id":null,"type":"click","user":"u1","item":null,"ts":null,"request":null,"position":null,`+
		`"propensity":null,"value":null,"text":null,"session":null,"context":null}`)
	if want := (&Event{Type: "click", User: "u1"}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestContextSessionFillsTheSession(t *testing.T) {
	for line, want := range map[string]string{
		`{"context":{"session":"s2"}}`:                "s2",
		`{"context":{"session":42}}`:                  "42",
		`{"context":{"session":"s2"},"session":"s1"}`: "s1",
		`{"context":{"session":true}}`:                "",
		`{"context":{"session":""}}`:                  "",
	} {
		if got := decodeEvent(t, line); got.Session != want {
			t.Errorf("%s: session %q, want %q", line, got.Session, want)
		}
	}
}

func TestOddContextValuesAreDroppedAndCounted(t *testing.T) {
	var d Decoder
	e, err := d.DecodeEvent([]byte(`{"type":"click","context":{"a":{"b":[1,{}]},"c":[1,true],"d":["x",null],"e":1e999,"g":[1,1e999],"h":[[1]],"":"k","f":"kept"},"extra":{"x":[1]},"more":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Attributes{{"f", Value{Kind: String, Str: "kept"}}}); !reflect.DeepEqual(e.Context, want) {
		t.Errorf("context %+v, want %+v", e.Context, want)
	}
	if want := (Counts{DroppedValues: 7, UnknownFields: 2}); d.Counts != want {
		t.Errorf("counts %+v, want %+v", d.Counts, want)
	}
}

func TestNumbersInListsBecomeTheirShortestTexts(t *testing.T) {
	for list, want := range map[string][]string{
		`[0.1,-0.25]`:           {"0.1", "-0.25"},
		`[1, "1" ,1.0,10e-1]`:   {"1", "1", "1", "1"},
		`[-0,-0.0,0e5]`:         {"0", "0", "0"},
		`[1e2,1E+21,1.50]`:      {"100", "1e+21", "1.5"},
		`["x",7,""]`:            {"x", "7", ""},
		`[9007199254740991]`:    {"9007199254740991"},
		`[0.30000000000000004]`: {"0.30000000000000004"},
		`[]`:                    nil,
	} {
		var d Decoder
		item, err := d.DecodeItem([]byte(`{"item":"i","vector":` + list + `}`))
		if err != nil {
			t.Fatalf("%s: %v", list, err)
		}
		if want := (Attributes{{"vector", Value{Kind: List, List: want}}}); !reflect.DeepEqual(item.Attrs, want) {
			t.Errorf("%s became %+v, want %+v", list, item.Attrs, want)
		}
	}
}

func TestBrokenNumbersInListsAreMalformed(t *testing.T) {
	for _, list := range []string{`[01]`, `[-]`, `[1.]`, `[1e]`, `[1 2]`, `[1,]`, `[.5]`, `[+1]`, `[NaN]`} {
		var d Decoder
		if _, err := d.DecodeItem([]byte(`{"item":"i","vector":` + list + `}`)); !malformed(err) {
			t.Errorf("%s: error %v, want malformed JSON", list, err)
		}
	}
}

func TestRefusalsNameReasonAndField(t *testing.T) {
	long := strings.Repeat("x", 257)
	for _, tc := range []struct{ line, reason, pointer string }{
		{`{"position":0}`, ReasonOutOfRange, "/position"},
		{`{"position":1.5}`, ReasonWrongType, "/position"},
		{`{"position":3000000000}`, ReasonOutOfRange, "/position"},
		{`{"position":"1"}`, ReasonWrongType, "/position"},
		{`{"propensity":0}`, ReasonOutOfRange, "/propensity"},
		{`{"propensity":1.0000001}`, ReasonOutOfRange, "/propensity"},
		{`{"propensity":1e-400}`, ReasonOutOfRange, "/propensity"},
		{`{"value":1e999}`, ReasonOutOfRange, "/value"},
		{`{"value":"1"}`, ReasonWrongType, "/value"},
		{`{"user":""}`, ReasonBadID, "/user"},
		{`{"user":"` + long + `"}`, ReasonBadID, "/user"},
		{`{"user":"a\u0000b"}`, ReasonBadID, "/user"},
		{`{"user":"a\u007fb"}`, ReasonBadID, "/user"},
		{`{"user":"a\u0085b"}`, ReasonBadID, "/user"},
		{`{"user":17}`, ReasonWrongType, "/user"},
		{`{"text":17}`, ReasonWrongType, "/text"},
		{`{"ts":"yesterday"}`, ReasonBadTime, "/ts"},
		{`{"ts":0}`, ReasonBadTime, "/ts"},
		{`{"ts":1e300}`, ReasonBadTime, "/ts"},
		{`{"ts":true}`, ReasonWrongType, "/ts"},
		{`{"ts":"1960-01-01T00:00:00Z"}`, ReasonBadTime, "/ts"},
		{`{"context":"ios"}`, ReasonWrongType, "/context"},
		{`{"context":{"a":1,"b":2,"a":3}}`, ReasonDuplicateKey, "/context/a"},
		{`{"context":{"a/b":1,"a/b":2}}`, ReasonDuplicateKey, "/context/a~1b"},
		{`{"user":"u1","user":"u2"}`, ReasonDuplicateKey, "/user"},
		{`{"user":"u1","us\u0065r":"u2"}`, ReasonDuplicateKey, "/user"},
		{`[]`, ReasonNotObject, ""},
		{`"x"`, ReasonNotObject, ""},
		{`null`, ReasonNotObject, ""},
		{`{"user":"","position":`, ReasonBadJSON, ""},
		{`{"user":""} x`, ReasonBadJSON, ""},
		{``, ReasonBadJSON, ""},
	} {
		var d Decoder
		_, err := d.DecodeEvent([]byte(tc.line))
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Reason != tc.reason || refusal.Pointer != tc.pointer {
			t.Errorf("%.60s: %#v, want %s at %q", tc.line, err, tc.reason, tc.pointer)
		}
	}
}

func TestARefusalReadsAsFieldAndDetail(t *testing.T) {
	var d Decoder
	e, err := d.DecodeEvent([]byte(`{"position":0,"id":"e17","type":"click"}`))
	if err == nil || err.Error() != "position: must be at least 1" {
		t.Errorf("error %v", err)
	}
	if e.ID != "e17" || e.Type != "click" {
		t.Errorf("the fields that were good are lost: %+v", e)
	}
}

func TestIDsOf256BytesAreTaken(t *testing.T) {
	id := strings.Repeat("é", 128)
	if e := decodeEvent(t, `{"user":"`+id+`"}`); e.User != id {
		t.Errorf("user %q", e.User)
	}
}

func TestUpsertsKeepNullsAsRemovals(t *testing.T) {
	var d Decoder
	item, err := d.DecodeItem([]byte(sampleItems[1]))
	if err != nil {
		t.Fatal(err)
	}
	want := &Item{ID: "v1", Attrs: Attributes{
		{"available", Value{Kind: Bool, Num: 1}},
		{"old", Value{Kind: Null}},
		{"price", Value{Kind: Number, Num: 9.5}},
		{"tags", Value{Kind: List}},
		{"text", Value{Kind: String, Str: "…"}},
	}}
	if !reflect.DeepEqual(item, want) {
		t.Errorf("got %+v, want %+v", item, want)
	}
	user, err := d.DecodeUser([]byte(sampleUsers[0]))
	if err != nil || user.ID != "u1" || len(user.Attrs) != 3 {
		t.Errorf("user %+v, %v", user, err)
	}
	gone, err := d.DecodeItem([]byte(`{"$deleted":true,"item":"v2","x":1}`))
	if err != nil || !reflect.DeepEqual(gone, &Item{ID: "v2", Deleted: true}) {
		t.Errorf("removal %+v, %v", gone, err)
	}
}

func TestUpsertsWithoutTheirKeyAreRefused(t *testing.T) {
	var d Decoder
	for _, line := range []string{`{}`, `{"item":null}`, `{"user":"u1"}`} {
		if _, err := d.DecodeItem([]byte(line)); err == nil || err.Error() != "item: is required" {
			t.Errorf("%s: %v", line, err)
		}
	}
	if _, err := d.DecodeItem([]byte(`{"item":"i","item":"j"}`)); err == nil {
		t.Error("two keys were taken")
	}
	if _, err := d.DecodeItem([]byte(`{"item":"i","a":1,"a":2}`)); err == nil {
		t.Error("one attribute given twice was taken")
	}
}

func TestAMapHasALimit(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"user":"u"`)
	for i := range MaxAttributes + 1 {
		b.WriteString(`,"k` + strings.Repeat("0", i%7) + `_` + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + `":1`)
	}
	b.WriteString(`}`)
	var d Decoder
	_, err := d.DecodeUser([]byte(b.String()))
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Reason != ReasonTooLarge {
		t.Errorf("error %v", err)
	}
}

func TestDecoderReusesNothingOfEarlierRecords(t *testing.T) {
	var d Decoder
	var got []*Event
	for range 3 {
		for _, line := range sampleEvents {
			e, err := d.DecodeEvent([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e)
		}
	}
	for i, e := range got {
		if want := decodeEvent(t, sampleEvents[i%len(sampleEvents)]); !reflect.DeepEqual(e, want) {
			t.Errorf("event %d: got %+v, want %+v", i, e, want)
		}
	}
}
