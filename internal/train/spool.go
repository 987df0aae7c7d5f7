package train

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"recsvc/internal/feedback"
)

// File is what a Spool needs of a file.
type File interface {
	io.ReaderAt
	io.WriterAt
}

// Spool is a sequence of steps in a file. It is made and read by one goroutine, in one process: the form is no one else's.
//
// An entry, little-endian: flags u8 | head uvarint | y f32, weight f32, theta f32, each where its flag is set |
// shared and own vectors, each unless its flag says that it is that of the entry before. A vector: slots uvarint | values uvarint |
// slots u32 … | values f32 ….
type Spool struct {
	file   File
	out    *bufio.Writer
	size   int64
	steps  int64
	blocks []int64 // where each block of blockSteps entries begins; its first has both vectors
	buf    []byte
	last   vectors
}

// vectors are those of the entry before.
type vectors struct{ shared, own feedback.Vector }

// Flags of an entry.
const (
	flagCorrection = 1 << iota
	flagPositive   // y is 1; else 0, or
	flagY          // it follows
	flagWeight     // is not 1 and follows
	flagTheta      // is not 1 and follows
	flagSameShared
	flagSameOwn
	flagFakeNegative
)

// blockSteps is how many steps are shuffled together: some megabytes.
const blockSteps = 1 << 14

// maxSlots bounds what a length may ask for.
const maxSlots = 1 << 20

var errSpool = errors.New("the spool is not what was written")

// NewSpool returns an empty one in a file that nobody else uses.
func NewSpool(file File) *Spool {
	s := &Spool{file: file}
	s.out = bufio.NewWriterSize(&appender{file: file}, 1<<20)
	return s
}

// appender writes at the end of what it has written.
type appender struct {
	file io.WriterAt
	at   int64
}

func (a *appender) Write(b []byte) (int, error) {
	n, err := a.file.WriteAt(b, a.at)
	a.at += int64(n)
	return n, err
}

// Steps is how many there are, and Size how many bytes they take.
func (s *Spool) Steps() int64 { return s.steps }
func (s *Spool) Size() int64  { return s.size }

// Add appends a step. Its head is of the model, not of the join.
func (s *Spool) Add(step *feedback.Step, head int) error {
	flags := byte(0)
	if s.steps%blockSteps == 0 {
		s.blocks = append(s.blocks, s.size)
	} else {
		if same(s.last.shared, step.Shared) {
			flags |= flagSameShared
		}
		if same(s.last.own, step.Own) {
			flags |= flagSameOwn
		}
	}
	b := append(s.buf[:0], 0)
	b = binary.AppendUvarint(b, uint64(head))
	if step.Correction {
		flags |= flagCorrection
	}
	if step.FakeNegative {
		flags |= flagFakeNegative
	}
	switch step.Y {
	case 0:
	case 1:
		flags |= flagPositive
	default:
		flags |= flagY
		b = appendF32(b, step.Y)
	}
	if step.Weight != 1 {
		flags |= flagWeight
		b = appendF32(b, step.Weight)
	}
	if step.Theta != 1 {
		flags |= flagTheta
		b = appendF32(b, step.Theta)
	}
	if flags&flagSameShared == 0 {
		b = appendVector(b, step.Shared)
		keep(&s.last.shared, step.Shared)
	}
	if flags&flagSameOwn == 0 {
		b = appendVector(b, step.Own)
		keep(&s.last.own, step.Own)
	}
	b[0] = flags
	s.buf = b
	s.steps++
	s.size += int64(len(b))
	_, err := s.out.Write(b)
	return err
}

func same(a, b feedback.Vector) bool {
	return slices.Equal(a.Slots, b.Slots) && slices.EqualFunc(a.Values, b.Values, func(x, y float32) bool {
		return math.Float32bits(x) == math.Float32bits(y)
	})
}

func keep(dst *feedback.Vector, v feedback.Vector) {
	dst.Slots, dst.Values = append(dst.Slots[:0], v.Slots...), append(dst.Values[:0], v.Values...)
}

func appendF32(b []byte, x float32) []byte {
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
}

func appendVector(b []byte, v feedback.Vector) []byte {
	b = binary.AppendUvarint(b, uint64(len(v.Slots)))
	b = binary.AppendUvarint(b, uint64(len(v.Values)))
	for _, slot := range v.Slots {
		b = binary.LittleEndian.AppendUint32(b, slot)
	}
	for _, x := range v.Values {
		b = appendF32(b, x)
	}
	return b
}

// Entry is a step that was read. Its vectors are good until the next is read.
type Entry struct {
	Head             int
	Y, Weight, Theta float32
	Correction       bool
	FakeNegative     bool
	Shared, Own      feedback.Vector
}

// reader reads entries from a place on.
type reader struct {
	in    *bufio.Reader
	entry Entry
	bytes []byte
}

// read begins at a block.
func (s *Spool) read(block int) (*reader, error) {
	if err := s.out.Flush(); err != nil {
		return nil, err
	}
	return &reader{in: bufio.NewReaderSize(io.NewSectionReader(s.file, s.blocks[block], s.size-s.blocks[block]), 1<<20)}, nil
}

// next reads one entry.
func (r *reader) next() (*Entry, error) {
	flags, err := r.in.ReadByte()
	if err != nil {
		return nil, err
	}
	head, err := binary.ReadUvarint(r.in)
	if err != nil || head > 1<<16 {
		return nil, errors.Join(errSpool, err)
	}
	e := &r.entry
	e.Head, e.Y, e.Weight, e.Theta = int(head), 0, 1, 1
	e.Correction, e.FakeNegative = flags&flagCorrection != 0, flags&flagFakeNegative != 0
	if flags&flagPositive != 0 {
		e.Y = 1
	}
	for _, f := range []struct {
		flag byte
		to   *float32
	}{{flagY, &e.Y}, {flagWeight, &e.Weight}, {flagTheta, &e.Theta}} {
		if flags&f.flag != 0 {
			if err := r.floats(f.to, 1, nil); err != nil {
				return nil, err
			}
		}
	}
	if flags&flagSameShared == 0 {
		if err := r.vector(&e.Shared); err != nil {
			return nil, err
		}
	}
	if flags&flagSameOwn == 0 {
		if err := r.vector(&e.Own); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (r *reader) take(n int) ([]byte, error) {
	if cap(r.bytes) < n {
		r.bytes = make([]byte, n)
	}
	b := r.bytes[:n]
	if _, err := io.ReadFull(r.in, b); err != nil {
		return nil, fmt.Errorf("%w: %w", errSpool, err)
	}
	return b, nil
}

// floats reads into one, or n into many.
func (r *reader) floats(one *float32, n int, many []float32) error {
	b, err := r.take(4 * n)
	if err != nil {
		return err
	}
	if one != nil {
		*one = math.Float32frombits(binary.LittleEndian.Uint32(b))
		return nil
	}
	for i := range many {
		many[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return nil
}

func (r *reader) vector(v *feedback.Vector) error {
	slots, err := binary.ReadUvarint(r.in)
	if err != nil {
		return errors.Join(errSpool, err)
	}
	values, err := binary.ReadUvarint(r.in)
	if err != nil || slots > maxSlots || values > slots {
		return errors.Join(errSpool, err)
	}
	b, err := r.take(4 * int(slots))
	if err != nil {
		return err
	}
	v.Slots = slices.Grow(v.Slots[:0], int(slots))[:slots]
	for i := range v.Slots {
		v.Slots[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	v.Values = slices.Grow(v.Values[:0], int(values))[:values]
	return r.floats(nil, int(values), v.Values)
}
