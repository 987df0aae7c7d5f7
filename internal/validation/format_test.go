package validation

import (
	"bytes"
	"testing"
)

func FuzzDecodeTally(f *testing.F) {
	var s tally
	for _, p := range []float64{0, 0.1, 0.1, 0.9, 1} {
		s.add(judge(p, p > 0.5))
	}
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
