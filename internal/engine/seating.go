package engine

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"recsvc/internal/feedback"
)

// Seating rewrites the entries of a checkpoint for another set of models. Models that stay keep what they have learned, how they were judged
// and what is pending for them, to the bit; what others had is dropped. A model that was not there before has no entries: it begins blank, and
// what is pending was captured without it.
type Seating struct {
	*feedback.Seating
	kept     map[string]bool // by name of a model
	was, now int             // flat heads
}

// NewSeating maps the flat heads that were there to those that are there now. kept are the names of the models that stay.
func NewSeating(was, now []feedback.Seat, kept map[string]bool) *Seating {
	return &Seating{kept: kept, was: len(was), now: len(now), Seating: feedback.NewSeating(was, now, func(name string) bool {
		model, _, _ := strings.Cut(name, "/")
		return kept[model]
	})}
}

// Seated reports whether a table, by the first byte of its keys, has entries of models.
func Seated(prefix byte) bool { return bytes.IndexByte([]byte("fhimovw"), prefix) >= 0 }

var errLabel = errors.New("a key that names no head of a model")

// Entry returns an entry as it is to be from now on; the key is nil when the entry is gone. What it returns may be what it was given.
func (s *Seating) Entry(key, value []byte) (newKey, newValue []byte, err error) {
	switch {
	case len(key) == 0 || !Seated(key[0]):
		return key, value, nil
	case key[0] == 'i' || key[0] == 'o':
		return s.Seating.Entry(key, value)
	case key[0] == prefixHealth:
		return s.health(key, value)
	case key[0] == prefixStanding:
		return s.standing(key, value)
	}
	if len(key) < 2 || len(key) < 2+int(key[1]) {
		return nil, nil, fmt.Errorf("entry %x: %w", key, errLabel)
	}
	label := string(key[2 : 2+key[1]])
	model, _, ok := strings.Cut(label, "/")
	switch {
	case key[0] == 'v' && label == "": // the slicer's, which all models share
		return key, value, nil
	case !ok:
		return nil, nil, fmt.Errorf("entry %x: %w", key, errLabel)
	case !s.kept[model]:
		return nil, nil, nil
	}
	return key, value, nil
}

// health moves the monitors and the refused samples, which go by flat heads.
func (s *Seating) health(key, value []byte) (newKey, newValue []byte, err error) {
	switch {
	case len(key) == 2 && key[1] == 'r':
		value, err = s.hurries(value)
		return key, value, err
	case len(key) == 3 && key[1] == 'm':
		to, ok := s.To(int(key[2]))
		if !ok {
			return nil, nil, nil
		}
		return []byte{prefixHealth, 'm', byte(to)}, value, nil
	case len(key) == 3 && key[1] == 'q':
		if len(value) != sampleBytes || value[0] != sampleV1 {
			return nil, nil, errHealth
		}
		value = bytes.Clone(value)
		to, ok := s.To(int(value[1]))
		if value[1] = byte(to); !ok {
			value[1] = headGone
		}
	}
	return key, value, nil
}

// hurries moves how long each flat head hurries, in the counters of health.
func (s *Seating) hurries(value []byte) ([]byte, error) {
	from := 1 + 8*(2+reasons)
	if len(value) < from+8*s.was || value[0] != healthV1 {
		return nil, errHealth
	}
	dst := append(bytes.Clone(value[:from]), make([]byte, 8*s.now)...)
	for h := range s.was {
		if to, ok := s.To(h); ok {
			copy(dst[from+8*to:], value[from+8*h:][:8])
		}
	}
	return append(dst, value[from+8*s.was:]...), nil
}

// standing drops what the log has said of models that are gone, also that one of them serves.
func (s *Seating) standing(key, value []byte) (newKey, newValue []byte, err error) {
	if len(key) < 2 || int(key[1]) != len(key)-2 || len(value) < 1 || value[0] != standingV1 {
		return nil, nil, errStanding
	}
	model := string(key[2:])
	if model == "" {
		model = string(value[1:])
	}
	if !s.kept[model] {
		return nil, nil, nil
	}
	return key, value, nil
}
