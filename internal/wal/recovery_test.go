package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// written fills a log in dir, one group for each batch, and closes it.
func written(t testing.TB, dir string, opts Options, batches ...[][]byte) {
	t.Helper()
	l := mustOpen(t, dir, opts)
	for _, b := range batches {
		mustAppend(t, l, b...)
	}
	mustClose(t, l)
}

// forget removes the mark of a log: nothing is known any more of how far it was durable.
func forget(t testing.TB, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, markName)); err != nil {
		t.Fatal(err)
	}
}

// mustRefuse opens dir and wants a *CorruptError for file at a byte from low to high, and every file left as it
// was.
func mustRefuse(t testing.TB, dir, file string, low, high int64) {
	t.Helper()
	before := map[string][]byte{}
	for _, path := range segmentFiles(t, dir) {
		before[path] = mustReadFile(t, path)
	}
	l, err := Open(dir, Options{})
	if err == nil {
		repaired := l.Repaired()
		l.Close()
		t.Fatalf("Open took a damaged log, repaired %+v", repaired)
	}
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || !errors.Is(err, ErrCorrupt) {
		t.Fatalf("Open = %v, want a CorruptError", err)
	}
	if corrupt.File != file || corrupt.Offset < low || corrupt.Offset > high {
		t.Fatalf("damage reported at %s:%d, want %s:%d to %d", corrupt.File, corrupt.Offset, file, low, high)
	}
	for _, want := range []string{file, fmt.Sprintf("byte %d", corrupt.Offset), "restore"} {
		if !strings.Contains(err.Error(), want) {
			t.Fatalf("message lacks %q: %v", want, err)
		}
	}
	for path, b := range before {
		if !bytes.Equal(b, mustReadFile(t, path)) {
			t.Fatalf("Open changed %s of a log that it refused", path)
		}
	}
}

func TestATornLastRecordIsCutAtEveryByte(t *testing.T) {
	for _, tc := range []struct {
		name   string
		groups [][][]byte
	}{
		{"the record is a group of its own", [][][]byte{{[]byte("one"), []byte("two")}, {[]byte("the last record")}}},
		{"the record ends a group", [][][]byte{{[]byte("one"), []byte("two"), []byte("the last record")}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			written(t, dir, Options{}, tc.groups...)
			path := segmentFiles(t, dir)[0]
			whole := mustReadFile(t, path)
			last := len(whole) - frameHeaderBytes - len("the last record")
			for size := last; size < len(whole); size++ {
				mustWriteFile(t, path, whole[:size])
				forget(t, dir) // the write was never acknowledged
				l := mustOpen(t, dir, Options{})
				samePayloads(t, mustRead(t, l, 0), [][]byte{[]byte("one"), []byte("two")})
				want := Repair{File: path, Offset: int64(last), Bytes: int64(size - last)}
				if size == last {
					want = Repair{}
				}
				if l.Repaired() != want {
					t.Fatalf("cut at %d: repaired %+v, want %+v", size, l.Repaired(), want)
				}
				if first := mustAppend(t, l, []byte("again")); first != 2 {
					t.Fatalf("cut at %d: next record is %d, want 2", size, first)
				}
				samePayloads(t, mustRead(t, l, 2), [][]byte{[]byte("again")})
				mustClose(t, l)
			}
		})
	}
}

func TestAFlippedByteBeforeWholeRecordsIsRefused(t *testing.T) {
	dir := t.TempDir()
	written(t, dir, Options{}, [][]byte{[]byte("one"), []byte("two")}, [][]byte{[]byte("three"), []byte("four"), []byte("five")})
	path := segmentFiles(t, dir)[0]
	whole := mustReadFile(t, path)
	last := len(whole) - frameHeaderBytes - len("five")
	for _, mask := range []byte{0x01, 0x80, 0xff} {
		for at := headerBytes; at < last; at++ {
			b := bytes.Clone(whole)
			b[at] ^= mask
			mustWriteFile(t, path, b)
			mustRefuse(t, dir, path, int64(max(headerBytes, at-frameHeaderBytes-5)), int64(at))
		}
	}
}

func TestAFlippedByteInTheHeaderIsRefused(t *testing.T) {
	dir := t.TempDir()
	written(t, dir, Options{SegmentBytes: 1}, [][]byte{[]byte("one")}, [][]byte{[]byte("two")})
	for _, path := range segmentFiles(t, dir) {
		whole := mustReadFile(t, path)
		for at := range headerBytes {
			b := bytes.Clone(whole)
			b[at] ^= 0x10
			mustWriteFile(t, path, b)
			mustRefuse(t, dir, path, 0, 0)
		}
		mustWriteFile(t, path, whole[:headerBytes-1])
		mustRefuse(t, dir, path, 0, 0)
		mustWriteFile(t, path, whole)
	}
}

func TestDamageInAnOlderSegmentIsFoundByReading(t *testing.T) {
	dir := t.TempDir()
	written(t, dir, Options{SegmentBytes: 1}, [][]byte{[]byte("zero")}, [][]byte{[]byte("one"), []byte("two")}, [][]byte{[]byte("three")})
	path := segmentFiles(t, dir)[1]
	b := mustReadFile(t, path)
	b[len(b)-1] ^= 1
	mustWriteFile(t, path, b)
	l := mustOpen(t, dir, Options{})
	var corrupt *CorruptError
	if _, err := l.Verify(t.Context(), VerifyOptions{}); !errors.As(err, &corrupt) || corrupt.File != path || corrupt.Sequence != 2 {
		t.Errorf("Verify = %v, want damage at record 2 in %s", err, path)
	}
	got, err := readAll(t.Context(), l, 0)
	if !errors.As(err, &corrupt) || corrupt.Sequence != 2 {
		t.Errorf("reading = %v, want damage at record 2", err)
	}
	samePayloads(t, got, [][]byte{[]byte("zero")}) // "one" shares its batch with the damage
}

func TestAnIncompleteSetOfSegmentsIsRefused(t *testing.T) {
	fill := func(t *testing.T) (string, []string) {
		dir := t.TempDir()
		written(t, dir, Options{SegmentBytes: 1}, [][]byte{[]byte("a")}, [][]byte{[]byte("b")}, [][]byte{[]byte("c")})
		return dir, segmentFiles(t, dir)
	}
	t.Run("a segment is missing", func(t *testing.T) {
		dir, paths := fill(t)
		if err := os.Remove(paths[1]); err != nil {
			t.Fatal(err)
		}
		mustRefuse(t, dir, paths[2], 0, 0)
	})
	t.Run("a segment is shorter than it was", func(t *testing.T) {
		dir, paths := fill(t)
		b := mustReadFile(t, paths[1])
		mustWriteFile(t, paths[1], b[:len(b)-1])
		mustRefuse(t, dir, paths[1], int64(len(b)-1), int64(len(b)-1))
	})
	t.Run("a segment comes from another log", func(t *testing.T) {
		dir, paths := fill(t)
		_, others := fill(t)
		mustWriteFile(t, paths[2], mustReadFile(t, others[2]))
		mustRefuse(t, dir, paths[2], 0, 0)
	})
	t.Run("a segment has another's name", func(t *testing.T) {
		dir, paths := fill(t)
		name := filepath.Join(dir, segmentName(7))
		if err := os.Rename(paths[2], name); err != nil {
			t.Fatal(err)
		}
		mustRefuse(t, dir, name, 0, 0)
	})
}

func TestASegmentOfANewerVersionIsRefusedAsSuch(t *testing.T) {
	dir := t.TempDir()
	written(t, dir, Options{}, [][]byte{[]byte("a")})
	path := segmentFiles(t, dir)[0]
	b := mustReadFile(t, path)
	b[8] = segmentVersion + 1
	copy(b, reseal(b[:headerBytes]))
	mustWriteFile(t, path, b)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrVersion) || errors.Is(err, ErrCorrupt) {
		t.Fatalf("Open = %v, want ErrVersion", err)
	}
}

func TestWhatACrashLeavesOfANewSegmentIsRemoved(t *testing.T) {
	dir := t.TempDir()
	written(t, dir, Options{}, [][]byte{[]byte("a")})
	temp := filepath.Join(dir, segmentName(1)+tempSuffix)
	mustWriteFile(t, temp, []byte("half a hea"))
	mustWriteFile(t, filepath.Join(dir, "notes.txt"), nil) // not ours: left alone
	l := mustOpen(t, dir, Options{SegmentBytes: 1})
	if _, err := os.Stat(temp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("temporary file: %v", err)
	}
	mustAppend(t, l, []byte("b"))
	samePayloads(t, mustRead(t, l, 0), [][]byte{[]byte("a"), []byte("b")})
}

// A hole of lost sectors in what was never synced is a torn write although whole records follow it; the same
// hole in front of a record that was written later, after a sync, is damage.
func TestLostSectorsAreATornWriteUnlessTheyWereSynced(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 13))
	group := somePayloads(rng, 20, 0)
	for i := range group {
		group[i] = bytes.Repeat([]byte{byte(i + 1)}, 700)
	}
	hole := func(t *testing.T, dir string) string {
		path := segmentFiles(t, dir)[0]
		b := mustReadFile(t, path)
		clear(b[8*sectorBytes : 9*sectorBytes])
		mustWriteFile(t, path, b)
		return path
	}
	whole := (8*sectorBytes - headerBytes) / (frameHeaderBytes + 700)
	t.Run("last group", func(t *testing.T) {
		dir := t.TempDir()
		written(t, dir, Options{}, group)
		forget(t, dir)
		hole(t, dir)
		l := mustOpen(t, dir, Options{})
		samePayloads(t, mustRead(t, l, 0), group[:whole])
		if l.Repaired().Bytes == 0 {
			t.Error("nothing was reported as cut")
		}
	})
	t.Run("earlier group", func(t *testing.T) {
		dir := t.TempDir()
		written(t, dir, Options{}, group, [][]byte{[]byte("later")})
		path := hole(t, dir)
		mustRefuse(t, dir, path, 7*sectorBytes, 9*sectorBytes)
	})
}

var update = flag.Bool("update", false, "write the golden files anew")

// The golden files are a segment of version 1 as it was first released, and its mark. If this test fails, logs that are
// out there can no longer be read, or are written differently: give the new layout a new version instead.
func TestVersion1StaysReadable(t *testing.T) {
	group := [][]byte{[]byte("first"), nil, []byte("third")}
	dir, old := t.TempDir(), t.TempDir()
	clock := func() time.Time { return time.Unix(1_700_000_000, 123456789) }
	written(t, dir, Options{Clock: clock}, group, [][]byte{[]byte("second group")})
	for name, golden := range map[string]string{segmentName(0): "v1.wal", markName: "v1.durable"} {
		path := filepath.Join("testdata", golden)
		got := mustReadFile(t, filepath.Join(dir, name))
		if *update {
			mustWriteFile(t, path, got)
		}
		if !bytes.Equal(got, mustReadFile(t, path)) {
			t.Errorf("%s is written differently", name)
		}
		mustWriteFile(t, filepath.Join(old, name), mustReadFile(t, path))
	}
	l := mustOpen(t, old, Options{})
	samePayloads(t, mustRead(t, l, 0), append(group, []byte("second group")))
}

func TestAMarkOfANewerVersionIsRefusedAsSuch(t *testing.T) {
	dir := t.TempDir()
	written(t, dir, Options{}, [][]byte{[]byte("a")})
	path := filepath.Join(dir, markName)
	b := mustReadFile(t, path)
	b[8] = markVersion + 1
	binary.LittleEndian.PutUint32(b[markBytes-4:], crc32.Checksum(b[:markBytes-4], castagnoli))
	mustWriteFile(t, path, b)
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrVersion) || errors.Is(err, ErrCorrupt) {
		t.Fatalf("Open = %v, want ErrVersion", err)
	}
}

// A process may end between write and sync. Whoever opens the log next reads what it wrote, and must be able
// to rely on it.
func TestWhatOpenFindsIsDurable(t *testing.T) {
	dir, files := t.TempDir(), newMemFS()
	l := mustOpen(t, dir, Options{FS: files})
	files.fault = func(op, _ string) error {
		if op == "sync" {
			return errFault
		}
		return nil
	}
	if _, err := l.Append(t.Context(), [][]byte{[]byte("written, not synced")}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); !errors.Is(err, errFault) {
		t.Fatal(err)
	}
	files.fault = nil
	l = mustOpen(t, dir, Options{FS: files})
	durable := l.Durable()
	mustClose(t, l)
	for seed := range uint64(20) {
		l := mustOpen(t, dir, Options{FS: files.powerLoss(rand.New(rand.NewPCG(seed, 14)))})
		if durable != 1 || l.Next() != durable {
			t.Fatalf("%d records were durable, %d are there after a power loss", durable, l.Next())
		}
		mustClose(t, l)
	}
}

func TestAWholeRecordOutOfSequenceIsRefused(t *testing.T) {
	dir := t.TempDir()
	written(t, dir, Options{}, [][]byte{[]byte("one"), []byte("two")})
	path := segmentFiles(t, dir)[0]
	b := mustReadFile(t, path)
	second := b[headerBytes+frameHeaderBytes+3:]
	mustWriteFile(t, path, append(b, second...)) // record 1 twice
	mustRefuse(t, dir, path, int64(len(b)), int64(len(b)))
}
