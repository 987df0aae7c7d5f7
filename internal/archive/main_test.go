package archive

import (
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"recsvc/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var day = event.FromTime(time.Date(2022, 4, 10, 12, 0, 0, 0, time.UTC))

// randomLog returns the binary forms of n records of all kinds, in the order of a log.
func randomLog(seed uint64, n int) [][]byte {
	rng := rand.New(rand.NewPCG(seed, 0))
	payloads := make([][]byte, n)
	for i := range payloads {
		r := randomRecord(rng, day.Add(time.Duration(i)*20*time.Second+time.Duration(rng.IntN(1e9))))
		payloads[i] = event.AppendRecord(nil, &r)
	}
	return payloads
}

func randomRecord(rng *rand.Rand, now event.Time) event.Record {
	r := event.Record{Received: now}
	text := func() string {
		return []string{"", "a", "城市", "with \"quotes\"", fmt.Sprint(rng.IntN(1000)), "\x00", "bad \xff text"}[min(rng.IntN(100), 6)*rng.IntN(2)]
	}
	switch k := rng.IntN(20); {
	case k < 12:
		r.Kind, r.Event = event.KindEvent, &event.Event{
			ID: text(), Type: []string{"click", "exposure", "my_type"}[rng.IntN(3)], User: "u" + text(), Item: text(), Request: text(),
			Session: text(), Text: text(), Time: now.Add(-time.Duration(rng.IntN(4)) * time.Hour), Context: randomAttributes(rng, false),
		}
		if rng.IntN(2) == 0 {
			r.Event.Position, r.Event.Propensity = int32(rng.IntN(5)), rng.Float64()
			r.Event.Value, r.Event.HasValue = []float64{0, 0.1, -3, math.Copysign(0, -1), 1e300}[rng.IntN(5)], true
		}
		if rng.IntN(50) == 0 {
			r.Event.Time = 0
		}
	case k < 14:
		r.Kind, r.Item = event.KindItem, &event.Item{ID: "i" + text(), Attrs: randomAttributes(rng, true)}
		if rng.IntN(4) == 0 {
			r.Item.Deleted, r.Item.Attrs = true, nil
		}
	case k < 15:
		r.Kind, r.User = event.KindUser, &event.User{ID: "u" + text(), Attrs: randomAttributes(rng, true)}
	case k < 17:
		r.Kind, r.Served = event.KindServed, &event.Served{
			Request: text(), User: text(), Scene: text(), Model: text(), Variant: text(), Time: now, Context: randomAttributes(rng, false),
		}
		for range rng.IntN(4) {
			r.Served.Items = append(r.Served.Items, event.ServedItem{Item: text(), Score: rng.NormFloat64(), Propensity: rng.Float64()})
		}
		if rng.IntN(4) == 0 {
			r.Served.Swap = [2]int32{1 + rng.Int32N(3), 5}
		}
	case k < 18:
		r.Kind, r.Control = event.KindControl, &event.Control{Type: "restore", Attrs: randomAttributes(rng, true)}
	case k < 19:
		r.Kind, r.Tick = event.KindTick, &event.Tick{Time: now}
	default:
		r.Kind, r.DeadLetter = event.KindDeadLetter, &event.DeadLetter{
			Source: "http", Reason: text(), Detail: text(), Place: text(), Bytes: []byte(text()), Size: int64(rng.IntN(3)),
		}
	}
	if rng.IntN(100) == 0 {
		r.Received = 0
	}
	return r
}

func randomAttributes(rng *rand.Rand, nulls bool) event.Attributes {
	var a event.Attributes
	for i := range rng.IntN(5) * rng.IntN(2) {
		v := event.Value{Kind: event.ValueKind(1 + rng.IntN(4))}
		switch v.Kind {
		case event.Number:
			v.Num = []float64{0, 5, -0.1, 1e21, math.MaxFloat64, math.SmallestNonzeroFloat64, math.NaN()}[min(rng.IntN(200), 6)]
		case event.Bool:
			v.Num = float64(rng.IntN(2))
		case event.String:
			v.Str = []string{"", "5", "true", "[\"a\"]", "null"}[rng.IntN(5)]
		case event.List:
			for range rng.IntN(3) {
				v.List = append(v.List, []string{"", "x", "ü\n", "<&\u2028>"}[rng.IntN(4)])
			}
		}
		if nulls && rng.IntN(5) == 0 {
			v = event.Value{}
		}
		a = append(a, event.Attribute{Key: fmt.Sprintf("k%02d", i), Value: v})
	}
	return a
}

// add puts payloads from record first on into an archive that need not exist.
func add(t testing.TB, dir string, opts WriterOptions, first int64, payloads [][]byte) *Writer {
	t.Helper()
	w, err := NewWriter(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	from, err := w.Resume(7, 0, first, false)
	if err != nil || from != first {
		t.Fatalf("goes on at record %d (%v), want %d", from, err, first)
	}
	feed(t, w, payloads)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

func feed(t testing.TB, w *Writer, payloads [][]byte) {
	t.Helper()
	for _, p := range payloads {
		r := event.Record{Offset: w.Next()}
		if err := event.DecodeRecord(p, &r); err != nil {
			t.Fatal(err)
		}
		if err := w.Add(t.Context(), &r, p); err != nil {
			t.Fatal(err)
		}
	}
}

// readBack returns what a reader hands out.
func readBack(t testing.TB, opts ReaderOptions, paths ...string) ([]event.Record, error) {
	t.Helper()
	r, err := NewReader(paths, opts)
	if err != nil {
		return nil, err
	}
	var all []event.Record
	err = r.Run(t.Context(), func(records []event.Record) error {
		all = append(all, records...)
		return nil
	})
	return all, err
}

// same checks that records are those that payloads encode, from record first on, bit for bit.
func same(t testing.TB, got []event.Record, first int64, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].Offset != first+int64(i) || got[i].Partition != 0 {
			t.Fatalf("record %d of partition %d stands at the place of %d", got[i].Offset, got[i].Partition, first+int64(i))
		}
		if b := event.AppendRecord(nil, &got[i]); string(b) != string(want[i]) {
			t.Fatalf("record %d has changed:\n%q\n%q", got[i].Offset, b, want[i])
		}
	}
}

// partsOf returns the paths of an archive's files, below dir.
func partsOf(t testing.TB, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".parquet" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(paths)
	return paths
}
