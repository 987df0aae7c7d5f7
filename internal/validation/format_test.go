package validation

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"recsvc/internal/dirty"
)

func FuzzDecodeTally(f *testing.F) {
	var s tally
	for _, p := range []float64{0, 0.1, 0.1, 0.9, 1} {
		s.add(judge(p, p > 0.5))
	}
	f.Add(s.append(nil))
	weighted := judge(0.3, true)
	weighted.weight = 3
	s.add(weighted)
	f.Add(s.append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		var s tally
		if s.decode(value) != nil {
			return
		}
		if got := s.append(nil); !bytes.Equal(got, value) {
			t.Errorf("%x is written back as %x", value, got)
		}
		s.metrics()
	})
}

func FuzzDecodeBlock(f *testing.F) {
	var b block
	b.number = 3
	b.add(judge(0.3, true))
	f.Add(b.append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		var b block
		if b.decode(value) != nil {
			return
		}
		if got := b.append(nil); !bytes.Equal(got, value) {
			t.Errorf("%x is written back as %x", value, got)
		}
	})
}

func FuzzDecodeUser(f *testing.F) {
	var u user
	for i := range 70 {
		u.add(mark(judge(float64(i%9)/10, i%4 == 0)))
	}
	f.Add(u.append(nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		var u user
		if u.decode(value) != nil {
			return
		}
		if got := u.append(nil); !bytes.Equal(got, value) {
			t.Errorf("%x is written back as %x", value, got)
		}
		u.auc()
	})
}

// formatHead holds what the format file was written from.
func formatHead(t *testing.T) (*Slicer, *Head) {
	s := slicer(t, 2, "scene", "context.tab")
	v := New("m/h", Options{Slicer: s, Wait: time.Minute})
	for i := range int64(6) {
		o := Observation{P: 0.15 * float32(i), Positive: i%2 == 1, Time: 1_700_000_000e9 + i*int64(time.Hour), User: uint64(7 + i%2)}
		o.Final = o.Time + 1e9
		o.Tag = s.With(s.Begin(), 1, []byte{'a' + byte(i)})
		if i == 5 {
			o.Weight, o.Theta = 2.5, 0.5
		}
		v.Observe(o)
	}
	return s, v
}

// A failure here means that checkpoints already written can no longer be read: restore the format, or give it a new version and
// keep reading this one. The file holds "key value" per line, in hexadecimal.
func TestTheFormatIsStillWrittenAndRead(t *testing.T) {
	const file = "testdata/format_v2.hex"
	var got strings.Builder
	s, v := formatHead(t)
	for _, set := range []*dirty.Set{s.Set(), v.Set()} {
		set.Cut(func(key, value []byte, _ dirty.Sum) {
			got.WriteString(hex.EncodeToString(key) + " " + hex.EncodeToString(value) + "\n")
		})
		set.Flush(1 << 20)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; the content would be\n%s", err, got.String())
	}
	if got.String() != string(want) {
		t.Errorf("%s holds other bytes than are written now:\n%s", file, got.String())
	}
	s2 := slicer(t, 2, "scene", "context.tab")
	read := New("m/h", Options{Slicer: s2, Wait: time.Minute})
	stored := map[string]string{}
	for line := range strings.Lines(string(want)) {
		k, x, _ := strings.Cut(strings.TrimSpace(line), " ")
		key, _ := hex.DecodeString(k)
		value, _ := hex.DecodeString(x)
		stored[string(key)] = string(value)
	}
	loadAll(t, s2, read, stored)
	if read.Set().Digest() != v.Set().Digest() || s2.Set().Digest() != s.Set().Digest() {
		t.Error("it reads otherwise than it was written")
	}
}
