package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// snapshot is the content of every file in a directory.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		files[e.Name()] = string(mustReadFile(t, filepath.Join(dir, e.Name())))
	}
	return files
}

// restore makes the directory what it was.
func restore(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name := range snapshot(t, dir) {
		if _, ok := files[name]; !ok {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, content := range files {
		mustWriteFile(t, filepath.Join(dir, name), []byte(content))
	}
}

// threeSegments is a log of a few records, closed in order, and its payloads.
func threeSegments(t testing.TB) (string, [][]byte) {
	dir := t.TempDir()
	batches := [][][]byte{{[]byte("zero"), nil}, {[]byte("two")}, {[]byte("three"), []byte("four"), []byte("the last")}}
	written(t, dir, Options{SegmentBytes: 1}, batches...)
	var all [][]byte
	for _, b := range batches {
		all = append(all, b...)
	}
	return dir, all
}

// whole checks that a log which opens holds every payload, or says on reading that it does not; it reports which.
func whole(t testing.TB, dir string, payloads [][]byte) (ok bool) {
	t.Helper()
	l, err := Open(dir, Options{})
	if err != nil {
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Fatalf("opening: %v", err)
		}
		return false
	}
	defer l.Close()
	got, err := readAll(t.Context(), l, 0)
	for i, p := range got {
		if !bytes.Equal(p, payloads[i]) {
			t.Fatalf("record %d is %q, was %q", i, p, payloads[i])
		}
	}
	_, verr := l.Verify(t.Context(), VerifyOptions{})
	switch {
	case err != nil && !errors.Is(err, ErrCorrupt):
		t.Fatalf("reading: %v", err)
	case (err == nil) != (verr == nil):
		t.Fatalf("reading: %v, verifying: %v", err, verr)
	case err == nil && len(got) != len(payloads):
		t.Fatalf("%d records of %d are left", len(got), len(payloads))
	}
	return err == nil
}

func TestEveryFlippedByteOfEveryFileIsNoticed(t *testing.T) {
	dir, payloads := threeSegments(t)
	files := snapshot(t, dir)
	for name, content := range files {
		for at := range len(content) {
			for _, mask := range []byte{0x01, 0x80} {
				b := []byte(content)
				b[at] ^= mask
				mustWriteFile(t, filepath.Join(dir, name), b)
				_, err := VerifyDir(dir)
				if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
					t.Fatalf("byte %d of %s flipped: VerifyDir = %v", at, name, err)
				}
				if whole(t, dir, payloads) {
					t.Fatalf("byte %d of %s flipped: nobody noticed", at, name)
				}
				restore(t, dir, files)
			}
		}
	}
	if !whole(t, dir, payloads) {
		t.Fatal("the test has left damage behind")
	}
}

func TestEveryTruncationOfEveryFileIsNoticed(t *testing.T) {
	dir, payloads := threeSegments(t)
	files := snapshot(t, dir)
	for name, content := range files {
		for size := range len(content) {
			mustWriteFile(t, filepath.Join(dir, name), []byte(content[:size]))
			if _, err := VerifyDir(dir); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("%s cut at %d: VerifyDir = %v", name, size, err)
			}
			if whole(t, dir, payloads) {
				t.Fatalf("%s cut at %d: nobody noticed", name, size)
			}
			restore(t, dir, files)
		}
	}
}

func TestEveryMissingFileIsNoticedButTheMark(t *testing.T) {
	dir, payloads := threeSegments(t)
	files := snapshot(t, dir)
	names := segmentFiles(t, dir)
	for i, path := range names {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		l, err := Open(dir, Options{})
		switch {
		case i == 0: // as if retention had removed it: it is up to the reader to ask for First
			if err != nil || l.First() != 2 {
				t.Fatalf("without the oldest segment: %v", err)
			}
			mustClose(t, l)
		case !errors.Is(err, ErrCorrupt):
			t.Fatalf("without %s: %v", path, err)
		}
		restore(t, dir, files)
	}
	for _, path := range names {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("without any segment: %v", err)
	}
	restore(t, dir, files)
	forget(t, dir)
	if !whole(t, dir, payloads) {
		t.Fatal("without the mark the log does not open")
	}
	if files[markName] != snapshot(t, dir)[markName] {
		t.Error("the mark was not made again")
	}
}

func TestVerifyDirChangesNothingAndSaysWhatIsTorn(t *testing.T) {
	dir, payloads := threeSegments(t)
	path := segmentFiles(t, dir)[2]
	for _, extra := range []string{"", "half a reco"} {
		files := snapshot(t, dir)
		files[filepath.Base(path)] += extra
		files[segmentName(99)+tempSuffix] = "left by a crash"
		restore(t, dir, files)
		report, err := VerifyDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := Report{Segments: 3, Records: int64(len(payloads)), First: 0, Next: int64(len(payloads))}
		for _, path := range segmentFiles(t, dir) {
			want.Bytes += int64(len(mustReadFile(t, path)))
		}
		want.Bytes -= int64(len(extra))
		if extra != "" {
			want.Torn = Repair{File: path, Offset: int64(len(mustReadFile(t, path)) - len(extra)), Bytes: int64(len(extra))}
		}
		if report != want {
			t.Errorf("%+v, want %+v", report, want)
		}
		if got := snapshot(t, dir); fmt.Sprint(got) != fmt.Sprint(files) {
			t.Error("files have changed")
		}
	}
	l := mustOpen(t, dir, Options{})
	if _, err := VerifyDir(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("while the log is open: %v", err)
	}
	mustClose(t, l)
	if report, err := VerifyDir(t.TempDir()); err != nil || report != (Report{}) {
		t.Errorf("an empty directory: %+v, %v", report, err)
	}
	if _, err := VerifyDir(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

func TestVerifyDirNamesEveryDamagedSegment(t *testing.T) {
	dir, _ := threeSegments(t)
	for _, path := range segmentFiles(t, dir) {
		b := mustReadFile(t, path)
		b[len(b)-1] ^= 1
		mustWriteFile(t, path, b)
	}
	_, err := VerifyDir(dir)
	for _, path := range segmentFiles(t, dir) {
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(path)) {
			t.Errorf("%s is not named in: %v", path, err)
		}
	}
}

// sleeper notes how long it was asked to sleep, and ends the context after some sleeps.
type sleeper struct {
	slept  time.Duration
	left   int
	cancel func()
}

func (s *sleeper) sleep(ctx context.Context, d time.Duration) error {
	s.slept += d
	if s.left--; s.left == 0 {
		s.cancel()
	}
	return ctx.Err()
}

func TestVerifyKeepsItsPaceAndGoesOnWhereItWasBrokenOff(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	reg := prometheus.NewRegistry()
	l := mustOpen(t, t.TempDir(), Options{SegmentBytes: 1, Clock: func() time.Time { return now }, Registerer: reg})
	for range 10 {
		mustAppend(t, l, make([]byte, 983)) // with its frame 1,000 bytes
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := &sleeper{left: 4, cancel: cancel}
	opts := VerifyOptions{BytesPerSecond: 1000, MaxAge: time.Hour, Sleep: s.sleep}
	report, err := l.Verify(ctx, opts)
	if !errors.Is(err, context.Canceled) || report.Segments != 3 || s.slept != 4*time.Second {
		t.Fatalf("broken off in the fourth segment: %+v after %v, %v", report, s.slept, err)
	}
	want := Report{Segments: 7, Records: 7, Bytes: 7 * (1000 + headerBytes), Next: 10}
	if report, err = l.Verify(t.Context(), opts); err != nil || report != want {
		t.Fatalf("the rest: %+v, %v; want %+v", report, err, want)
	}
	want = Report{Segments: 1, Records: 1, Bytes: 1000 + headerBytes, Next: 10}
	if report, err = l.Verify(t.Context(), opts); err != nil || report != want {
		t.Fatalf("soon after, the active one only: %+v, %v; want %+v", report, err, want)
	}
	now = now.Add(time.Hour)
	if report, err = l.Verify(t.Context(), opts); err != nil || report.Segments != 10 {
		t.Fatalf("later: %+v, %v", report, err)
	}
	for name, want := range map[string]float64{"segments": 21, "records": 22, "damage": 0} { // the one broken off was read
		if got := metricValue(t, reg, "recsvc_wal_scrub_"+name+"_total"); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := metricValue(t, reg, "recsvc_wal_scrub_last_seconds"); got != float64(now.Unix()) {
		t.Errorf("last pass at %v", got)
	}

	path := segmentFiles(t, l.dir)[4]
	b := mustReadFile(t, path)
	b[len(b)-1] ^= 1
	mustWriteFile(t, path, b)
	var corrupt *CorruptError
	if _, err = l.Verify(t.Context(), VerifyOptions{}); !errors.As(err, &corrupt) || corrupt.File != path || corrupt.Offset != headerBytes || corrupt.Sequence != 4 {
		t.Errorf("damage: %v", err)
	}
	if got := metricValue(t, reg, "recsvc_wal_scrub_damage_total"); got != 1 {
		t.Errorf("damage counted: %v", got)
	}
}

// metricValue returns the value of a counter or gauge without labels.
func metricValue(t testing.TB, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestVerifyPassesOverWhatRetentionRemoves(t *testing.T) {
	l := mustOpen(t, t.TempDir(), Options{SegmentBytes: 1, RetainBytes: 1})
	for range 5 {
		mustAppend(t, l, []byte("abc"))
	}
	trimmed := false
	sleep := func(context.Context, time.Duration) error {
		if trimmed {
			return nil
		}
		trimmed = true
		return l.TrimBefore(4)
	}
	if report, err := l.Verify(t.Context(), VerifyOptions{BytesPerSecond: 1, Sleep: sleep}); err != nil || report.Segments != 2 {
		t.Errorf("%+v, %v", report, err)
	}
	if n := testutil.ToFloat64(l.metrics.scrubDamage); n != 0 {
		t.Errorf("%v times damage", n)
	}
}

func TestANewLogBeginsWhereItIsTold(t *testing.T) {
	dir := t.TempDir()
	l := mustOpen(t, dir, Options{First: 1000, SegmentBytes: 1})
	if l.First() != 1000 || l.Next() != 1000 || l.Durable() != 1000 {
		t.Fatalf("first %d, next %d, durable %d", l.First(), l.Next(), l.Durable())
	}
	if err := l.Wait(t.Context(), 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Reader(999); !errors.Is(err, ErrTruncated) {
		t.Errorf("a reader before the beginning: %v", err)
	}
	for i := range int64(3) {
		if first := mustAppend(t, l, fmt.Append(nil, i)); first != 1000+i {
			t.Fatalf("record %d is number %d", i, first)
		}
	}
	mustClose(t, l)
	for first, ok := range map[int64]bool{0: true, 999: false, 1000: true, 1003: true, 1004: false} {
		l, err := Open(dir, Options{First: first})
		if (err == nil) != ok {
			t.Errorf("opened to go on at %d: %v", first, err)
		}
		if err == nil {
			samePayloads(t, mustRead(t, l, 1000), [][]byte{[]byte("0"), []byte("1"), []byte("2")})
			mustClose(t, l)
		}
	}
	if _, err := Open(t.TempDir(), Options{First: -1}); err == nil {
		t.Error("a negative first record is taken")
	}
}

// A record that was durable once is never taken for a torn write, whatever kill or power loss came after.
func TestDamageInTheLastDurableRecordIsNotATornWrite(t *testing.T) {
	dir, files := t.TempDir(), newMemFS()
	l := mustOpen(t, dir, Options{FS: files})
	mustAppend(t, l, []byte("one"), []byte("two"))
	image := files.powerLoss(rand.New(rand.NewPCG(1, 1))) // nobody closed it
	mustClose(t, l)
	path := filepath.Join(dir, segmentName(0))
	image.names[filepath.Join(dir, markName)] = &memData{data: mark{log: l.log, durable: 2}.append(nil)}
	image.names[path].data[len(image.names[path].data)-1] ^= 1
	var corrupt *CorruptError
	if _, err := Open(dir, Options{FS: image}); !errors.As(err, &corrupt) || corrupt.Sequence != 1 {
		t.Errorf("Open = %v", err)
	}
}
