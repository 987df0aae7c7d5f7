package event

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"
)

func TestAControlRecordNeedsAKnownTypeAndItsParameters(t *testing.T) {
	text := func(s string) Value { return Value{Kind: String, Str: s} }
	whole := Attributes{{Key: "definitions", Value: text("00")}, {Key: "sha256", Value: text("ab")}, {Key: "snapshot", Value: text("s1")}}
	for _, tc := range []struct {
		name            string
		control         Control
		reason, pointer string
	}{
		{"a restore", Control{Type: RestoreControl, Attrs: whole}, "", ""},
		{"an unknown type", Control{Type: "demolish", Attrs: whole}, ReasonUnknownControl, "/type"},
		{"no type", Control{Attrs: whole}, ReasonUnknownControl, "/type"},
		{"no parameters", Control{Type: RestoreControl}, ReasonMissingField, "/attributes/snapshot"},
		{"no definitions", Control{Type: RestoreControl, Attrs: whole[1:]}, ReasonMissingField, "/attributes/definitions"},
		{"a number", Control{Type: RestoreControl, Attrs: Attributes{whole[0], whole[1], {Key: "snapshot", Value: Value{Kind: Number, Num: 1}}}},
			ReasonMissingField, "/attributes/snapshot"},
	} {
		err := tc.control.Check()
		var wrong *Error
		if tc.reason == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if !errors.As(err, &wrong) || wrong.Reason != tc.reason || wrong.Pointer != tc.pointer {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	c := Control{Attrs: whole}
	if c.Text("snapshot") != "s1" || c.Text("none") != "" {
		t.Error("other parameters than were given")
	}
}

func TestAPurgeReadsBackFromBothWireForms(t *testing.T) {
	for _, want := range []Purge{
		{Offsets: []int64{0}},
		{Offsets: []int64{17, 1 << 60, math.MaxInt64}},
		{Offsets: slices.Repeat([]int64{math.MaxInt64}, MaxPurged)},
		{Before: 0},
		{Before: math.MaxInt64},
	} {
		rec := Record{Kind: KindControl, Control: want.Control()}
		var fromBinary, fromJSON Record
		if err := DecodeRecord(AppendRecord(nil, &rec), &fromBinary); err != nil {
			t.Fatal(err)
		}
		text := AppendJSON(nil, &rec)
		if len(text) > 64<<10 {
			t.Errorf("a purge of %d letters takes %d bytes", len(want.Offsets), len(text))
		}
		if err := new(Decoder).DecodeJSON(KindControl, text, &fromJSON); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*Control{fromBinary.Control, fromJSON.Control} {
			if err := c.Check(); err != nil {
				t.Error(err)
			}
			if got, err := c.Purge(); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		}
	}
}

func TestAPurgeNamesLettersOrAPlaceAndNothingElse(t *testing.T) {
	text := func(s string) Value { return Value{Kind: String, Str: s} }
	list := func(s ...string) Value { return Value{Kind: List, List: s} }
	for _, tc := range []struct {
		name  string
		attrs Attributes
	}{
		{"nothing", nil},
		{"both", Attributes{{Key: "before", Value: text("1")}, {Key: "letters", Value: list("1")}}},
		{"no letters", Attributes{{Key: "letters", Value: list()}}},
		{"a text for letters", Attributes{{Key: "letters", Value: text("1")}}},
		{"too many letters", Attributes{{Key: "letters", Value: list(slices.Repeat([]string{"1"}, MaxPurged+1)...)}}},
		{"a negative offset", Attributes{{Key: "letters", Value: list("-1")}}},
		{"no number", Attributes{{Key: "letters", Value: list("1", "x")}}},
		{"a number for before", Attributes{{Key: "before", Value: Value{Kind: Number, Num: 1}}}},
		{"an offset too large", Attributes{{Key: "before", Value: text("9223372036854775808")}}},
	} {
		c := &Control{Type: PurgeControl, Attrs: tc.attrs}
		var wrong *Error
		if err := c.Check(); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
