package archive

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
)

func TestEveryRecordComesBackAsItWasInTheOrderOfTheLog(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts WriterOptions
		n    int
	}{
		{"one stretch", WriterOptions{}, 5000},
		{"many stretches", WriterOptions{StretchRecords: 700}, 5000},
		{"a stretch for each record", WriterOptions{StretchRecords: 1}, 100},
		{"stretches by bytes", WriterOptions{StretchBytes: 10_000}, 3000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, log := filepath.Join(t.TempDir(), "a"), randomLog(1, tc.n)
			w := add(t, dir, tc.opts, 0, log)
			if w.Added().Records != int64(tc.n) {
				t.Errorf("%+v", w.Added())
			}
			got, err := readBack(t, ReaderOptions{}, dir)
			if err != nil {
				t.Fatal(err)
			}
			same(t, got, 0, log)
		})
	}
}

func TestFilesAreReadWithoutTheirManifestToo(t *testing.T) {
	dir, log := t.TempDir(), randomLog(2, 2000)
	add(t, dir, WriterOptions{StretchRecords: 500}, 0, log)
	if err := os.RemoveAll(filepath.Join(dir, manifestDir)); err != nil {
		t.Fatal(err)
	}
	for _, paths := range [][]string{{dir}, {filepath.Join(dir, "kind=*")}, {filepath.Join(dir, "kind=*", "*", "*", "*.parquet")}, partsOf(t, dir)} {
		got, err := readBack(t, ReaderOptions{}, paths...)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, 0, log)
	}
}

func TestASecondRunGoesOnWhereTheFirstEnded(t *testing.T) {
	dir, log := t.TempDir(), randomLog(3, 900)
	add(t, dir, WriterOptions{}, 0, log[:300])
	add(t, dir, WriterOptions{}, 300, log[300:600])
	if w := add(t, dir, WriterOptions{}, 600, nil); w.Added().Records != 0 {
		t.Errorf("a run over nothing new has added %+v", w.Added())
	}
	add(t, dir, WriterOptions{}, 600, log[600:])
	got, err := readBack(t, ReaderOptions{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, 0, log)
}

func TestWhatAnInterruptedRunLeavesIsNotInTheArchive(t *testing.T) {
	dir, log := t.TempDir(), randomLog(4, 600)
	add(t, dir, WriterOptions{}, 0, log[:300])
	add(t, dir, WriterOptions{}, 300, log[300:])
	pages, err := os.ReadDir(filepath.Join(dir, manifestDir))
	if err != nil || len(pages) != 2 {
		t.Fatalf("%v %v", pages, err)
	}
	if err := os.Remove(filepath.Join(dir, manifestDir, pages[1].Name())); err != nil { // stopped just before the page was written
		t.Fatal(err)
	}
	torn := filepath.Join(dir, "kind=event", "date=2022-04-10", "hour=12", partName(900, 950)+tempSuffix)
	foreign := filepath.Join(dir, "kind=event", "notes.parquet.bak")
	for _, path := range []string{torn, foreign} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readBack(t, ReaderOptions{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, 0, log[:300])
	add(t, dir, WriterOptions{StretchRecords: 100}, 300, log[300:])
	if got, err = readBack(t, ReaderOptions{}, filepath.Join(dir, "kind=*")); err != nil { // no manifest: all files there are
		t.Fatal(err)
	}
	same(t, got, 0, log)
	if _, err := os.Stat(torn); err == nil {
		t.Error("the torn file is still there")
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file of somebody else is gone: %v", err)
	}
}

func TestAWriterRefusesWhatDoesNotFit(t *testing.T) {
	log := randomLog(5, 100)
	for _, tc := range []struct {
		name        string
		have, first int64
		id          int64
		gaps        bool
		want        error
		from        int64
	}{
		{"the same log", 0, 0, 7, false, nil, 100},
		{"the same log, trimmed up to the archive's end", 100, 0, 7, false, nil, 100},
		{"the same log, trimmed beyond", 150, 0, 7, false, ErrGap, 0},
		{"the same log, trimmed beyond, and that is allowed", 150, 0, 7, true, nil, 150},
		{"a later beginning is asked for", 0, 130, 7, false, nil, 130},
		{"an earlier one", 0, 10, 7, false, nil, 100},
		{"another log from the start", 0, 0, 8, false, ErrOtherLog, 0},
		{"another log, even with -append", 50, 0, 8, true, ErrOtherLog, 0},
		{"a log that was begun anew where the archive ends", 100, 0, 8, false, nil, 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			add(t, dir, WriterOptions{}, 0, log)
			w, err := NewWriter(dir, WriterOptions{})
			if err != nil {
				t.Fatal(err)
			}
			from, err := w.Resume(tc.id, tc.have, tc.first, tc.gaps)
			if !errors.Is(err, tc.want) || from != tc.from {
				t.Errorf("goes on at %d, %v; want %d, %v", from, err, tc.from, tc.want)
			}
		})
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.doc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewWriter(dir, WriterOptions{}); !errors.Is(err, ErrNoArchive) {
		t.Errorf("a directory of somebody else: %v", err)
	}
}

func TestAGapInTheArchiveIsTold(t *testing.T) {
	dir, log := t.TempDir(), randomLog(6, 100)
	add(t, dir, WriterOptions{}, 0, log[:40])
	w, err := NewWriter(dir, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Resume(7, 60, 0, true); err != nil {
		t.Fatal(err)
	}
	feed(t, w, log[60:])
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader([]string{dir}, ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if gaps := r.Summary().Gaps; len(gaps) != 1 || gaps[0] != (Gap{40, 60}) {
		t.Errorf("%v", gaps)
	}
}

func TestATimeRangeReadsItsHoursAndTheCatalogueBeforeThem(t *testing.T) {
	dir, log := t.TempDir(), randomLog(7, 3000)
	add(t, dir, WriterOptions{StretchRecords: 800}, 0, log)
	all, err := readBack(t, ReaderOptions{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	loose := t.TempDir() // the same without a manifest
	if err := os.CopyFS(loose, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(loose, manifestDir)); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name         string
		since, until event.Time
	}{
		{"since", day.Add(10 * time.Hour), 0},
		{"until", 0, day.Add(10*time.Hour + 7*time.Minute)},
		{"both, in the midst of hours", day.Add(5*time.Hour + 30*time.Minute), day.Add(20*time.Hour + time.Nanosecond)},
		{"whole hours", day.Add(5 * time.Hour), day.Add(6 * time.Hour)},
		{"nothing is that young", day.Add(1000 * time.Hour), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var want []event.Record
			for _, r := range all {
				at := timeOf(&r)
				catalogue := r.Kind == event.KindItem || r.Kind == event.KindUser
				if (tc.until == 0 || at < tc.until) && (at >= tc.since || catalogue) {
					want = append(want, r)
				}
			}
			for _, from := range []string{dir, loose} {
				r, err := NewReader([]string{from}, ReaderOptions{Since: tc.since, Until: tc.until})
				if err != nil {
					t.Fatal(err)
				}
				if r.Summary().Passed == 0 {
					t.Error("no part was left out")
				}
				got, err := readBack(t, ReaderOptions{Since: tc.since, Until: tc.until}, from)
				if err != nil {
					t.Fatal(err)
				}
				if len(got) != len(want) {
					t.Fatalf("%d records, want %d", len(got), len(want))
				}
				for i := range got {
					if got[i].Offset != want[i].Offset {
						t.Fatalf("record %d, want %d", got[i].Offset, want[i].Offset)
					}
				}
			}
		})
	}
}

func TestNamingARecordTwiceIsRefused(t *testing.T) {
	one, two, log := t.TempDir(), t.TempDir(), randomLog(8, 50)
	add(t, one, WriterOptions{}, 0, log)
	add(t, two, WriterOptions{}, 0, log)
	_, err := readBack(t, ReaderOptions{}, filepath.Join(one, "kind=event"), filepath.Join(two, "kind=event"))
	if err == nil || !strings.Contains(err.Error(), "in another file too") {
		t.Errorf("%v", err)
	}
}

func TestWhatCannotBeReadIsNamed(t *testing.T) {
	empty := t.TempDir()
	for _, tc := range []struct{ name, path, want string }{
		{"nothing there", filepath.Join(empty, "no"), "no: file does not exist"},
		{"an empty directory", empty, "is no archive, and holds no Parquet files"},
		{"a pattern without a match", filepath.Join(empty, "*.parquet"), "no file has such a name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := NewReader([]string{tc.path}, ReaderOptions{}); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
	if _, err := NewReader(nil, ReaderOptions{Since: 5, Until: 5}); err == nil {
		t.Error("an empty stretch of time was accepted")
	}
}
