package engine

import (
	"slices"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/feedback"
)

// onlooker notes what two features were when something was captured.
type onlooker struct{ seen [][2]float64 }

func (o *onlooker) Begin(*event.Record, *features.Query) {}
func (o *onlooker) Captured(_ int, q *features.Query, _ feedback.Captured) {
	o.seen = append(o.seen, [2]float64{q.Number(0), q.Number(1)})
}
func (o *onlooker) Err() error                                 { return nil }
func (o *onlooker) Parked(uint64, int)                         {}
func (o *onlooker) Requested(uint64, *event.Event)             {}
func (o *onlooker) Shown(uint64, *event.Event, feedback.Shown) {}
func (o *onlooker) Labelled(uint64, int, *event.Event)         {}
func (o *onlooker) Settled(uint64, feedback.Settled)           {}
func (o *onlooker) Ended(uint64, feedback.End)                 {}

func listDefinitions() []features.Definition {
	return []features.Definition{{Name: "position", Kind: "position"}, {Name: "size", Kind: "list_size"}}
}

func TestWhatIsCapturedKnowsItsListAndItsPlaceInIt(t *testing.T) {
	o := &onlooker{}
	r, err := tryRigOf(t, t.TempDir(), listDefinitions(), func(opts *Options) { opts.Observer = o })
	if err != nil {
		t.Fatal(err)
	}
	served := servedRecord("r1", "u1", "default", at(0), event.ServedItem{Item: "i1", Propensity: 1}, event.ServedItem{Item: "i2", Propensity: 1})
	placed, unplaced := behaviour("exposure", "u2", "i1", at(1)), behaviour("exposure", "u3", "i1", at(2))
	placed.Event.Position = 7
	again := servedRecord("r2", "u1", "default", at(3), event.ServedItem{Item: "i1", Propensity: 1})
	r.run(place(nil, served, placed, unplaced, again))

	const none = -1 // for a number that is missing
	for i := range o.seen {
		for j, x := range o.seen[i] {
			if x != x {
				o.seen[i][j] = none
			}
		}
	}
	if want := [][2]float64{{1, 2}, {2, 2}, {7, none}, {none, none}, {1, 1}}; !slices.Equal(o.seen, want) {
		t.Errorf("positions and sizes of lists %v, want %v", o.seen, want)
	}
}

func TestScoresAreNotComparedWhereTheModelReadsTheList(t *testing.T) {
	list := servedRecord("r1", "u1", "default", at(0), event.ServedItem{Item: "i1", Score: 0.9})
	list.Served.Model = "ctr@0"
	for _, tc := range []struct {
		name     string
		defs     []features.Definition
		compared uint64
	}{
		{"with a position", listDefinitions(), 0},
		{"without", definitions(), 1},
	} {
		r, err := tryRigOf(t, t.TempDir(), tc.defs)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.run(place(nil, list)).status; s.Served != tc.compared || s.Skewed != tc.compared {
			t.Errorf("%s: %d scores compared, %d differ", tc.name, s.Served, s.Skewed)
		}
	}
}
