package event

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestOutboxRecordsAreReadBack(t *testing.T) {
	for _, want := range []Outbox{{Open: []string{}}, {Open: []string{"a 1", "b 2"}}, {Delivered: []string{"0-1-p-0"}}, {Discard: "restored"}} {
		r := Record{Kind: KindControl, Received: 5, Control: want.Control()}
		if err := r.Control.Check(); err != nil {
			t.Fatalf("%+v: %v", want, err)
		}
		var read Record
		if err := DecodeRecord(AppendRecord(nil, &r), &read); err != nil {
			t.Fatal(err)
		}
		if got, err := read.Control.Outbox(); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
}

func TestWrongOutboxRecordsAreRefused(t *testing.T) {
	many := make([]string, MaxDelivered+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	list := func(key string, list ...string) Attribute { return Attribute{key, Value{Kind: List, List: list}} }
	for _, tc := range []struct {
		attrs Attributes
		want  string
	}{
		{nil, "must hold one of"},
		{Attributes{list("delivered", "a"), list("open", "b")}, "must hold one of"},
		{Attributes{{"discard", Value{Kind: Number, Num: 1}}}, "must hold one of"},
		{Attributes{list("delivered")}, "1 to 1000"},
		{Attributes{list("delivered", many...)}, "1 to 1000"},
	} {
		if err := (&Control{Type: OutboxControl, Attrs: tc.attrs}).Check(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %q", tc.attrs, err, tc.want)
		}
	}
}
