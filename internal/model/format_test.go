package model

import (
	"bytes"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"recsvc/internal/dirty"
)

// formatModel holds what the format files were written from.
func formatModel(t *testing.T, heads ...HeadOptions) *Model {
	m := mustNew(t, Options{Name: "m", Bits: 11, Heads: heads})
	for i, y := range []float32{1, 0, 0, 1} {
		v := Vector{Slots: []uint32{1024, 1031, 2047}, Values: []float32{1, -0.5, float32(i)}}
		for h := range heads {
			m.Learn(h, &Example{Shared: v, Y: y, Weight: 1})
		}
	}
	return m
}

// formatHeads are one head of each learner. The first is the one that version 1 was written from.
func formatHeads() []HeadOptions {
	return []HeadOptions{
		{Name: "h", Hyper: Hyper{Alpha: 0.5, L1: 0.25}},
		{Name: "f", Learner: "fm", Hyper: Hyper{Alpha: 0.5, Factors: 2, Latent: Rates{L1: 0.02}, Seed: 7}},
		{Name: "s", Learner: "sgd", Hyper: Hyper{Alpha: 0.5, Decay: 2}},
	}
}

// The files hold "key value" per line, in hexadecimal.
func readFormat(t *testing.T, file string, heads ...HeadOptions) *Model {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m := mustNew(t, Options{Name: "m", Bits: 11, Heads: heads})
	for line := range strings.Lines(string(content)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		key, _ := hex.DecodeString(k)
		value, _ := hex.DecodeString(v)
		if ok, err := m.Load(key, value, dirty.SumOf(key, value)); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	return m
}

// A failure here means that checkpoints and snapshots already written can no longer be read: restore the format, or
// give it a new version and keep reading this one.
func TestVersion2IsStillWrittenAndRead(t *testing.T) {
	const file = "testdata/format_v2.hex"
	var got strings.Builder
	m := formatModel(t, formatHeads()...)
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
	read := readFormat(t, file, formatHeads()...)
	if !slices.Equal(cells(read), cells(m)) {
		t.Error("words read are not those written")
	}
	if read.Sets()[0].Digest() != m.Sets()[0].Digest() {
		t.Error("the digest read is not that of what was written")
	}
}

func TestVersion1IsStillRead(t *testing.T) {
	head := formatHeads()[0]
	if !slices.Equal(cells(readFormat(t, "testdata/format_v1.hex", head)), cells(formatModel(t, head))) {
		t.Error("words read are not those that were written")
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
	heads := formatHeads()
	m := mustNew(f, Options{Name: "m", Bits: 12, Heads: heads})
	for h := range heads {
		m.Learn(h, &Example{Shared: Vector{Slots: []uint32{2048, 3071, 2050}, Values: []float32{1e-3}}, Y: 1, Weight: 1})
		f.Add(byte(h), m.Head(h).appendPage(nil, 2))
		f.Add(byte(h), []byte{})
		f.Add(byte(h), make([]byte, headerSize))
	}
	f.Add(byte(0), append([]byte{pageV1, 12, 1}, make([]byte, bitmapSize+11)...))
	f.Fuzz(func(t *testing.T, head byte, value []byte) {
		m := mustNew(t, Options{Name: "m", Bits: 12, Heads: heads})
		at := int(head) % len(heads)
		image, err := m.Head(at).decodePage(value)
		if err != nil {
			return
		}
		m.Head(at).setPage(2, image)
		if got := m.Head(at).appendPage(nil, 2); value[0] == pageV2 && !bytes.Equal(got, value) {
			t.Errorf("%x is written back as %x", value, got)
		}
		for h := range heads {
			if m.Head(h).blankPage(2) != (h != at) || !m.Head(h).blankPage(1) {
				t.Error("the page is not where it belongs")
			}
		}
	})
}

func FuzzDecodeClock(f *testing.F) {
	f.Add((&clock{steps: 300, origin: 5, now: 1000}).append(nil))
	f.Fuzz(func(t *testing.T, value []byte) {
		c, err := decodeClock(value)
		if err != nil {
			return
		}
		if got := c.append(nil); !bytes.Equal(got, value) || c.blank() {
			t.Errorf("%x is written back as %x", value, got)
		}
	})
}
