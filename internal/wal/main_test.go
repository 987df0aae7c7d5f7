package wal

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		appendForever(dir) // until killed
	}
	goleak.VerifyTestMain(m)
}

// mustOpen opens dir and closes it with the test, unless the test has done so.
func mustOpen(t testing.TB, dir string, opts Options) *Log {
	t.Helper()
	l, err := Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && l.Err() == nil {
			t.Error(err)
		}
	})
	return l
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustAppend(t testing.TB, l *Log, payloads ...[]byte) int64 {
	t.Helper()
	first, err := l.Append(t.Context(), payloads)
	if err == nil {
		err = l.Wait(t.Context(), first+int64(len(payloads)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// mustRead reads records from to l.Next().
func mustRead(t testing.TB, l *Log, from int64) [][]byte {
	t.Helper()
	got, err := readAll(t.Context(), l, from)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func readAll(ctx context.Context, l *Log, from int64) (got [][]byte, err error) {
	r, err := l.Reader(from)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for next := from; next < l.Next(); {
		b, err := r.Read(ctx)
		if err != nil {
			return got, err
		}
		if b.First != next {
			return got, fmt.Errorf("batch begins at %d, want %d", b.First, next)
		}
		got, next = append(got, b.Payloads...), b.Next()
	}
	return got, nil
}

// mustReadTo reads records 0 to end.
func mustReadTo(t testing.TB, l *Log, end int64) (got [][]byte) {
	t.Helper()
	r, err := l.Reader(0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for int64(len(got)) < end {
		b, err := r.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b.Payloads...)
	}
	return got
}

// somePayloads returns n payloads of up to size random bytes, some of them empty.
func somePayloads(rng *rand.Rand, n, size int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, rng.IntN(size+1))
		for j := range out[i] {
			out[i][j] = byte(rng.Uint32())
		}
	}
	return out
}

func samePayloads(t testing.TB, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d records, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("record %d: got %d bytes %.20q, want %d bytes %.20q", i, len(got[i]), got[i], len(want[i]), want[i])
		}
	}
}

// segmentFiles returns the paths of the segments, oldest first.
func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func mustReadFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustWriteFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
