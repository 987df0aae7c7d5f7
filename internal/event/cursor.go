package event

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxCursorPartitions bounds the work that a cursor from a client can ask for.
const maxCursorPartitions = 1 << 16

// String returns the text form: partition-offset pairs joined by dots, "0-1834.1-99". The empty cursor
// is the empty string.
func (c Cursor) String() string {
	var dst []byte
	for i, p := range c {
		if i > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendInt(dst, int64(p.Partition), 10)
		dst = append(dst, '-')
		dst = strconv.AppendInt(dst, p.Offset, 10)
	}
	return string(dst)
}

// ParseCursor reads the text form and accepts nothing else: numbers without sign or leading zeros,
// partitions ascending, each once. The empty string is the empty cursor.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return nil, nil
	}
	n := strings.Count(s, ".") + 1
	if n > maxCursorPartitions {
		return nil, fmt.Errorf("cursor: %d partitions, more than %d", n, maxCursorPartitions)
	}
	c := make(Cursor, 0, n)
	for pair := range strings.SplitSeq(s, ".") {
		p, err := parsePair(pair)
		if err != nil {
			return nil, fmt.Errorf("cursor %.40q: %w", s, err)
		}
		if len(c) > 0 && c[len(c)-1].Partition >= p.Partition {
			return nil, fmt.Errorf("cursor %.40q: partitions must ascend", s)
		}
		c = append(c, p)
	}
	return c, nil
}

func parsePair(s string) (PartitionOffset, error) {
	partition, offset, ok := strings.Cut(s, "-")
	if !ok {
		return PartitionOffset{}, fmt.Errorf("%.40q is not a partition-offset pair", s)
	}
	p, err := parseNatural(partition, 31)
	if err != nil {
		return PartitionOffset{}, fmt.Errorf("partition %w", err)
	}
	o, err := parseNatural(offset, 63)
	if err != nil {
		return PartitionOffset{}, fmt.Errorf("offset %w", err)
	}
	return PartitionOffset{Partition: int32(p), Offset: int64(o)}, nil
}

// parseNatural reads a decimal number in the one way that String writes it.
func parseNatural(s string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil || (len(s) > 1 && s[0] == '0') {
		return 0, fmt.Errorf("%.40q is not a number of %d bits", s, bits)
	}
	return n, nil
}

// Offset returns the next offset of a partition, 0 when c does not name it.
func (c Cursor) Offset(partition int32) int64 {
	if i, ok := c.find(partition); ok {
		return c[i].Offset
	}
	return 0
}

// Set returns c with the next offset of a partition replaced or added. It changes c in place where it can.
func (c Cursor) Set(partition int32, next int64) Cursor {
	i, ok := c.find(partition)
	if !ok {
		return slices.Insert(c, i, PartitionOffset{Partition: partition, Offset: next})
	}
	c[i].Offset = next
	return c
}

// Covers reports whether every record before other is also before c.
func (c Cursor) Covers(other Cursor) bool {
	for _, p := range other {
		if c.Offset(p.Partition) < p.Offset {
			return false
		}
	}
	return true
}

// Clone returns a copy that shares nothing with c.
func (c Cursor) Clone() Cursor { return slices.Clone(c) }

func (c Cursor) find(partition int32) (int, bool) {
	return slices.BinarySearchFunc(c, partition, func(p PartitionOffset, want int32) int {
		return int(p.Partition) - int(want)
	})
}
