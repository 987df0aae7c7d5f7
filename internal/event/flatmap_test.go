package event

import (
	"reflect"
	"testing"
)

func TestOneKeyIsReadAsTheWholeMapHasIt(t *testing.T) {
	maps := []Attributes{nil, {}, {{"b", Value{Kind: Null}}}}
	for _, r := range append(sampleRecords(t), goldenRecords()...) {
		switch r.Kind {
		case KindEvent:
			maps = append(maps, r.Event.Context)
		case KindItem:
			maps = append(maps, r.Item.Attrs)
		}
	}
	found := 0
	for _, a := range maps {
		raw := AppendAttributes(nil, a)
		keys := []string{"", "0", "a b", "zz"}
		for i := range a {
			keys = append(keys, a[i].Key, a[i].Key+"x")
		}
		for _, key := range keys {
			want, known := a.Get(key)
			got, ok := LookupAttribute(raw, key)
			if ok != known || !reflect.DeepEqual(got, want) {
				t.Errorf("%q in %v: %v, %v, want %v, %v", key, a, got, ok, want, known)
			}
			if ok {
				found++
			}
			for n := range raw { // cut short, it may be found or not, but nothing panics
				LookupAttribute(raw[:n], key)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d keys were found: the test shows nothing", found)
	}
}

func TestToReadOneKeyAllocatesNothing(t *testing.T) {
	raw := AppendAttributes(nil, Attributes{
		{"a", Value{Kind: List, List: []string{"x", "y"}}}, {"b", Value{Kind: Number, Num: 4}}, {"device", Value{Kind: String, Str: "phone"}},
	})
	if n := testing.AllocsPerRun(100, func() {
		if v, ok := LookupAttribute(raw, "device"); !ok || v.Str != "phone" {
			t.Fatal(v, ok)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
