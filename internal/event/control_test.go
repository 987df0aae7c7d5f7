package event

import (
	"errors"
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
		{"an unknown type", Control{Type: "promote", Attrs: whole}, ReasonUnknownControl, "/type"},
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
