package model

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

// servingPages are those of models, keys and values in turn.
func servingPages(t *testing.T, models ...*Model) (pages [][]byte) {
	t.Helper()
	if err := ServingPages(models, func(key, value []byte) error {
		pages = append(pages, bytes.Clone(key), bytes.Clone(value))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return pages
}

func TestWhatServingPagesMakePredictsToTheBit(t *testing.T) {
	everyLearner(t, func(t *testing.T, opts Options) {
		other := opts
		other.Name = "a much longer name"
		learned := []*Model{mustNew(t, opts), mustNew(t, other)}
		for _, m := range learned {
			learnAll(m, randomExamples(uint64(len(m.name)), 400))
		}
		served := []*Model{mustNew(t, opts), mustNew(t, other)}
		pages := servingPages(t, learned...)
		for i := 0; i < len(pages); i += 2 {
			if i > 0 && bytes.Compare(pages[i-2], pages[i]) >= 0 {
				t.Fatal("keys do not ascend")
			}
			if ok, err := LoadServing(served, pages[i], pages[i+1]); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		for _, ex := range randomExamples(99, 200) {
			for k, m := range learned {
				want, got := make([]float32, len(m.heads)), make([]float32, len(m.heads))
				m.Predict(want, ex.Shared, ex.Own)
				served[k].Predict(got, ex.Shared, ex.Own)
				for h := range want {
					if math.Float32bits(want[h]) != math.Float32bits(got[h]) {
						t.Fatalf("%s/%s predicts %v, not %v", m.name, m.heads[h].name, got[h], want[h])
					}
				}
			}
		}
		if again := servingPages(t, served...); len(again) != len(pages) || !bytes.Equal(bytes.Join(again, nil), bytes.Join(pages, nil)) {
			t.Error("written again they differ")
		}
	})
}

func TestServingPagesAreWhatAHeldModelPredictsWith(t *testing.T) {
	m := mustNew(t, smallOptions())
	learnAll(m, randomExamples(1, 200))
	m.Hold(false)
	want := servingPages(t, m)
	learnAll(m, randomExamples(2, 200))
	if got := servingPages(t, m); !bytes.Equal(bytes.Join(got, nil), bytes.Join(want, nil)) {
		t.Error("what was learned since shows")
	}
	m.Publish()
	if got := servingPages(t, m); bytes.Equal(bytes.Join(got, nil), bytes.Join(want, nil)) {
		t.Error("what was published does not show")
	}
}

func TestServingPagesLeaveOutWhatWeighsNothing(t *testing.T) {
	opts := Options{Name: "m", Bits: 12, Heads: []HeadOptions{{Name: "h", Hyper: Hyper{L1: 1e6}}}}
	m := mustNew(t, opts)
	learnAll(m, randomExamples(1, 100))
	if m.Heads()[0].blankPage(0) && m.Heads()[0].blankPage(1) && m.Heads()[0].blankPage(2) && m.Heads()[0].blankPage(3) {
		t.Fatal("nothing was learned")
	}
	if pages := servingPages(t, m); len(pages) != 0 {
		t.Errorf("%d pages of weights that are all 0", len(pages)/2)
	}
}

func TestServingPagesThatDoNotFitAreRefused(t *testing.T) {
	opts := Options{Name: "m", Bits: 12, Heads: []HeadOptions{{Name: "h"}}}
	m := mustNew(t, opts)
	learnAll(m, randomExamples(1, 100))
	pages := servingPages(t, m)
	key, value := pages[0], pages[1]
	changed := func(at int, to byte) []byte {
		out := bytes.Clone(value)
		out[at] = to
		return out
	}
	nan := bytes.Clone(value)
	copy(nan[wordsHead:], []byte{0, 0, 0xc0, 0x7f})
	for _, tc := range []struct {
		name  string
		value []byte
		want  error
	}{
		{"nothing", nil, ErrShort},
		{"half a bitmap", value[:40], ErrShort},
		{"another version", changed(0, 9), ErrVersion},
		{"another table", changed(1, 13), ErrBits},
		{"another learner", changed(2, 5), ErrShape},
		{"a weight too few", value[:len(value)-4], ErrCorrupt},
		{"a weight too many", append(bytes.Clone(value), 0, 0, 0, 0), ErrCorrupt},
		{"no weight at all", append(bytes.Clone(value[:3]), make([]byte, bitmapSize)...), ErrCorrupt},
		{"not a number", nan, ErrCorrupt},
	} {
		if ok, err := LoadServing([]*Model{mustNew(t, opts)}, key, tc.value); !ok || !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, %v", tc.name, ok, err)
		}
	}
	if ok, err := LoadServing([]*Model{mustNew(t, Options{Name: "n", Bits: 12, Heads: []HeadOptions{{Name: "h"}}})}, key, value); ok || err != nil {
		t.Errorf("another model takes it: %v, %v", ok, err)
	}
	if ok, err := LoadServing([]*Model{m}, append(bytes.Clone(key[:len(key)-4]), 0, 0, 0, 200), value); !ok || err == nil {
		t.Errorf("a page beyond the table: %v, %v", ok, err)
	}
}
