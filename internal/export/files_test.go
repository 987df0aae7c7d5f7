package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"recsvc/internal/event"
	"recsvc/internal/features"
)

// allShapes is a schema with a feature of every shape.
var allShapes = Schema{Heads: []string{"click"}, Features: []features.Column{
	{Name: "n", Shape: features.ShapeNumber}, {Name: "c", Shape: features.ShapeCategory}, {Name: "cs", Shape: features.ShapeCategories},
	{Name: "w", Shape: features.ShapeWeighted}, {Name: "v", Shape: features.ShapeVector},
}}

const t0 = event.Time(1_772_000_000_123_456_789)

// fullRow has a value in every column, emptyRow in as few as can be.
func fullRow() *Row {
	return &Row{
		Request: "r1", Scene: "home", Variant: "a=b", User: "ann", Item: "mug \"x\"", Position: 3, Exposed: t0, Captured: t0 - 1e9,
		CapturedBy: "served", Implied: true, Propensity: 0.25, Weight: 4, Theta: 0.1,
		Heads: []Outcome{{Label: Positive, Time: t0 + 5, Value: 12.5, P: 0.3}},
		Features: []features.NamedValue{
			{Number: 0.1}, {Text: "red", Number: math.NaN()}, {List: []string{"a", "b"}},
			{List: []string{"x", "y"}, Weights: []float64{0.5, 2}}, {Weights: []float64{1, -2, 3}},
		},
	}
}

func emptyRow() *Row {
	return &Row{
		Item: "cup", Exposed: t0, Captured: t0, CapturedBy: "exposure", CapturedLate: true, Weight: 1, Theta: 1,
		Heads:    []Outcome{{Label: Unknown, Value: math.NaN(), P: 0.5}},
		Features: []features.NamedValue{{Number: math.NaN()}, {}, {}, {}, {}},
	}
}

func write(t *testing.T, path string, opts FilesOptions, rows ...*Row) []string {
	t.Helper()
	f, err := CreateFiles(path, allShapes, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := f.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	names, err := f.Commit()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Abort(); err != nil {
		t.Errorf("abort after commit: %v", err)
	}
	return names
}

func TestARowAsJSONHasAllColumnsInTheirOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.ndjson")
	write(t, path, FilesOptions{}, fullRow(), emptyRow())
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"request":"r1","user":"ann","item":"mug \"x\"","position":3,"exposed_at":"2026-02-25T06:13:20.123456789Z","captured_at":"2026-02-25T06:13:19.123456789Z","captured_by":"served","captured_late":false,"implied":true,"scene":"home","variant":"a=b","propensity":0.25,"weight":4,"theta":0.1,"label_click":true,"time_click":"2026-02-25T06:13:20.123456794Z","value_click":12.5,"p_click":0.3,"feature_n":0.1,"feature_c":"red","feature_cs":["a","b"],"feature_w":["x","y"],"weights_w":[0.5,2],"feature_v":[1,-2,3]}
{"request":null,"user":null,"item":"cup","position":null,"exposed_at":"2026-02-25T06:13:20.123456789Z","captured_at":"2026-02-25T06:13:20.123456789Z","captured_by":"exposure","captured_late":true,"implied":false,"scene":null,"variant":null,"propensity":null,"weight":1,"theta":1,"label_click":null,"time_click":null,"value_click":null,"p_click":0.5,"feature_n":null,"feature_c":null,"feature_cs":[],"feature_w":[],"weights_w":[],"feature_v":[]}
`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestParquetHasTheSameColumnsAndValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.parquet")
	write(t, path, FilesOptions{Maker: Maker{Version: "1", Facts: map[string]string{"k": "v"}}}, fullRow(), emptyRow())
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := f.Lookup("k"); !ok || v != "v" {
		t.Errorf("metadata k is %q", v)
	}
	var names []string
	for _, field := range f.Root().Columns() {
		names = append(names, field.Name())
	}
	var want []string
	for _, c := range allShapes.columns() {
		want = append(want, c.name)
	}
	if !slices.Equal(names, want) {
		t.Errorf("columns %q, want %q", names, want)
	}
	reader := parquet.NewReader(f)
	defer reader.Close()
	rows := make([]parquet.Row, 3)
	n, err := reader.ReadRows(rows)
	if n != 2 || err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%d rows: %v", n, err)
	}
	for i, want := range []string{
		`r1|ann|mug "x"|3|1772000000123456|1771999999123456|served|false|true|home|a=b|0.25|4|0.1|true|1772000000123456|12.5|0.3|0.1|red|a,b|x,y|0.5,2|1,-2,3`,
		`<null>|<null>|cup|<null>|1772000000123456|1772000000123456|exposure|true|false|<null>|<null>|<null>|1|1|<null>|<null>|<null>|0.5|<null>|<null>|<null>|<null>|<null>|<null>`,
	} {
		if got := flat(rows[i]); got != want {
			t.Errorf("row %d is\n%s\nwant\n%s", i, got, want)
		}
	}
}

// flat joins a row's columns with bars and the elements of a column with commas.
func flat(row parquet.Row) string {
	var b strings.Builder
	for i, v := range row {
		switch {
		case i == 0:
		case v.Column() == row[i-1].Column():
			b.WriteByte(',')
		default:
			b.WriteByte('|')
		}
		fmt.Fprint(&b, v)
	}
	return b.String()
}

func TestADirectoryGetsFilesOfBoundedSize(t *testing.T) {
	for _, format := range []Format{NDJSON, Parquet} {
		dir := filepath.Join(t.TempDir(), "out") + "/"
		names := write(t, dir, FilesOptions{Format: format, PartRows: 2}, fullRow(), emptyRow(), fullRow(), emptyRow(), fullRow())
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 3 || len(names) != 3 {
			t.Fatalf("%d files, named %q: %v", len(entries), names, err)
		}
		if want := fmt.Sprintf("part-00002.%s", format); entries[2].Name() != want || filepath.Base(names[2]) != want {
			t.Errorf("the last file is %s, named %s", entries[2].Name(), names[2])
		}
		if _, err := CreateFiles(dir, allShapes, FilesOptions{}); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("a directory with files in it: %v", err)
		}
	}
}

func TestNothingHasItsNameBeforeAllIsComplete(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rows.parquet")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := CreateFiles(path, allShapes, FilesOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Write(fullRow()), f.Abort()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if b, err := os.ReadFile(path); string(b) != "old" {
		t.Errorf("the file says %q: %v", b, err)
	}
}

func TestWhatIsPackedComesBackUnchanged(t *testing.T) {
	values := make([]features.NamedValue, len(allShapes.Features))
	long := fullRow()
	long.Features[1].Text = strings.Repeat("x", 20_000)
	for range 2 { // with what the run before has left in them
		for _, r := range []*Row{long, emptyRow(), fullRow()} {
			unpack(string(pack(nil, allShapes.Features, r.Features)), allShapes.Features, values)
			for i, want := range r.Features {
				got := values[i]
				if number := allShapes.Features[i].Shape == features.ShapeNumber; number && math.Float64bits(got.Number) != math.Float64bits(want.Number) ||
					got.Text != want.Text || !slices.Equal(got.List, want.List) || !slices.Equal(got.Weights, want.Weights) {
					t.Errorf("%s: %+v, want %+v", allShapes.Features[i].Name, got, want)
				}
			}
		}
	}
}
