package snapshot

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Reader reads one file. It is used by one goroutine.
type Reader struct {
	Kind        Kind
	Definitions [32]byte
	Description Description // once Next has returned io.EOF

	in         *summed
	key, value []byte
	last       []byte
}

// summed keeps the sum of what was read through it.
type summed struct {
	*bufio.Reader
	sum hash.Hash
}

func (s *summed) ReadByte() (byte, error) {
	b, err := s.Reader.ReadByte()
	if err == nil {
		s.sum.Write([]byte{b})
	}
	return b, err
}

func (s *summed) full(p []byte) error {
	n, err := io.ReadFull(s.Reader, p)
	s.sum.Write(p[:n])
	return err
}

// NewReader reads the head of a file.
func NewReader(r io.Reader) (*Reader, error) {
	out := &Reader{in: &summed{bufio.NewReaderSize(r, 256<<10), sha256.New()}}
	head := make([]byte, len(magic)+len(version)+1+len(out.Definitions))
	n, _ := io.ReadFull(out.in.Reader, head)
	out.in.sum.Write(head[:n])
	rest, ok := strings.CutPrefix(string(head[:n]), magic)
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin as one", ErrUnusable)
	}
	rest, ok = strings.CutPrefix(rest, version)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: its version is %.1q, this recsvc reads %.1q", ErrUnusable, rest, version)
	case len(rest) < 1+len(out.Definitions):
		return nil, fmt.Errorf("%w: it ends within its head", ErrUnusable)
	}
	if out.Kind = Kind(rest[0]); out.Kind != Learning && out.Kind != Serving {
		return nil, fmt.Errorf("%w: it is of the unknown kind %q", ErrUnusable, rest[0])
	}
	copy(out.Definitions[:], rest[1:])
	return out, nil
}

// Check refuses a file that is not of a kind, or not of the definitions.
func (r *Reader) Check(kind Kind, definitions [32]byte) error {
	switch {
	case r.Definitions != definitions:
		return fmt.Errorf("%w: %w", ErrUnusable, ErrDefinitions)
	case r.Kind != kind:
		return fmt.Errorf("%w: it is a %s snapshot, not a %s one", ErrUnusable, r.Kind, kind)
	}
	return nil
}

// Next returns the next page, good until the call after. io.EOF says that the file was whole to the last byte.
func (r *Reader) Next() (key, value []byte, err error) {
	if r.key, err = r.block(r.key, maxPage); err != nil {
		return nil, nil, err
	}
	if len(r.key) == 0 {
		if err := r.end(); err != nil {
			return nil, nil, err
		}
		return nil, nil, io.EOF
	}
	if bytes.Compare(r.key, r.last) <= 0 {
		return nil, nil, fmt.Errorf("%w: page %x follows page %x", ErrUnusable, r.key, r.last)
	}
	r.last = append(r.last[:0], r.key...)
	if r.value, err = r.block(r.value, maxPage); err != nil {
		return nil, nil, err
	}
	return r.key, r.value, nil
}

// end reads what follows the pages.
func (r *Reader) end() error {
	text, err := r.block(nil, maxDescription)
	if err != nil {
		return err
	}
	want, got := r.in.sum.Sum(nil), make([]byte, sha256.Size)
	if _, err := io.ReadFull(r.in.Reader, got); err != nil {
		return fmt.Errorf("%w: it ends within its sum", ErrUnusable)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%w: its SHA-256 is %x, it says %x: it is damaged, or was edited", ErrUnusable, want, got)
	}
	if _, err := r.in.Reader.ReadByte(); err != io.EOF {
		return fmt.Errorf("%w: it goes on behind its end", ErrUnusable)
	}
	if err := json.Unmarshal(text, &r.Description); err != nil {
		return fmt.Errorf("%w: description: %w", ErrUnusable, err)
	}
	return nil
}

// block reads a block into buf, or into a larger one.
func (r *Reader) block(buf []byte, most uint64) ([]byte, error) {
	n, err := binary.ReadUvarint(r.in)
	if err != nil {
		return nil, fmt.Errorf("%w: a length: %w", ErrUnusable, err)
	}
	if n > most {
		return nil, fmt.Errorf("%w: a length of %d bytes, more than %d", ErrUnusable, n, most)
	}
	if uint64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if err := r.in.full(buf); err != nil {
		return nil, fmt.Errorf("%w: a block of %d bytes: %w", ErrUnusable, n, err)
	}
	return buf, nil
}

// Pages reads r to its end and hands every page to page, which says whether it knows the page, and must not keep it.
func (r *Reader) Pages(page func(key, value []byte) (bool, error)) error {
	for {
		key, value, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		ok, err := page(key, value)
		if err != nil {
			return fmt.Errorf("%w: page %x: %w", ErrUnusable, key, err)
		}
		if !ok {
			return fmt.Errorf("%w: page %x belongs to no head of these models", ErrUnusable, key)
		}
	}
}
