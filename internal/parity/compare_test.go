package parity

import (
	"errors"
	"fmt"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
)

// The features of these tests: n and m are numbers with slots 1 and 2, c and d categories.
func recorder(own ...slot) *Recorder {
	return &Recorder{
		columns: []features.Column{{Name: "n"}, {Name: "m"}, {Name: "c", Shape: features.ShapeCategory}, {Name: "d", Shape: features.ShapeCategories}},
		numbers: map[string]bool{"n": true, "m": true}, slots: map[uint32]string{1: "n", 2: "m"}, names: []string{"n", "m", "c", "d"},
		waiting: map[uint64]*capture{7: {own: own, p: []float32{0.5}, base: 100, shown: true, what: "it"}},
	}
}

func pendings(list ...feedback.Pending) func(func(*feedback.Pending) bool) error {
	return func(fn func(*feedback.Pending) bool) error {
		for i := range list {
			fn(&list[i])
		}
		return nil
	}
}

func TestVectorsAreComparedSlotBySlot(t *testing.T) {
	n, m, c, d5, d6 := slot{1, 0.5, 0}, slot{2, 2, 1}, slot{40, 1, 2}, slot{50, 1, 3}, slot{51, 1, 3}
	for _, tc := range []struct {
		name   string
		is     []slot
		slots  []uint32
		values []float32
		want   string // feature: slots/mismatch/missing/extra
	}{
		{"equal", []slot{n, m, c, d5, d6}, []uint32{1, 2, 40, 50, 51}, []float32{0.5, 2}, "n:1/0/0/0 m:1/0/0/0 c:1/0/0/0 d:2/0/0/0 "},
		{"another number", []slot{n, c}, []uint32{1, 40}, []float32{0.25}, "n:1/1/0/0 c:1/0/0/0 "},
		{"a number that the server lacked", []slot{n, m, c}, []uint32{2, 40}, []float32{2}, "n:1/0/1/0 m:1/0/0/0 c:1/0/0/0 "},
		{"a number that the replay lacks", []slot{m, c}, []uint32{1, 2, 40}, []float32{0.5, 2}, "n:0/0/0/1 m:1/0/0/0 c:1/0/0/0 "},
		{"one number for another", []slot{n, c}, []uint32{2, 40}, []float32{2}, "n:1/0/1/0 m:0/0/0/1 c:1/0/0/0 "},
		{"another category", []slot{n, c, d5}, []uint32{1, 41, 50}, []float32{0.5}, "n:1/0/0/0 c:1/1/0/0 d:1/0/0/0 "},
		{"a category that the server lacked", []slot{n, c, d5}, []uint32{1, 50}, []float32{0.5}, "n:1/0/0/0 c:1/0/1/0 d:1/0/0/0 "},
		{"a category that the replay lacks", []slot{n, d5}, []uint32{1, 40, 50}, []float32{0.5}, "n:1/0/0/0 d:1/0/0/0 (unknown):0/0/0/1 "},
		{"another element of a list", []slot{c, d5, d6}, []uint32{40, 50, 60}, nil, "c:1/0/0/0 d:2/1/0/0 "},
		{"fewer elements of a list", []slot{c, d5, d6}, []uint32{40, 51}, nil, "c:1/0/0/0 d:2/0/1/0 "},
		{"nothing at all", []slot{n, c}, nil, nil, "n:1/0/1/0 c:1/0/1/0 "},
		{"everything", nil, []uint32{1, 40}, []float32{0.5}, "n:0/0/0/1 (unknown):0/0/0/1 "},
		{"a value where the replay has 1", []slot{c}, []uint32{40}, []float32{3}, "c:1/1/0/0 "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := feedback.Pending{ID: 7, Base: 100, Exposed: true, Vectors: feedback.Captured{Own: feedback.Vector{Slots: tc.slots, Values: tc.values}, P: []float32{0.5}}}
			r, err := Compare(recorder(tc.is...), pendings(p), Options{})
			if err != nil || r.Compared != 1 || r.Missing+r.Extra != 0 || r.Predictions.Different != 0 {
				t.Fatalf("%v: %+v", err, r)
			}
			got, wrong := "", int64(0)
			for _, f := range r.Features {
				got += fmt.Sprintf("%s:%d/%d/%d/%d ", f.Name, f.Slots, f.Mismatch, f.Missing, f.Extra)
				wrong += f.Mismatch + f.Missing + f.Extra
				if (len(f.Examples) > 0) != (f.Mismatch+f.Missing+f.Extra > 0) {
					t.Errorf("%s has examples %q", f.Name, f.Examples)
				}
			}
			if got != tc.want || r.Equal() != (wrong == 0) {
				t.Errorf("%s, equal %v; want %s", got, r.Equal(), tc.want)
			}
		})
	}
}

func TestImpressionsOfOneSideAreCounted(t *testing.T) {
	c := slot{40, 1, 2}
	shown := func(id uint64, base event.Time, exposed bool) feedback.Pending {
		return feedback.Pending{ID: id, Base: base, Exposed: exposed, Vectors: feedback.Captured{Own: feedback.Vector{Slots: []uint32{40}}, P: []float32{0.25}}}
	}
	for _, tc := range []struct {
		name                             string
		live                             []feedback.Pending
		opts                             Options
		compared, missing, extra, differ int64
	}{
		{"the same", []feedback.Pending{shown(7, 100, true)}, Options{}, 1, 0, 0, 1},
		{"the server has none", nil, Options{}, 0, 1, 0, 0},
		{"another one", []feedback.Pending{shown(8, 100, true)}, Options{}, 0, 1, 1, 0},
		{"shown at another time", []feedback.Pending{shown(7, 101, true)}, Options{}, 0, 1, 1, 0},
		{"not shown yet", []feedback.Pending{shown(7, 100, false)}, Options{}, 0, 1, 1, 0},
		{"too early to be compared", []feedback.Pending{shown(7, 100, true), shown(8, 90, true)}, Options{Since: 101}, 0, 0, 0, 0},
		{"too late to be compared", []feedback.Pending{shown(7, 100, true)}, Options{Until: 100}, 0, 0, 0, 0},
	} {
		r, err := Compare(recorder(c), pendings(tc.live...), tc.opts)
		if err != nil || r.Compared != tc.compared || r.Missing != tc.missing || r.Extra != tc.extra || r.Predictions.Different != tc.differ ||
			r.Equal() != (tc.missing+tc.extra == 0) || len(r.Examples) != int(tc.missing+tc.extra) {
			t.Errorf("%s: %v, %+v", tc.name, err, r)
		}
	}
	broken := errors.New("broken")
	if _, err := Compare(recorder(c), func(func(*feedback.Pending) bool) error { return broken }, Options{}); !errors.Is(err, broken) {
		t.Error(err)
	}
}
