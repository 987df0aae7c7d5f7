package wal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// reseal gives b, a header, the checksum that its bytes ask for.
func reseal(b []byte) []byte {
	b = bytes.Clone(b)
	binary.LittleEndian.PutUint32(b[headerBytes-4:], crc32.Checksum(b[:headerBytes-4], castagnoli))
	return b
}

func FuzzDecodeFrame(f *testing.F) {
	f.Add([]byte(nil), uint32(0))
	f.Add(appendFrame(nil, 7, frame{sequence: 3, payload: []byte("abc"), flags: flagDurable}), uint32(7))
	f.Add(appendFrame(nil, 7, frame{sequence: -1}), uint32(7))
	f.Fuzz(func(t *testing.T, b []byte, seed uint32) {
		fr, n, err := decodeFrame(b, seed)
		if err != nil {
			return
		}
		if again := appendFrame(nil, seed, fr); !bytes.Equal(again, b[:n]) {
			t.Fatalf("encoding the decoded frame gives %x, not %x", again, b[:n])
		}
	})
}

func FuzzDecodeHeader(f *testing.F) {
	f.Add(header{log: 1, base: 2, created: 3, previous: -1, previousBytes: 5}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= headerBytes {
			b = reseal(b[:headerBytes])
		}
		h, err := decodeHeader(b)
		if err != nil {
			return
		}
		clear(b[12:16]) // reserved
		clear(b[56:60])
		if again := h.append(nil); !bytes.Equal(again, reseal(b)) {
			t.Fatalf("encoding the decoded header gives %x, not %x", again, b)
		}
	})
}

func FuzzDecodeMark(f *testing.F) {
	f.Add(mark{log: 1, durable: 2}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == markBytes {
			b = bytes.Clone(b)
			binary.LittleEndian.PutUint32(b[markBytes-4:], crc32.Checksum(b[:markBytes-4], castagnoli))
		}
		m, err := decodeMark(b)
		if err != nil {
			return
		}
		if again, err := decodeMark(m.append(nil)); err != nil || again != m {
			t.Fatalf("encoding the decoded mark gives %+v, not %+v: %v", again, m, err)
		}
	})
}

// Whatever stands behind a header, it is refused or mended for good: all that is left can be read, and the next
// start finds nothing to mend. (Nothing writes here: the goroutines would blur the coverage.)
func FuzzLoad(f *testing.F) {
	h := header{log: 1, previous: -1}
	group := appendFrame(nil, h.seed(), frame{flags: flagDurable, payload: []byte("abc")})
	group = appendFrame(group, h.seed(), frame{sequence: 1, payload: bytes.Repeat([]byte("x"), 600)})
	f.Add(group)
	f.Add(appendFrame(group, h.seed(), frame{sequence: 2, flags: flagDurable}))
	f.Add(append(make([]byte, 600), group...))
	f.Fuzz(func(t *testing.T, body []byte) {
		files := newMemFS()
		files.names[segmentName(0)] = &memData{data: append(h.append(nil), body...)}
		l := newLog("", nil, Options{FS: files})
		if err := l.load(); err != nil {
			return
		}
		got := mustRead(t, l, 0)
		again := newLog("", nil, Options{FS: files})
		if err := again.load(); err != nil || again.Repaired() != (Repair{}) {
			t.Fatalf("second start: %v, repaired %+v after %+v", err, again.Repaired(), l.Repaired())
		}
		samePayloads(t, mustRead(t, again, 0), got)
	})
}
