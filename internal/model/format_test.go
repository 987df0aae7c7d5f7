package model

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"recsvc/internal/dirty"
)

// formatModel holds what the format files were written from.
func formatModel(t *testing.T) *Model {
	m := mustNew(t, Options{Name: "m", Bits: 11, Heads: []HeadOptions{{Name: "h", Hyper: Hyper{Alpha: 0.5, L1: 0.25}}}})
	for i, y := range []float32{1, 0, 0, 1} {
		v := Vector{Slots: []uint32{1024, 1031, 2047}, Values: []float32{1, -0.5, float32(i)}}
		m.Learn(0, &Example{Shared: v, Y: y, Weight: 1})
	}
	return m
}

// A failure here means that checkpoints and snapshots already written can no longer be read: restore the format, or
// give it a new version and keep reading this one. The files hold "key value" per line, in hexadecimal.
func TestVersion1IsStillWrittenAndRead(t *testing.T) {
	const file = "testdata/format_v1.hex"
	var got strings.Builder
	m := formatModel(t)
	for _, s := range m.Sets()[:1] { // the weights
		s.Cut(func(key, value []byte, _ dirty.Sum) {
			got.WriteString(hex.EncodeToString(key) + " " + hex.EncodeToString(value) + "\n")
		})
		s.Flush(1 << 20)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; the content would be\n%s", err, got.String())
	}
	if got.String() != string(want) {
		t.Errorf("written:\n%swant:\n%s", got.String(), want)
	}
	read := mustNew(t, Options{Name: "m", Bits: 11, Heads: []HeadOptions{{Name: "h"}}})
	for line := range strings.Lines(string(want)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		key, _ := hex.DecodeString(k)
		value, _ := hex.DecodeString(v)
		if ok, err := read.Load(key, value, dirty.SumOf(key, value)); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	for i, s := range read.Sets() {
		if s.Digest() != m.Sets()[i].Digest() {
			t.Errorf("set %d reads otherwise than it was written", i)
		}
	}
}

// A failure here means that stored weights no longer belong to their features.
func TestSlotsNeverChange(t *testing.T) {
	seed := FieldSeed("item.category")
	for _, tc := range []struct {
		name      string
		got, want uint32
	}{
		{"name", NameSlot(seed), 0xa33b0b5d},
		{"text", TextSlot(seed, "news"), 0xd5bdb8a2},
		{"number", Slot(seed, 7), 0x99861d05},
		{"text of a number", NumberSlot(seed, 7), TextSlot(seed, "7")},
		{"text of a fraction", NumberSlot(seed, -0.25), TextSlot(seed, "-0.25")},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %#x, want %#x", tc.name, tc.got, tc.want)
		}
	}
}

func FuzzDecodePage(f *testing.F) {
	m := newTable(12, 1)
	m.setCell(1024, 0, cell{w: 1, z: -2, n: 3})
	m.setCell(2047, 0, cell{n: 1e-30})
	f.Add(m.appendPage(nil, 1, 0))
	f.Add([]byte{})
	f.Add(make([]byte, headerSize))
	f.Fuzz(func(t *testing.T, value []byte) {
		var image pageImage
		if decodePage(&image, value, 12) != nil {
			return
		}
		m := newTable(12, 3)
		m.setPage(2, 1, &image)
		if got := m.appendPage(nil, 2, 1); !bytes.Equal(got, value) {
			t.Errorf("%x is written back as %x", value, got)
		}
		if m.blankPage(2, 1) || !m.blankPage(2, 0) || !m.blankPage(2, 2) {
			t.Error("the page is not where it belongs")
		}
	})
}
