package event

import (
	"encoding/json"
	"reflect"
	"testing"
)

// sampleRecords has one record of every kind at least, with every field.
func sampleRecords(t testing.TB) []Record {
	t.Helper()
	var d Decoder
	var recs []Record
	for kind, lines := range map[Kind][]string{KindEvent: sampleEvents, KindItem: sampleItems, KindUser: sampleUsers} {
		for _, line := range lines {
			rec := Record{Received: 1650812741436e6}
			if err := d.DecodeJSON(kind, []byte(line), &rec); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			recs = append(recs, rec)
		}
	}
	context := Attributes{{"device", Value{Kind: String, Str: "ios"}}, {"gone", Value{}}}
	return append(recs,
		Record{Kind: KindServed, Received: 5, Served: &Served{
			Request: "r-1", User: "u1", Scene: "home", Time: 1650812741436e6, Model: "ctr@1834", Variant: "ranker=control",
			Context: context, Items: []ServedItem{{"i9", 0.0831, 0.91}, {"i7", -2, 0}},
		}},
		Record{Kind: KindServed, Served: &Served{Request: "r-2"}},
		Record{Kind: KindServed, Served: &Served{Request: "r-3", Swap: [2]int32{1, 9}}},
		Record{Kind: KindControl, Received: 6, Control: &Control{Type: "restore", Attrs: context}},
		Record{Kind: KindTick, Received: 7, Tick: &Tick{Time: 1650812741436e6}},
		Record{Kind: KindDeadLetter, Received: 8, DeadLetter: &DeadLetter{
			Source: "http", Reason: ReasonBadJSON, Detail: "malformed JSON at byte 3", Place: "/v1/events[17]",
			Bytes: []byte("{\"a\xff\x00"), Size: 70_000,
		}},
	)
}

func TestEveryKindReadsBackFromItsJSON(t *testing.T) {
	var d Decoder
	for _, want := range sampleRecords(t) {
		text := AppendJSON(nil, &want)
		if !json.Valid(text) {
			t.Errorf("%v is not JSON: %s", want.Kind, text)
		}
		got := Record{Received: want.Received}
		if err := d.DecodeJSON(want.Kind, text, &got); err != nil {
			t.Errorf("%v %s: %v", want.Kind, text, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%v %s reads back as %s", want.Kind, text, AppendJSON(nil, &got))
		}
	}
	if d.Counts != (Counts{}) {
		t.Errorf("fields of our own were passed over: %+v", d.Counts)
	}
}

func TestKindsReadBackFromTheirNames(t *testing.T) {
	for k := KindEvent; k <= KindDeadLetter; k++ {
		if got, err := ParseKind(k.String()); err != nil || got != k {
			t.Errorf("%v reads back as %v, %v", k, got, err)
		}
	}
	if got, err := ParseKind(""); err != nil || got != KindEvent {
		t.Errorf("no header is %v, %v; want an event", got, err)
	}
	if _, err := ParseKind("nonsense"); err == nil {
		t.Error("nonsense is a kind")
	}
}

func TestStringsAreEscaped(t *testing.T) {
	for _, s := range []string{"", "plain", "q\"b\\", "\n\r\t\x00\x1f", "é…👟", "\u2028", "bad\xff\xc3"} {
		var got string
		if err := json.Unmarshal(AppendString(nil, s), &got); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		if want := string([]rune(s)); got != want {
			t.Errorf("%q reads back as %q", s, got)
		}
	}
}

func TestFlatMapsPassThroughEncodingJSON(t *testing.T) {
	text := `{"a":1,"b":"x","c":["p","q"],"d":true}`
	var holder struct{ Context Attributes }
	if err := json.Unmarshal([]byte(`{"Context":`+text+`}`), &holder); err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(holder.Context)
	if err != nil || string(got) != text {
		t.Errorf("got %s, %v; want %s", got, err, text)
	}
	if err := json.Unmarshal([]byte(`{"Context":[]}`), &holder); err == nil {
		t.Error("an array was taken for a flat map")
	}
	clone := holder.Context.Clone()
	if !reflect.DeepEqual(clone, holder.Context) {
		t.Errorf("clone %+v", clone)
	}
}
