package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

var about = Description{
	Created: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), Cursor: "0-1834", Models: []string{"ctr@1834"}, Champion: "ctr",
	Metrics: []byte(`{"ctr":{}}`), Note: "before the sale",
}

func file(t testing.TB, kind Kind, pages ...string) string {
	var b bytes.Buffer
	w := NewWriter(&b, kind, [32]byte{1, 2})
	for i := 0; i < len(pages); i += 2 {
		if err := w.Page([]byte(pages[i]), []byte(pages[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(about); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func read(content string) (pages []string, r *Reader, err error) {
	if r, err = NewReader(strings.NewReader(content)); err != nil {
		return nil, nil, err
	}
	err = r.Pages(func(key, value []byte) (bool, error) {
		pages = append(pages, string(key), string(value))
		return true, nil
	})
	return pages, r, err
}

func TestAFileReadsBackAsItWasWritten(t *testing.T) {
	for _, kind := range []Kind{Learning, Serving} {
		want := []string{"wa", "1", "wb", "", "wb\x00", strings.Repeat("x", 1<<20)}
		pages, r, err := read(file(t, kind, want...))
		if err != nil || !reflect.DeepEqual(pages, want) || r.Kind != kind || r.Definitions != [32]byte{1, 2} {
			t.Fatalf("%v, %s, %x, %d pages", err, r.Kind, r.Definitions, len(pages)/2)
		}
		if !reflect.DeepEqual(r.Description, about) {
			t.Errorf("description %+v", r.Description)
		}
	}
	if _, r, err := read(file(t, Learning)); err != nil || r.Description.Cursor != about.Cursor {
		t.Errorf("without a page: %v", err)
	}
}

// withSum gives a file that was tampered with the sum that it would have.
func withSum(content string) string {
	sum := sha256.Sum256([]byte(content))
	return content + string(sum[:])
}

func block(b string) string { return string(binary.AppendUvarint(nil, uint64(len(b)))) + b }

func TestAFileThatIsNotWholeIsRefusedWithTheReason(t *testing.T) {
	good := file(t, Learning, "wa", "1", "wb", "22")
	head := good[:len(magic)+len(version)+1+32]
	for _, tc := range []struct{ name, content, want string }{
		{"nothing", "", "does not begin as one"},
		{"another thing", "something else altogether", "does not begin as one"},
		{"another version", magic + "2\n" + good[len(magic)+2:], `its version is "2"`},
		{"the start of a head", good[:len(head)-1], "ends within its head"},
		{"another kind", magic + version + "X" + good[len(magic)+len(version)+1:], "unknown kind 'X'"},
		{"half a page", good[:len(head)+2], "a block of 2 bytes"},
		{"no end", head + block("wa") + block("1"), "a length: EOF"},
		{"no description", head + "\x00", "a length: EOF"},
		{"no sum", good[:len(good)-32], "ends within its sum"},
		{"half a sum", good[:len(good)-1], "ends within its sum"},
		{"a changed byte", strings.Replace(good, "22", "23", 1), "it is damaged, or was edited"},
		{"more behind the end", good + "x", "goes on behind its end"},
		{"an impossible length", head + "\xff\xff\xff\xff\x0f", "a length of 4294967295 bytes"},
		{"a page twice", head + block("wa") + block("1") + block("wa") + block("1"), "follows page"},
		{"pages out of order", head + block("wb") + block("1") + block("wa") + block("1"), "follows page"},
		{"a description that is none", withSum(head + "\x00" + block("[]")), "description: json"},
	} {
		_, _, err := read(tc.content)
		if !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestAFileIsCheckedForItsKindAndDefinitions(t *testing.T) {
	_, r, err := read(file(t, Serving))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(Serving, [32]byte{1, 2}); err != nil {
		t.Error(err)
	}
	if err := r.Check(Learning, [32]byte{1, 2}); !errors.Is(err, ErrUnusable) || errors.Is(err, ErrDefinitions) {
		t.Errorf("another kind: %v", err)
	}
	if err := r.Check(Serving, [32]byte{}); !errors.Is(err, ErrDefinitions) || !errors.Is(err, ErrUnusable) {
		t.Errorf("other definitions: %v", err)
	}
}

func TestAWriterThatFailsSaysSo(t *testing.T) {
	for n := range len(file(t, Learning, "wa", "1")) {
		w := NewWriter(&short{n}, Learning, [32]byte{})
		if err := errors.Join(w.Page([]byte("wa"), []byte("1")), w.Close(about)); !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

// short takes so many bytes and no more.
type short struct{ left int }

func (s *short) Write(p []byte) (int, error) {
	n := min(len(p), s.left)
	s.left -= n
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(file(f, Learning, "wa", "1", "wb", "22")))
	f.Add([]byte(file(f, Serving)))
	f.Fuzz(func(t *testing.T, b []byte) {
		pages, r, err := read(string(b))
		if err != nil {
			return
		}
		var again bytes.Buffer
		w := NewWriter(&again, r.Kind, r.Definitions)
		for i := 0; i < len(pages); i += 2 {
			err = errors.Join(err, w.Page([]byte(pages[i]), []byte(pages[i+1])))
		}
		if err = errors.Join(err, w.Close(r.Description)); err != nil {
			t.Fatal(err)
		}
		if got, _, err := read(again.String()); err != nil || !reflect.DeepEqual(got, pages) {
			t.Errorf("written again: %v", err)
		}
	})
}
