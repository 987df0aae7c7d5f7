package event

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file anew")

func TestEveryKindReadsBackFromItsBinaryForm(t *testing.T) {
	for _, want := range sampleRecords(t) {
		got := Record{Partition: 3, Offset: 99}
		if err := DecodeRecord(AppendRecord(nil, &want), &got); err != nil {
			t.Fatalf("%v: %v", want.Kind, err)
		}
		if got.Partition != 3 || got.Offset != 99 {
			t.Errorf("the place in the log was overwritten: %d-%d", got.Partition, got.Offset)
		}
		got.Partition, got.Offset = 0, 0
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v reads back as %s", want.Kind, AppendJSON(nil, &got))
		}
	}
}

func TestTimesFarFromReceiptReadBack(t *testing.T) {
	for _, at := range []Time{1, -1, 1 << 62, -1 << 63, 1<<63 - 1} {
		want := Record{Kind: KindEvent, Received: -at, Event: &Event{Type: "click", User: "u", Time: at}}
		var got Record
		if err := DecodeRecord(AppendRecord(nil, &want), &got); err != nil || got.Event.Time != at {
			t.Errorf("time %d reads back as %v, %v", at, got.Event, err)
		}
	}
}

// goldenRecords are pinned: they may be added to, never changed.
func goldenRecords() []Record {
	context := Attributes{
		{"a", Value{Kind: Null}}, {"b", Value{Kind: Number, Num: 49.866}}, {"c", Value{Kind: Bool, Num: 1}},
		{"d", Value{Kind: String, Str: "é"}}, {"e", Value{Kind: List, List: []string{"x", "yz"}}},
	}
	return []Record{
		{Kind: KindEvent, Received: 1650812741500e6, Event: &Event{
			ID: "e0", Type: "exposure", User: "u712", Item: "v5239", Request: "r0", Session: "s0", Text: "t", Time: 1650812741436e6,
			Position: 3, Propensity: 0.25, Value: 1.5, HasValue: true, Context: context,
		}},
		{Kind: KindEvent, Received: 1, Event: &Event{Type: "a type of its own", User: "u"}},
		{Kind: KindItem, Received: 2, Item: &Item{ID: "i", Attrs: context}},
		{Kind: KindItem, Received: 3, Item: &Item{ID: "i", Deleted: true}},
		{Kind: KindUser, Received: 4, User: &User{ID: "u", Attrs: context}},
		{Kind: KindServed, Received: 5, Served: &Served{Request: "r", User: "u", Scene: "s", Time: 6, Model: "m@1", Variant: "a=b",
			Context: context, Items: []ServedItem{{"i", 0.5, 1}, {"j", -0.5, 0.125}}}},
		{Kind: KindControl, Received: 7, Control: &Control{Type: "restore", Attrs: context}},
		{Kind: KindTick, Received: 8, Tick: &Tick{Time: 9}},
		{Kind: KindDeadLetter, Received: 10, DeadLetter: &DeadLetter{Source: "http", Reason: "bad_json", Detail: "d", Place: "p", Bytes: []byte{0, 255}, Size: 2}},
	}
}

// goldenSwaps are those of version 2.
func goldenSwaps() []Record {
	return []Record{
		{Kind: KindServed, Received: 5, Served: &Served{Request: "r", User: "u", Scene: "s", Time: 6, Model: "m@1", Swap: [2]int32{2, 300},
			Items: []ServedItem{{"i", 0.5, 0.75}, {"j", -0.5, 0.125}}}},
		{Kind: KindServed, Received: 5, Served: &Served{Swap: [2]int32{1, 2}}},
	}
}

// A failure here means that logs written by earlier versions can no longer be read: do not update the file,
// add a version to the decoder.
func TestVersion1IsReadForEver(t *testing.T) {
	readForEver(t, "testdata/records_v1.hex", goldenRecords())
}

func TestVersion2IsReadForEver(t *testing.T) {
	readForEver(t, "testdata/records_v2.hex", goldenSwaps())
}

func TestASwapThatIsNoneIsCorrupt(t *testing.T) {
	for _, pair := range [][2]int32{{2, 2}, {3, 1}, {0, 4}, {-1, 4}} {
		raw := AppendRecord(nil, &Record{Kind: KindServed, Served: &Served{Swap: pair}})
		if err := DecodeRecord(raw, new(Record)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v: %v, want ErrCorrupt", pair, err)
		}
	}
	tick := AppendRecord(nil, &Record{Kind: KindTick, Tick: &Tick{Time: 3}})
	tick[0] = binaryV2
	if err := DecodeRecord(append(tick, 1, 2), new(Record)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a tick with a swap: %v, want ErrCorrupt", err)
	}
}

func readForEver(t *testing.T, path string, recs []Record) {
	t.Helper()
	if *update {
		var out strings.Builder
		for i := range recs {
			out.WriteString(hex.EncodeToString(AppendRecord(nil, &recs[i])) + "\n")
		}
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(file))
	if len(lines) != len(recs) {
		t.Fatalf("%d golden records, want %d", len(lines), len(recs))
	}
	for i, line := range lines {
		raw, err := hex.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		var got Record
		if err := DecodeRecord(raw, &got); err != nil {
			t.Errorf("record %d: %v", i, err)
		} else if !reflect.DeepEqual(got, recs[i]) {
			t.Errorf("record %d reads as %s", i, AppendJSON(nil, &got))
		}
		if now := AppendRecord(nil, &recs[i]); !bytes.Equal(now, raw) {
			t.Errorf("record %d is now written as %x, was %x", i, now, raw)
		}
	}
}

func TestDamageIsToldApart(t *testing.T) {
	for _, rec := range append(goldenRecords(), goldenSwaps()...) {
		raw := AppendRecord(nil, &rec)
		var got Record
		for n := range raw {
			if err := DecodeRecord(raw[:n], &got); !errors.Is(err, ErrShort) {
				t.Fatalf("%v cut to %d of %d bytes: %v, want ErrShort", rec.Kind, n, len(raw), err)
			}
		}
		if err := DecodeRecord(append(bytes.Clone(raw), 0), &got); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%v with a byte too many: %v, want ErrCorrupt", rec.Kind, err)
		}
		newer := bytes.Clone(raw)
		newer[0] = 3
		if err := DecodeRecord(newer, &got); !errors.Is(err, ErrVersion) {
			t.Errorf("%v of version 3: %v, want ErrVersion", rec.Kind, err)
		}
		strange := bytes.Clone(raw)
		strange[1] = 99
		if err := DecodeRecord(strange, &got); !errors.Is(err, ErrCorrupt) {
			t.Errorf("kind 99: %v, want ErrCorrupt", err)
		}
	}
}

func TestUnsortedKeysAreCorrupt(t *testing.T) {
	rec := Record{Kind: KindUser, User: &User{ID: "u", Attrs: Attributes{{"b", Value{}}, {"a", Value{}}}}}
	var got Record
	if err := DecodeRecord(AppendRecord(nil, &rec), &got); !errors.Is(err, ErrCorrupt) {
		t.Errorf("error %v, want ErrCorrupt", err)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	for _, rec := range goldenRecords() {
		f.Add(AppendRecord(nil, &rec))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var rec, again Record
		if err := DecodeRecord(raw, &rec); err != nil {
			if !errors.Is(err, ErrShort) && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		first := AppendRecord(nil, &rec)
		if err := DecodeRecord(first, &again); err != nil {
			t.Fatalf("%x, written as %x, does not read back: %v", raw, first, err)
		}
		if second := AppendRecord(nil, &again); !bytes.Equal(first, second) {
			t.Fatalf("%x reads back as %x", first, second)
		}
	})
}
