package export

import (
	"bufio"
	"io"
	"math"
	"strconv"
	"time"

	"recsvc/internal/event"
)

// ndjson writes rows as JSON objects, one a line, with the keys in the order of the columns, none of them left out.
type ndjson struct {
	schema Schema
	keys   []string // `,"name":`
	out    *bufio.Writer
	line   []byte
	column int
}

func newNDJSON(w io.Writer, s Schema) *ndjson {
	n := &ndjson{schema: s, out: bufio.NewWriterSize(w, 256<<10)}
	for i, c := range s.columns() {
		key := append(event.AppendString([]byte{','}, c.name), ':')
		if i == 0 {
			key[0] = '{'
		}
		n.keys = append(n.keys, string(key))
	}
	return n
}

// Write implements Writer.
func (n *ndjson) Write(r *Row) error {
	n.line, n.column = n.line[:0], 0
	n.schema.put(r, n)
	n.line = append(n.line, '}', '\n')
	_, err := n.out.Write(n.line)
	return err
}

func (n *ndjson) close() error { return n.out.Flush() }

func (n *ndjson) key() {
	n.line = append(n.line, n.keys[n.column]...)
	n.column++
}

func (n *ndjson) null() { n.line = append(n.line, "null"...) }

func (n *ndjson) text(s string) {
	if n.key(); s == "" {
		n.null()
		return
	}
	n.line = event.AppendString(n.line, s)
}

func (n *ndjson) integer(x int32) {
	if n.key(); x == 0 {
		n.null()
		return
	}
	n.line = strconv.AppendInt(n.line, int64(x), 10)
}

func (n *ndjson) instant(ns int64) {
	if n.key(); ns == 0 {
		n.null()
		return
	}
	n.line = append(n.line, '"')
	n.line = append(time.Unix(0, ns).UTC().AppendFormat(n.line, time.RFC3339Nano), '"')
}

func (n *ndjson) label(l Label) {
	switch n.key(); l {
	case Unknown:
		n.null()
	default:
		n.line = strconv.AppendBool(n.line, l == Positive)
	}
}

func (n *ndjson) single(x float32) {
	n.key()
	n.float(float64(x), 32)
}

func (n *ndjson) number(x float64) {
	n.key()
	n.float(x, 64)
}

func (n *ndjson) float(x float64, bits int) {
	switch size := math.Abs(x); {
	case !finite(x):
		n.null()
	case size != 0 && (size < 1e-6 || size >= 1e21):
		n.line = strconv.AppendFloat(n.line, x, 'e', -1, bits)
	default:
		n.line = strconv.AppendFloat(n.line, x, 'f', -1, bits)
	}
}

func (n *ndjson) texts(list []string) {
	n.key()
	n.line = append(n.line, '[')
	for i, s := range list {
		if i > 0 {
			n.line = append(n.line, ',')
		}
		n.line = event.AppendString(n.line, s)
	}
	n.line = append(n.line, ']')
}

func (n *ndjson) numbers(list []float64) {
	n.key()
	n.line = append(n.line, '[')
	for i, x := range list {
		if i > 0 {
			n.line = append(n.line, ',')
		}
		n.float(x, 64)
	}
	n.line = append(n.line, ']')
}
