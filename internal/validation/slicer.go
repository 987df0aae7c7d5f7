package validation

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/zeebo/xxh3"

	"recsvc/internal/dirty"
)

// MaxSlices bounds the dimensions of a Slicer.
const MaxSlices = 7

// MaxValues bounds the values of a dimension that a Slicer tells apart.
const MaxValues = 250

// maxValueBytes bounds a value's text: what is longer is cut.
const maxValueBytes = 64

// What a dimension has beside the values that it tells apart.
const (
	noValue    = 0   // the observation has none
	otherValue = 255 // one that came when there were too many already
)

// Names of the slices of these.
const (
	noneName  = "(none)"
	otherName = "(other)"
)

// Tag says which slices something belongs to: a byte for each dimension, and one for the dimensions themselves. What was
// tagged under other dimensions belongs nowhere. The zero Tag is of no Slicer.
type Tag uint64

func (t Tag) value(dimension int) uint8 { return uint8(t >> (8 * dimension)) }

// Slicer numbers the values of the dimensions that metrics are sliced by: the first that come have a slice of their own, all
// others share one. Its methods belong to the writer, save Name, which heads call under their locks.
//
// When the dimensions change, all slices begin anew.
type Slicer struct {
	dimensions []string
	most       int
	print      uint8  // of the dimensions; not 0
	key        []byte // with the dimensions' hash
	set        *dirty.Set

	mu     sync.RWMutex
	values [][]string // by dimension, by number − 1
	ids    []map[string]uint8
	gone   []byte // key of an entry that is about to be removed
}

// SlicerOptions name dimensions, at most MaxSlices. What they mean is the caller's.
type SlicerOptions struct {
	Dimensions []string
	Values     int // told apart of each dimension, up to MaxValues; 32
}

// NewSlicer returns a Slicer that has seen no value.
func NewSlicer(opts SlicerOptions) (*Slicer, error) {
	if opts.Values == 0 {
		opts.Values = 32
	}
	switch {
	case len(opts.Dimensions) > MaxSlices:
		return nil, fmt.Errorf("validation: %d dimensions to slice by; %d are the most", len(opts.Dimensions), MaxSlices)
	case opts.Values < 1 || opts.Values > MaxValues:
		return nil, fmt.Errorf("validation: %d values of a dimension are not within 1 and %d", opts.Values, MaxValues)
	}
	s := &Slicer{dimensions: slices.Clone(opts.Dimensions), most: opts.Values}
	hash := xxh3.HashString(fmt.Sprintf("%d\n%s", s.most, strings.Join(s.dimensions, "\n")))
	s.print = max(uint8(hash), 1)
	s.key = binary.BigEndian.AppendUint64(keyOf(""), hash)
	s.values = make([][]string, len(s.dimensions))
	for range s.dimensions {
		s.ids = append(s.ids, map[string]uint8{})
	}
	s.set = dirty.NewSet((*slicerEntries)(s))
	return s, nil
}

// Dimensions returns the names of the dimensions. The slice must not be changed.
func (s *Slicer) Dimensions() []string { return s.dimensions }

// Set is the slicer as a table of checkpoints.
func (s *Slicer) Set() *dirty.Set { return s.set }

// Begin returns the tag of what has no value in any dimension.
func (s *Slicer) Begin() Tag {
	if s == nil || len(s.dimensions) == 0 {
		return 0
	}
	return Tag(s.print) << 56
}

// With returns the tag with a value of a dimension; nothing is none.
func (s *Slicer) With(t Tag, dimension int, value []byte) Tag {
	return t | Tag(s.number(dimension, value))<<(8*dimension)
}

func (s *Slicer) number(dimension int, value []byte) uint8 {
	if len(value) == 0 {
		return noValue
	}
	if len(value) > maxValueBytes {
		value = value[:maxValueBytes]
	}
	if id, ok := s.ids[dimension][string(value)]; ok {
		return id
	}
	if len(s.values[dimension]) >= s.most {
		return otherValue
	}
	s.set.Touch(uint32(dimension))
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.enter(dimension, string(value))
}

// enter gives the next number to a value.
func (s *Slicer) enter(dimension int, value string) uint8 {
	s.values[dimension] = append(s.values[dimension], value)
	id := uint8(len(s.values[dimension]))
	s.ids[dimension][value] = id
	return id
}

// name returns the value with a number.
func (s *Slicer) name(dimension int, id uint8) string {
	switch id {
	case noValue:
		return noneName
	case otherValue:
		return otherName
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if int(id) > len(s.values[dimension]) {
		return otherName
	}
	return s.values[dimension][id-1]
}

// knows reports whether a tag was made for the present dimensions.
func (s *Slicer) knows(t Tag) bool {
	return s != nil && len(s.dimensions) > 0 && uint8(t>>56) == s.print
}

// A Slicer's entries are, after 'v' and a zero: hash of the dimensions u64, big-endian | dimension u8. The value is version
// u8 = 1 | per value: length uvarint, bytes.
const valuesV1 = 1

// slicerEntries is a Slicer as the table of its dirty set.
type slicerEntries Slicer

// goneID is the entry that is removed because it is of other dimensions.
const goneID = MaxSlices

func (s *slicerEntries) AppendKey(dst []byte, id uint32) []byte {
	if id == goneID {
		return append(dst, s.gone...)
	}
	return append(append(dst, s.key...), byte(id))
}

func (s *slicerEntries) AppendValue(dst []byte, id uint32) []byte {
	dst = append(dst, valuesV1)
	if id == goneID {
		return dst
	}
	for _, v := range s.values[id] {
		dst = binary.AppendUvarint(dst, uint64(len(v)))
		dst = append(dst, v...)
	}
	return dst
}

// Load takes one entry of a checkpoint into a new slicer. It is false when the entry is no slicer's.
func (s *Slicer) Load(key, value []byte, sum dirty.Sum) (bool, error) {
	if len(key) < 2 || key[0] != prefix || key[1] != 0 {
		return false, nil
	}
	n := len(s.key)
	if len(key) != n+1 {
		return true, fmt.Errorf("slices: key %x: %w", key, ErrCorrupt)
	}
	if string(key[:n]) != string(s.key) { // of other dimensions
		s.gone = key
		s.set.Loaded(goneID, sum)
		s.set.Remove(goneID)
		s.gone = nil
		return true, nil
	}
	dimension := int(key[n])
	if dimension >= len(s.dimensions) {
		return true, fmt.Errorf("slices: key %x: %w", key, ErrCorrupt)
	}
	if err := s.decode(dimension, value); err != nil {
		return true, fmt.Errorf("slices of %s: %w", s.dimensions[dimension], err)
	}
	s.set.Loaded(uint32(dimension), sum)
	return true, nil
}

// decode fills a dimension without values.
func (s *Slicer) decode(dimension int, b []byte) error {
	switch {
	case len(b) == 0:
		return ErrShort
	case b[0] != valuesV1:
		return fmt.Errorf("%w %d", ErrVersion, b[0])
	}
	for b = b[1:]; len(b) > 0; {
		n, rest, err := uvarint(b)
		if err != nil {
			return err
		}
		if n == 0 || n > maxValueBytes || n > uint64(len(rest)) || len(s.values[dimension]) >= s.most {
			return fmt.Errorf("%w: value of %d bytes", ErrCorrupt, n)
		}
		value := string(rest[:n])
		if _, ok := s.ids[dimension][value]; ok {
			return fmt.Errorf("%w: value %q twice", ErrCorrupt, value)
		}
		s.enter(dimension, value)
		b = rest[n:]
	}
	return nil
}
