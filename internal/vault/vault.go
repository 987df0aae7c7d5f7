// Package vault keeps copies of files where the machine that made them cannot take them down with it: in a directory,
// such as a mounted disk or share, or in S3-compatible object storage.
//
// A copy NAME has its SHA-256 beside it in NAME.sha256, in the form that sha256sum -c reads. It is written only when the
// content was read back and is what was sent, so a content without it is torn: it is neither listed nor opened. Whoever
// reads a copy is told at its end whether it still is what was written.
package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"
	"time"
)

var (
	// ErrNotFound reports a copy that does not exist, or is not whole.
	ErrNotFound = errors.New("no such copy")
	// ErrDamaged reports a copy that is not what its checksum says.
	ErrDamaged = errors.New("copy is damaged")
	// ErrBadName reports a text that is no name of a copy.
	ErrBadName = errors.New("not a name of a copy")
)

// Info describes a copy.
type Info struct {
	Name     string
	Bytes    int64
	Modified time.Time
	SHA256   string // hexadecimal; List leaves it empty
}

// Store keeps copies under names: elements of letters, digits, '-', '_', '@' and, not in front, '.', joined by '/'. It is
// safe for concurrent use under different names.
type Store interface {
	// Put keeps what r holds, in memory that does not depend on how much that is. There is a copy, durable and whole,
	// when it returns nil, and none after any error, r's own included. A copy of that name is replaced.
	Put(ctx context.Context, name string, r io.Reader) (Info, error)
	// Open returns the content of a whole copy. Its Read ends with ErrDamaged in the place of io.EOF when it was not
	// what was put: nobody may believe what was read before. ctx holds until Close.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// List returns the whole copies whose names begin with prefix, in the order of their names.
	List(ctx context.Context, prefix string) ([]Info, error)
	// Remove removes a copy; one that is not there is no error.
	Remove(ctx context.Context, name string) error
	// Sweep removes what a Put that never ended left under the prefix before a time, and returns how much it found. A
	// Put under way may take as long as the time is past.
	Sweep(ctx context.Context, prefix string, before time.Time) (int, error)
	Close() error
}

const (
	sumSuffix    = ".sha256"
	maxNameBytes = 512
	maxSumBytes  = 64 + 2 + maxNameBytes + 1
)

func checkName(name string) error {
	ok := len(name) <= maxNameBytes && !strings.HasSuffix(name, sumSuffix)
	for element := range strings.SplitSeq(name, "/") {
		ok = ok && element != "" && element[0] != '.' && plain(element)
	}
	if !ok {
		return fmt.Errorf("%.200q: %w", name, ErrBadName)
	}
	return nil
}

func plain(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_@.", c) >= 0) {
			return false
		}
	}
	return true
}

// sumText is the content of the file beside a copy.
func sumText(sum, name string) string { return sum + "  " + path.Base(name) + "\n" }

func parseSum(text []byte) (string, error) {
	sum, _, ok := strings.Cut(string(text), "  ")
	if b, err := hex.DecodeString(sum); !ok || err != nil || len(b) != sha256.Size {
		return "", fmt.Errorf("its checksum reads %.80q: %w", text, ErrDamaged)
	}
	return strings.ToLower(sum), nil
}

// measured counts and sums what is read through it.
type measured struct {
	ctx context.Context
	r   io.Reader
	n   int64
	sum hash.Hash
}

func measure(ctx context.Context, r io.Reader) *measured {
	return &measured{ctx: ctx, r: r, sum: sha256.New()}
}

// Read implements io.Reader.
func (m *measured) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	m.sum.Write(p[:n])
	return n, err
}

func (m *measured) hex() string { return hex.EncodeToString(m.sum.Sum(nil)) }

// verified is an open copy.
type verified struct {
	*measured
	name string
	want string // SHA-256, hexadecimal
	io.Closer
}

// Read implements io.Reader.
func (v *verified) Read(p []byte) (int, error) {
	n, err := v.measured.Read(p)
	if errors.Is(err, io.EOF) && v.hex() != v.want {
		err = fmt.Errorf("copy %s: after %d bytes its SHA-256 is %s, %s expected: %w", v.name, v.n, v.hex(), v.want, ErrDamaged)
	}
	return n, err
}

// readBack compares a content that was just written with what was sent.
func readBack(r io.Reader, sent *measured) error {
	back := measure(sent.ctx, r)
	if _, err := io.Copy(io.Discard, back); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if back.n != sent.n || back.hex() != sent.hex() {
		return fmt.Errorf("read back %d bytes with SHA-256 %s, sent were %d with %s: %w", back.n, back.hex(), sent.n, sent.hex(), ErrDamaged)
	}
	return nil
}
