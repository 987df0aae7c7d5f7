package event

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func pointer[T any](v T) *T { return &v }

func TestControlsOfModelsReadBackFromBothWireForms(t *testing.T) {
	for _, want := range []any{
		Promotion{Model: "ctr"},
		Promotion{Model: "ctr", Reason: "log-loss lower by 1 % for a day"},
		Tuning{Model: "ctr", Rates: []Rate{{"click", 0.05}, {"long dwell", 1e-9}}, Reason: "drift"},
		Tuning{Model: "ctr", Refresh: pointer(time.Duration(0))},
		Tuning{Model: "ctr", Refresh: pointer(36 * time.Hour), Frozen: pointer(false)},
		Tuning{Model: "a/b", Frozen: pointer(true), Rates: []Rate{{"h", 3}}, Refresh: pointer(time.Second), Reason: "x"},
	} {
		read := func(c *Control) (any, error) { return c.Promotion() }
		rec := Record{Kind: KindControl}
		switch want := want.(type) {
		case Promotion:
			rec.Control = want.Control()
		case Tuning:
			rec.Control = want.Control()
			read = func(c *Control) (any, error) { return c.Tuning() }
		}
		if err := rec.Control.Check(); err != nil {
			t.Errorf("%+v: %v", want, err)
		}
		var fromBinary Record
		if err := DecodeRecord(AppendRecord(nil, &rec), &fromBinary); err != nil {
			t.Fatal(err)
		}
		var fromJSON Record
		if err := new(Decoder).DecodeJSON(KindControl, AppendJSON(nil, &rec), &fromJSON); err != nil {
			t.Fatal(err)
		}
		for _, c := range []*Control{rec.Control, fromBinary.Control, fromJSON.Control} {
			if got, err := read(c); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		}
	}
}

func TestControlsOfModelsAreRefusedWhereTheySayNothingOrNonsense(t *testing.T) {
	model := Attribute{Key: "model", Value: Value{Kind: String, Str: "ctr"}}
	num := func(key string, x float64) Attribute { return Attribute{Key: key, Value: Value{Kind: Number, Num: x}} }
	str := func(key, s string) Attribute { return Attribute{Key: key, Value: Value{Kind: String, Str: s}} }
	for _, tc := range []struct {
		name, kind string
		attrs      Attributes
		pointer    string
	}{
		{"a promotion of nobody", PromoteControl, nil, "/attributes/model"},
		{"a promotion with a rate", PromoteControl, Attributes{num("alpha/click", 1), model}, "/attributes/alpha/click"},
		{"a tuning of nobody", TuneControl, Attributes{num("alpha/click", 1)}, "/attributes/model"},
		{"a tuning of nothing", TuneControl, Attributes{model, str("reason", "why not")}, "/attributes"},
		{"a rate of 0", TuneControl, Attributes{num("alpha/click", 0), model}, "/attributes/alpha/click"},
		{"an infinite rate", TuneControl, Attributes{num("alpha/click", math.Inf(1)), model}, "/attributes/alpha/click"},
		{"a rate that is a text", TuneControl, Attributes{str("alpha/click", "1"), model}, "/attributes/alpha/click"},
		{"half frozen", TuneControl, Attributes{num("frozen", 0.5), model}, "/attributes/frozen"},
		{"a refresh that is too quick", TuneControl, Attributes{model, str("refresh", "10ms")}, "/attributes/refresh"},
		{"a refresh that is no time", TuneControl, Attributes{model, str("refresh", "daily")}, "/attributes/refresh"},
		{"a refresh of a number", TuneControl, Attributes{model, num("refresh", 3)}, "/attributes/refresh"},
		{"a reason without end", TuneControl, Attributes{num("alpha/click", 1), model, str("reason", strings.Repeat("x", MaxReason+1))}, "/attributes/reason"},
		{"what a newer version may know", TuneControl, Attributes{num("alpha/click", 1), num("beta/click", 1), model}, "/attributes/beta/click"},
	} {
		err := (&Control{Type: tc.kind, Attrs: tc.attrs}).Check()
		var wrong *Error
		if !errors.As(err, &wrong) || wrong.Pointer != tc.pointer {
			t.Errorf("%s: %v, want one about %s", tc.name, err, tc.pointer)
		}
	}
}

func TestARefreshHasOneShortText(t *testing.T) {
	for text, d := range map[string]time.Duration{
		"online": 0, "1s": time.Second, "1m": time.Minute, "1m30s": 90 * time.Second, "1h": time.Hour, "24h": 24 * time.Hour, "1h1m": 61 * time.Minute, "10m": 10 * time.Minute,
	} {
		if got := RefreshText(d); got != text {
			t.Errorf("%v is %q, want %q", d, got, text)
		}
		if got, ok := ParseRefresh(text); !ok || got != d {
			t.Errorf("%q reads as %v, %v", text, got, ok)
		}
	}
}
