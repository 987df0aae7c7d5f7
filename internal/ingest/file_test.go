package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"recsvc/internal/event"
)

// collect runs a source to its end and returns all that it handed out.
func collect(t testing.TB, s Source) ([]event.Record, error) {
	t.Helper()
	out := make(chan *Batch)
	done := make(chan error, 1)
	go func() {
		defer close(out)
		done <- s.Run(t.Context(), nil, out)
	}()
	var recs []event.Record
	for b := range out {
		if len(b.Records) == 0 {
			t.Error("an empty batch")
		}
		recs = append(recs, b.Records...)
	}
	return recs, <-done
}

// writeFile writes lines to a file, gzip when its name says so.
func writeFile(t testing.TB, dir, name string, lines ...string) string {
	t.Helper()
	text := []byte(strings.Join(lines, "\n") + "\n")
	if strings.HasSuffix(name, ".gz") {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, err := w.Write(text)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		text = b.Bytes()
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newTestFiles(t testing.TB, opts FilesOptions) *Files {
	t.Helper()
	f, err := NewFiles(newTestValidator(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// brief writes records in a form that tests can compare.
func brief(recs []event.Record) []string {
	var out []string
	for _, r := range recs {
		switch r.Kind {
		case event.KindEvent:
			out = append(out, fmt.Sprintf("%s@%d", r.Event.ID, r.Event.Time/1e6))
		case event.KindDeadLetter:
			out = append(out, fmt.Sprintf("!%s %s@%d", r.DeadLetter.Place, r.DeadLetter.Reason, r.Received/1e6))
		default:
			out = append(out, fmt.Sprintf("%s@%d", event.AppendJSON(nil, &r), r.Received/1e6))
		}
	}
	return out
}

func click(id string, ts int) string {
	if ts == 0 {
		return fmt.Sprintf(`{"id":%q,"type":"click","user":"u","item":"i"}`, id)
	}
	return fmt.Sprintf(`{"id":%q,"type":"click","user":"u","item":"i","ts":%d}`, id, ts)
}

func TestCatalogueComesFirstAndEventsByTime(t *testing.T) {
	dir := t.TempDir()
	var last Progress
	f := newTestFiles(t, FilesOptions{
		Items:    []string{writeFile(t, dir, "items.jsonl.gz", `{"item":"i1","price":1}`, `{"item":7}`)},
		Users:    []string{writeFile(t, dir, "users.jsonl", `{"user":"u1"}`)},
		Events:   []string{writeFile(t, dir, "a.jsonl", click("a1", 10), click("a2", 30), click("a3", 20), click("a4", 40)), writeFile(t, dir, "b.gz", click("b1", 10), "", click("b2", 25), click("b3", 40), click("b4", 50))},
		Progress: func(p Progress) { last = p },
	})
	recs, err := collect(t, f)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"item":"i1","price":1}@10`, "!items.jsonl.gz:2#item wrong_type@10", `{"user":"u1"}@10`,
		"a1@10", "b1@10", "b2@25", "a2@30", "a3@20", "a4@40", "b3@40", "b4@50",
	}
	if got := brief(recs); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if last.Records != int64(len(want)) || last.Bytes != last.Total || last.Total == 0 {
		t.Errorf("progress at the end: %+v", last)
	}
}

func TestAMissingTimeIsThatOfTheRecordBefore(t *testing.T) {
	dir := t.TempDir()
	f := newTestFiles(t, FilesOptions{Events: []string{
		writeFile(t, dir, "a", "{broken", click("a1", 0), click("a2", 20), click("a3", 0), `{"ts":90}`, click("a4", 0), click("a5", 15), click("a6", 0)),
		writeFile(t, dir, "b", click("b1", 17)),
	}})
	recs, err := collect(t, f)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"b1@17", "!a:1 bad_json@20", "!a:2 missing_field@20", "a2@20", "a3@20", "!a:5 missing_field@20", "a4@20", "a5@15", "a6@15",
	}
	if got := brief(recs); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if letter := recs[2].DeadLetter; string(letter.Bytes) != click("a1", 0) || letter.Source != "file" {
		t.Errorf("dead letter %+v", letter)
	}
	for _, r := range recs {
		if r.Kind == event.KindEvent && r.Received != r.Event.Time {
			t.Errorf("%s was received at %v, happened at %v", r.Event.ID, r.Received, r.Event.Time)
		}
	}
}

// The twin: repeatedly take the earliest head, as the contract puts it.
func naiveMerge(files [][]string, times [][]int) []string {
	var out []string
	next := make([]int, len(files))
	for {
		best := -1
		for i := range files {
			if next[i] < len(files[i]) && (best < 0 || times[i][next[i]] < times[best][next[best]]) {
				best = i
			}
		}
		if best < 0 {
			return out
		}
		out = append(out, fmt.Sprintf("%s@%d", files[best][next[best]], times[best][next[best]]))
		next[best]++
	}
}

func TestMergeAgreesWithATwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for round := range 30 {
		dir := t.TempDir()
		var paths []string
		var ids [][]string
		var times [][]int
		for file := range 1 + rng.IntN(6) {
			ts, lines := 1, []string{}
			ids, times = append(ids, nil), append(times, nil)
			for i := range rng.IntN(2000) {
				ts += rng.IntN(4)
				if rng.IntN(20) == 0 {
					ts = max(1, ts-rng.IntN(50)) // not sorted, and not to be
				}
				id := fmt.Sprintf("%d-%d", file, i)
				lines = append(lines, click(id, ts))
				ids[file], times[file] = append(ids[file], id), append(times[file], ts)
			}
			paths = append(paths, writeFile(t, dir, fmt.Sprint("f", file, []string{"", ".gz"}[file%2]), lines...))
		}
		recs, err := collect(t, newTestFiles(t, FilesOptions{Events: paths, Workers: 1 + round%3}))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := brief(recs), naiveMerge(ids, times); !slices.Equal(got, want) {
			t.Fatalf("round %d: %d records, want %d, or another order", round, len(got), len(want))
		}
	}
}

func TestSortedFilesMergeIntoASortedStream(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(9, 10))
	lines := make([][]string, 5)
	for ts := 1; ts < 5000; ts++ {
		i := rng.IntN(5)
		lines[i] = append(lines[i], click(fmt.Sprint(ts), ts))
	}
	var paths []string
	for i := range lines {
		paths = append(paths, writeFile(t, dir, fmt.Sprint(i), lines[i]...))
	}
	recs, err := collect(t, newTestFiles(t, FilesOptions{Events: paths}))
	if err != nil || len(recs) != 4999 {
		t.Fatalf("%d records, %v", len(recs), err)
	}
	if !slices.IsSortedFunc(recs, func(a, b event.Record) int { return int(a.Received - b.Received) }) {
		t.Error("the stream is not sorted")
	}
}

func TestLongLinesAreDeadLettersAndTheNextLinesAreRead(t *testing.T) {
	dir := t.TempDir()
	long := `{"id":"` + strings.Repeat("x", 3<<20) + `"}`
	middling := `{"id":"` + strings.Repeat("y", 300) + `"}`
	f := newTestFiles(t, FilesOptions{MaxRecordBytes: 200, Events: []string{
		writeFile(t, dir, "a", click("a1", 10), long, click("a2", 20), middling, click("a3", 30), strings.TrimSuffix(long, "}")),
	}})
	recs, err := collect(t, f)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a1@10", "!a:2 too_large@10", "a2@20", "!a:4 too_large@20", "a3@30", "!a:6 too_large@30"}
	if got := brief(recs); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if l := recs[1].DeadLetter; len(l.Bytes) != event.MaxDeadLetterBytes || l.Size != int64(len(long)) {
		t.Errorf("%d of %d bytes are kept, want %d of %d", len(l.Bytes), l.Size, event.MaxDeadLetterBytes, len(long))
	}
}

func TestABrokenFileStopsTheSource(t *testing.T) {
	dir := t.TempDir()
	var many []string
	for i := range 20_000 {
		many = append(many, click(fmt.Sprint("a", i, " ", rand.Uint64()), i+1))
	}
	path := writeFile(t, dir, "cut.gz", many...)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	other := writeFile(t, dir, "whole", many...)
	if _, err := collect(t, newTestFiles(t, FilesOptions{Events: []string{path, other}})); err == nil || !strings.Contains(err.Error(), "cut.gz: after line") {
		t.Errorf("error %v", err)
	}
	if _, err := NewFiles(newTestValidator(), FilesOptions{Users: []string{filepath.Join(dir, "absent")}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestNoFilesMakeNoRecords(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, opts := range []FilesOptions{{}, {Events: []string{empty, empty}, Items: []string{empty}}} {
		if recs, err := collect(t, newTestFiles(t, opts)); err != nil || len(recs) != 0 {
			t.Errorf("%d records, %v", len(recs), err)
		}
	}
}

func TestAFileSourceStopsWhenTold(t *testing.T) {
	dir := t.TempDir()
	var many []string
	for i := range 50_000 {
		many = append(many, click("a", i+1))
	}
	f := newTestFiles(t, FilesOptions{Events: []string{writeFile(t, dir, "a", many...), writeFile(t, dir, "b", many...)}})
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan *Batch)
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx, nil, out) }()
	<-out
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestLinesAreCutTheSameWhateverTheChunk(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	var text []byte
	var want []string
	for range 400 {
		line := strings.Repeat("a", rng.IntN(40))
		if line != "" {
			want = append(want, line)
		}
		text = append(append(text, line...), '\n')
	}
	text = append(text, "the end"...)
	want = append(want, "the end")
	for _, chunk := range []int{1, 2, 7, 64, 1000, 1 << 20} {
		r := &lineReader{src: bytes.NewReader(text), chunk: chunk, limit: 1 << 20}
		var got []string
		var last int64
		for {
			c, err := r.next()
			if err != nil {
				break
			}
			c.eachLine(func(line int64, text []byte) {
				if line <= last {
					t.Errorf("line %d after %d", line, last)
				}
				last = line
				got = append(got, string(text))
			})
		}
		if !slices.Equal(got, want) || last != 401 {
			t.Errorf("chunks of %d: %d lines, want %d; the last is %d", chunk, len(got), len(want), last)
		}
	}
}

func TestDecodingIsTheSameWithManyWorkers(t *testing.T) {
	dir := t.TempDir()
	var lines []string
	for i := range 20_000 {
		lines = append(lines, click(fmt.Sprint(i), i%3*(i+1)))
	}
	path := writeFile(t, dir, "a.gz", lines...)
	one, err := collect(t, newTestFiles(t, FilesOptions{Events: []string{path}, Workers: 1}))
	if err != nil {
		t.Fatal(err)
	}
	many, err := collect(t, newTestFiles(t, FilesOptions{Events: []string{path}, Workers: 8}))
	if err != nil || !reflect.DeepEqual(one, many) {
		t.Errorf("other records with more workers, %v", err)
	}
}

// benchmarkFile holds n events in the three forms of kuairand.
func benchmarkFile(b *testing.B, n int) string {
	forms := []string{
		`{"id":"e%d","type":"exposure","user":"u%d","item":"v%d","ts":"2022-04-24T15:05:41.%03dZ","request":"r%d","context":{"tab":1,"duration":49.866}}`,
		`{"id":"c%d","type":"click","user":"u%d","item":"v%d","ts":"2022-04-24T15:05:41.%03dZ","request":"r%d"}`,
		`{"id":"d%d","type":"dwell","user":"u%d","item":"v%d","ts":"2022-04-24T15:06:43.%03dZ","request":"r%d","value":61.802}`,
	}
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(forms[i%3], i, i%25_000, i%6000, i%1000, i)
	}
	return writeFile(b, b.TempDir(), "events.jsonl.gz", lines...)
}

func BenchmarkFiles(b *testing.B) {
	const n = 200_000
	path := benchmarkFile(b, n)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		recs, err := collect(b, newTestFiles(b, FilesOptions{Events: []string{path}}))
		if err != nil || len(recs) != n {
			b.Fatal(len(recs), err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
