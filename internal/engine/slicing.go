package engine

import (
	"fmt"
	"strconv"
	"strings"

	"recsvc/internal/event"
	"recsvc/internal/validation"
)

// slicing tags what is captured with the slices that progressive validation counts it under: as things stand at the capture.
type slicing struct {
	slicer *validation.Slicer // nil: nothing is sliced
	by     []dimension
	users  bool // some dimension reads the user
	buf    []byte
}

// dimension is what one dimension reads.
type dimension struct {
	source dimensionSource
	key    string // of the context or the user
}

type dimensionSource uint8

const (
	fromScene dimensionSource = iota
	fromVariant
	fromContext
	fromUser
)

func parseDimension(name string) (d dimension, err error) {
	if name == "scene" {
		return dimension{source: fromScene}, nil
	}
	if name == "variant" {
		return dimension{source: fromVariant}, nil
	}
	source, key, _ := strings.Cut(name, ".")
	if d = (dimension{source: fromContext, key: key}); source == "user" {
		d.source = fromUser
	}
	if source != "context" && source != "user" || key == "" {
		return d, fmt.Errorf("%q is none of scene, variant, context.KEY and user.KEY", name)
	}
	return d, nil
}

func newSlicing(s *validation.Slicer) (out slicing, err error) {
	if s == nil {
		return out, nil
	}
	out.slicer = s
	for _, name := range s.Dimensions() {
		d, err := parseDimension(name)
		if err != nil {
			return out, fmt.Errorf("engine: slices: %w", err)
		}
		out.by = append(out.by, d)
		out.users = out.users || d.source == fromUser
	}
	return out, nil
}

// tag returns the slices of what is shown in a context. The query has begun with its user; scene and variant are empty where nothing
// was served.
func (e *Engine) tag(scene, variant string, context event.Attributes) uint64 {
	s := &e.slicing
	if s.slicer == nil {
		return 0
	}
	var user event.Attributes
	if s.users {
		user = e.query.UserAttributes()
	}
	tag := s.slicer.Begin()
	for i, d := range s.by {
		s.buf = s.buf[:0]
		switch d.source {
		case fromScene:
			s.buf = append(s.buf, scene...)
		case fromVariant:
			s.buf = append(s.buf, variant...)
		case fromContext:
			s.buf = appendSlice(s.buf, context, d.key)
		case fromUser:
			s.buf = appendSlice(s.buf, user, d.key)
		}
		tag = s.slicer.With(tag, i, s.buf)
	}
	return uint64(tag)
}

// appendSlice appends the text of a value: of a list, that of its first.
func appendSlice(dst []byte, from event.Attributes, key string) []byte {
	v, ok := from.Get(key)
	if !ok {
		return dst
	}
	switch v.Kind {
	case event.String:
		return append(dst, v.Str...)
	case event.Number:
		return strconv.AppendFloat(dst, v.Num, 'g', -1, 64)
	case event.Bool:
		return strconv.AppendBool(dst, v.Num != 0)
	case event.List:
		if len(v.List) > 0 {
			return append(dst, v.List[0]...)
		}
	}
	return dst
}
