package archive

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"recsvc/internal/event"
)

// fileOf returns a part with the records of one kind of a random log.
func fileOf(t testing.TB, kind event.Kind, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	e := newPartEncoder(&b, kind)
	for i, payload := range randomLog(9, n) {
		r := event.Record{Offset: int64(i)}
		if err := event.DecodeRecord(payload, &r); err != nil {
			t.Fatal(err)
		}
		if r.Kind != kind {
			continue
		}
		if err := e.add(&r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readFile reads a part to its end.
func readFile(path string) (all []event.Record, err error) {
	p, err := openPart(path)
	if err != nil {
		return nil, err
	}
	for {
		records, err := p.read(batchRecords)
		if err != nil || len(records) == 0 {
			return all, errors.Join(err, p.close())
		}
		all = append(all, records...)
	}
}

func TestAFlippedBitIsFound(t *testing.T) {
	dir, log := t.TempDir(), randomLog(10, 400)
	add(t, dir, WriterOptions{}, 0, log)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, path := range partsOf(t, dir) {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		damaged := bytes.Clone(whole)
		damaged[rng.IntN(len(damaged))] ^= 1 << rng.IntN(8)
		write(t, path, damaged)
		if _, err := readBack(t, ReaderOptions{}, dir); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Fatalf("a bit of %s: %v", path, err)
		}
		write(t, path, whole[:len(whole)-1])
		if _, err := readBack(t, ReaderOptions{}, dir); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Fatalf("the end of %s: %v", path, err)
		}
		write(t, path, whole)
	}
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// The rows of files that some other program could have written.
type (
	bareEvent struct {
		Offset int64  `parquet:"log_offset"`
		Type   string `parquet:"type"`
		User   string `parquet:"user"`
	}
	nanoEvent struct {
		Offset int64  `parquet:"log_offset"`
		TS     int64  `parquet:"ts,timestamp(nanosecond)"`
		Type   string `parquet:"type,dict"`
		User   string `parquet:"user"`
		Hour   int32  `parquet:"hour"` // a column that nobody asked for
	}
	noUser struct {
		Offset int64  `parquet:"log_offset"`
		Type   string `parquet:"type"`
	}
	nullUser struct {
		Offset int64   `parquet:"log_offset"`
		Type   string  `parquet:"type"`
		User   *string `parquet:"user,optional"`
	}
	textOffset struct {
		Offset string `parquet:"log_offset"`
		Type   string `parquet:"type"`
		User   string `parquet:"user"`
	}
	listUser struct {
		Offset int64    `parquet:"log_offset"`
		Type   string   `parquet:"type"`
		User   []string `parquet:"user"`
	}
	typeless struct {
		Offset  int64             `parquet:"log_offset"`
		Type    string            `parquet:"type"`
		User    string            `parquet:"user"`
		Context map[string]string `parquet:"context"`
	}
	mistyped struct {
		Offset  int64             `parquet:"log_offset"`
		Type    string            `parquet:"type"`
		User    string            `parquet:"user"`
		Context map[string]string `parquet:"context"`
		Types   string            `parquet:"context_types"`
	}
	valued struct {
		Offset int64   `parquet:"log_offset"`
		Type   string  `parquet:"type"`
		User   string  `parquet:"user"`
		Value  float64 `parquet:"value"`
	}
)

func rows[T any](t *testing.T, rows ...T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFilesThatAreNoPartsAreRefusedByName(t *testing.T) {
	nan := 0.0
	nan /= nan
	good := fileOf(t, event.KindEvent, 50)
	longFooter := bytes.Clone(good)
	longFooter[len(longFooter)-5] = 0x7f
	for _, tc := range []struct {
		name string
		dir  string
		file []byte
		want string
	}{
		{"an empty file", "kind=event", nil, "no Parquet file has 0 bytes"},
		{"no Parquet", "kind=event", []byte(strings.Repeat("not parquet ", 10)), "does not end like a Parquet file"},
		{"the end is missing", "kind=event", good[:len(good)-20], "does not end like a Parquet file"},
		{"a footer longer than the file", "kind=event", longFooter, "does not fit into"},
		{"no kind", "somewhere", rows(t, bareEvent{1, "click", "u"}), "neither it nor a directory kind=… says"},
		{"no column for the user", "kind=event", rows(t, noUser{1, "click"}), "as records of the kind event: the column user is missing"},
		{"a null where none may be", "kind=event", rows(t, nullUser{1, "click", nil}), "row 0, column user: it is null and must not be"},
		{"an offset that is a text", "kind=event", rows(t, textOffset{"1", "click", "u"}), "the column log_offset is of the type STRING and must be INT64"},
		{"a list of users", "kind=event", rows(t, listUser{1, "click", []string{"u"}}), "the column user is nested in 1 lists or maps and must be in 0"},
		{"a context without its types", "kind=event", rows(t, typeless{1, "click", "u", map[string]string{"a": "b"}}), `row 0, column context: no type for the key "a"`},
		{"a type too many", "kind=event", rows(t, mistyped{1, "click", "u", map[string]string{"a": "b"}, "ss"}), "2 types for 1 keys"},
		{"no number", "kind=event", rows(t, mistyped{1, "click", "u", map[string]string{"a": "b"}, "n"}), `key "a": strconv.ParseFloat`},
		{"an infinite number", "kind=event", rows(t, mistyped{1, "click", "u", map[string]string{"a": "Inf"}, "n"}), "+Inf is no number"},
		{"no list", "kind=event", rows(t, mistyped{1, "click", "u", map[string]string{"a": "b"}, "l"}), `key "a": invalid character`},
		{"an unknown type", "kind=event", rows(t, mistyped{1, "click", "u", map[string]string{"a": "b"}, "x"}), "unknown type 'x'"},
		{"a value that is no number", "kind=event", rows(t, valued{1, "click", "u", nan}), "column value: NaN is no number"},
		{"not in the order of the log", "kind=event", rows(t, bareEvent{2, "click", "u"}, bareEvent{1, "click", "u"}), "record 1 and comes after record 2: sort the file by log_offset"},
		{"a place before the log", "kind=event", rows(t, bareEvent{-1, "click", "u"}), "-1 is no place in a log"},
		{"events where items should be", "kind=item", rows(t, bareEvent{1, "click", "u"}), "as records of the kind item: the column item is missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tc.dir, "x.parquet")
			write(t, path, tc.file)
			_, err := readBack(t, ReaderOptions{}, path)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

func TestFilesOfOtherProgramsAreReadWhereTheirColumnsFit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kind=event", "x.parquet")
	write(t, path, rows(t, nanoEvent{3, int64(day) + 1, "click", "u1", 5}, nanoEvent{7, int64(day) + 999, "my", "u2", 5}))
	got, err := readBack(t, ReaderOptions{}, path)
	if err != nil || len(got) != 2 {
		t.Fatalf("%v %v", got, err)
	}
	for i, want := range []struct {
		offset int64
		event  event.Event
	}{
		{3, event.Event{Type: "click", User: "u1", Time: day + 1}}, {7, event.Event{Type: "my", User: "u2", Time: day + 999}},
	} {
		e := got[i].Event
		if got[i].Offset != want.offset || e.Type != want.event.Type || e.User != want.event.User || e.Time != want.event.Time {
			t.Errorf("%+v, want %+v", *e, want)
		}
	}
}

func TestADamagedManifestIsNamed(t *testing.T) {
	for _, tc := range []struct{ name, from, to, want string }{
		{"no JSON", "{", "[", "is damaged"},
		{"another version", `"format": 1`, `"format": 2`, "is of version 2: this program reads version 1"},
		{"another stretch", `"next": 50`, `"next": 49`, "is damaged"},
		{"a part outside", `"path": "kind=`, `"path": "../kind=`, "outside the archive"},
		{"records that are not there", `"records": 50`, `"records": 51`, "is damaged"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			add(t, dir, WriterOptions{}, 0, randomLog(11, 50))
			path := filepath.Join(dir, manifestDir, pageName(0, 50))
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, []byte(strings.Replace(string(text), tc.from, tc.to, 1)))
			for _, open := range []func() error{
				func() error { _, err := NewReader([]string{dir}, ReaderOptions{}); return err },
				func() error { _, err := NewWriter(dir, WriterOptions{}); return err },
			} {
				if err := open(); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("%v, want %q", err, tc.want)
				}
			}
		})
	}
}

func FuzzPart(f *testing.F) {
	for kind := event.KindEvent; kind <= event.KindDeadLetter; kind++ {
		f.Add(fileOf(f, kind, 60))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		path := filepath.Join(t.TempDir(), "kind=event", "x.parquet")
		write(t, path, file)
		records, err := readFile(path)
		if err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Errorf("the error does not name the file: %v", err)
			}
			return
		}
		for i := range records { // what is read can be written to a log
			event.AppendRecord(nil, &records[i])
		}
	})
}
