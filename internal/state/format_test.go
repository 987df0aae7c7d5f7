package state

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

var update = flag.Bool("update", false, "write golden files anew")

func atLeast(version string, want [3]int) bool {
	var v [3]int
	if _, err := fmt.Sscanf(version, "v%d.%d.%d", &v[0], &v[1], &v[2]); err != nil {
		return false
	}
	for i := range v {
		if v[i] != want[i] {
			return v[i] > want[i]
		}
	}
	return true
}

func exampleMeta() Meta {
	m := Meta{
		Shards: []Shard{{'a', 40, dirty.Sum{Hi: 1}}, {'e', 2, dirty.Sum{Lo: 2}}},
		Epoch:  7, Format: 1, Created: 123456789, Entries: 42, Bytes: 4711, Root: []byte("root"),
		Digest: dirty.Sum{Hi: 1, Lo: 2}, Cursor: event.Cursor{{Partition: 0, Offset: 9}, {Partition: 2, Offset: 11}},
		Watermarks: []Watermark{{Partition: 2, Time: -5}},
	}
	copy(m.Definitions[:], "definitions")
	return m
}

// TestTheFormatIsPinned compares a delta with one written when its format was made. A failure means that the format changed:
// existing data directories would be refused or misread. Give the new one a new version and keep reading this one.
func TestTheFormatIsPinned(t *testing.T) {
	golden := filepath.Join("testdata", "delta-v2.hex")
	dir := t.TempDir()
	s := openStore(t, dir, small())
	c := s.Begin()
	c.Put([]byte("a1"), []byte("value"), dirty.SumOf([]byte("a1"), []byte("value")))
	c.Put([]byte("empty"), []byte{}, dirty.SumOf([]byte("empty"), nil))
	c.Put([]byte("gone"), nil, dirty.Sum{})
	must(t, c.Commit(context.Background(), exampleMeta()))
	b, err := os.ReadFile(filepath.Join(dir, deltaName(1)))
	must(t, err)
	got := hex.Dump(b)
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	if got != string(want) {
		t.Errorf("delta is\n%s\nwant\n%s", got, want)
	}
}

// TestACheckpointOfVersion1IsRead reads a delta written before descriptions named their tables.
func TestACheckpointOfVersion1IsRead(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "delta-v1.hex"))
	must(t, err)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, formatName), []byte(formatText), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, deltaName(1)), undump(t, string(text)), 0o600))
	s := openStore(t, dir, small())
	want := exampleMeta()
	want.Epoch, want.Bytes, want.Shards = 1, 309, nil
	if got, _ := s.Latest(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, _, ok, err := s.Get(nil, []byte("a1")); !ok || err != nil || string(got) != "value" {
		t.Errorf("got %q, %v, %v", got, ok, err)
	}
}

// undump reads what hex.Dump wrote.
func undump(t *testing.T, text string) (b []byte) {
	t.Helper()
	for line := range strings.Lines(text) {
		digits, _, _ := strings.Cut(strings.TrimRight(line[8:], "\n"), "|")
		row, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		must(t, err)
		b = append(b, row...)
	}
	return b
}

func TestMetaComesBackAsItWas(t *testing.T) {
	for _, m := range []Meta{{Root: nil}, exampleMeta()} {
		got, err := decodeMeta(appendMeta(nil, m))
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("got %+v, %v, want %+v", got, err, m)
		}
	}
}

func TestDecodingTellsVersionCorruptionAndShortnessApart(t *testing.T) {
	good := appendMeta(nil, exampleMeta())
	future := bytes.Clone(good)
	future[0] = metaV2 + 1
	if _, err := decodeMeta(future); !errors.Is(err, ErrFormat) {
		t.Errorf("version %d: %v", future[0], err)
	}
	for n := range good {
		if _, err := decodeMeta(good[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d of %d bytes: %v", n, len(good), err)
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := decodeMeta(bad); err == nil {
			t.Fatalf("flipped byte %d goes unnoticed", i)
		}
	}
}

func TestTablesThatDoNotAddUpAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Meta){
		"order":    func(m *Meta) { slices.Reverse(m.Shards) },
		"twice":    func(m *Meta) { m.Shards[1].Prefix = 'a' },
		"number":   func(m *Meta) { m.Entries++ },
		"digest":   func(m *Meta) { m.Digest.Lo++ },
		"negative": func(m *Meta) { m.Shards[0].Entries, m.Shards[1].Entries = -1, 43 },
	} {
		m := exampleMeta()
		spoil(&m)
		if _, err := decodeMeta(appendMeta(nil, m)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: decoding says %v", name, err)
		}
		s := openStore(t, t.TempDir(), small())
		if err := s.Begin().Commit(context.Background(), m); err == nil {
			t.Errorf("%s: committed", name)
		}
	}
}

func FuzzDecodeMeta(f *testing.F) {
	f.Add(appendMeta(nil, exampleMeta()))
	f.Add(appendMeta(nil, Meta{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMeta(b)
		if err == nil && b[0] == metaV2 && !bytes.Equal(appendMeta(nil, m), b) {
			t.Errorf("%x is not canonical", b)
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	f.Add(appendRecord(nil, []byte("k"), []byte("v"), dirty.Sum{Hi: 1, Lo: 2}))
	f.Add(appendRecord(nil, []byte("k"), nil, dirty.Sum{}))
	f.Add(appendRecord(nil, []byte("k"), []byte{}, dirty.Sum{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, n, err := decodeRecord(b)
		if err == nil && !bytes.Equal(appendRecord(nil, r.key, r.value, r.sum), b[:n]) {
			t.Errorf("%x decodes to %+v", b, r)
		}
	})
}

func FuzzScanDelta(f *testing.F) {
	dir := f.TempDir()
	s := openStore(f, dir, small())
	must(f, newWorld().commit(s))
	closeStore(f, s)
	whole, err := os.ReadFile(filepath.Join(dir, deltaName(1)))
	must(f, err)
	f.Add(whole[:min(len(whole), 20000)])
	c := &delta{meta: Meta{Epoch: 1}, commit: deltaHeader}
	f.Add(c.header())
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &delta{path: "fuzz"}
		r := bytes.NewReader(b)
		if err := d.readEnds(r); err != nil {
			d.commit = int64(len(b)) // scan the blocks all the same
		}
		n := 0
		if err := d.scan(r, func(record, int64, int) error { n++; return nil }); err == nil && n*recordHeader > len(b) {
			t.Errorf("%d records in %d bytes", n, len(b))
		}
	})
}
