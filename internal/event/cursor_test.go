package event

import (
	"slices"
	"testing"
)

func TestCursorTextFormReadsBackAsItself(t *testing.T) {
	for _, text := range []string{"", "0-0", "0-1834", "0-1834.1-99", "7-9223372036854775807.2147483647-1"} {
		c, err := ParseCursor(text)
		if err != nil {
			t.Fatalf("ParseCursor(%q): %v", text, err)
		}
		if got := c.String(); got != text {
			t.Errorf("ParseCursor(%q).String() = %q", text, got)
		}
	}
}

func TestParseCursorRefusesEverythingElse(t *testing.T) {
	for _, text := range []string{
		"-", "0", "0-", "-1", "0-1.", ".0-1", "0-1..1-2", "0--1", "+0-1", "00-1", "0-01", "1-0.0-0", "0-1.0-2",
		"0-9223372036854775808", "2147483648-0", "a-1", "0-1 ", "0_0-1", "0x1-1", "0-1-2",
	} {
		if c, err := ParseCursor(text); err == nil {
			t.Errorf("ParseCursor(%q) = %v, want an error", text, c)
		}
	}
}

func TestCursorSetKeepsPartitionsInOrder(t *testing.T) {
	var c Cursor
	for _, p := range []int32{3, 0, 2, 3} {
		c = c.Set(p, int64(p)*10)
	}
	if got := c.String(); got != "0-0.2-20.3-30" {
		t.Fatalf("cursor %q", got)
	}
	if c.Offset(2) != 20 || c.Offset(1) != 0 {
		t.Errorf("offsets %d, %d; want 20, 0", c.Offset(2), c.Offset(1))
	}
	later := c.Clone().Set(2, 21)
	if !later.Covers(c) || c.Covers(later) || !slices.Equal(c, Cursor{{0, 0}, {2, 20}, {3, 30}}) {
		t.Errorf("%v and %v do not order as they should", c, later)
	}
}

func FuzzParseCursor(f *testing.F) {
	f.Add("0-1834.1-99")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCursor(text)
		if err == nil && c.String() != text {
			t.Errorf("%q reads as %q", text, c)
		}
	})
}
