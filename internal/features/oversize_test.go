package features

import (
	"strings"
	"testing"

	"recsvc/internal/event"
)

// Each upsert is small enough; what they add up to would not fit into a checkpoint, which would end all checkpoints.
func TestAttributesThatWouldGrowTooLargeAreLeftAsTheyWere(t *testing.T) {
	s, err := New(nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	long := event.Value{Kind: event.String, Str: strings.Repeat("x", 200<<10)}
	for i, want := range []bool{true, false, true} {
		attrs := event.Attributes{{Key: string(rune('a' + i)), Value: long}}
		if i == 2 {
			attrs = event.Attributes{{Key: "c", Value: event.Value{Kind: event.Number, Num: 1}}}
		}
		if got := s.UpsertUser(&event.User{ID: "u", Attrs: attrs}); got != want {
			t.Errorf("user, upsert %d: %v", i, got)
		}
		if got := s.UpsertItem(&event.Item{ID: "i", Attrs: attrs}); got != want {
			t.Errorf("item, upsert %d: %v", i, got)
		}
	}
	for id := range uint32(1) {
		if n := len(s.users.AppendValue(nil, id)); n > 400<<10 {
			t.Errorf("the user takes %d bytes", n)
		}
		if n := len(s.items.AppendValue(nil, id)); n > 400<<10 {
			t.Errorf("the item takes %d bytes", n)
		}
	}
	if ref, _ := s.LookupItem("i"); len(s.Item(ref).Attrs) != 2 {
		t.Errorf("the item has %d attributes, want the first and the last", len(s.Item(ref).Attrs))
	}
}
