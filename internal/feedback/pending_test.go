package feedback

import (
	"slices"
	"testing"
)

func TestWhatIsPendingCanBeSeenAsItWasCaptured(t *testing.T) {
	r := newRig(t, two(Correct))
	r.run(`exposure u/a @10 r=r
		exposure u/b @11 r=r
		served u @12 r=s c=0.5
		click u/a @13 r=r
		exposure u/d @1 r=old
		wm 75`)
	var ids []uint64
	err := r.j.EachPending(func(p *Pending) bool {
		ids = append(ids, p.ID)
		if want := p.ID != 3; p.Exposed != want {
			t.Errorf("%d exposed is %v", p.ID, p.Exposed)
		}
		if p.Vectors.Own.Slots[0] != uint32(p.ID) || len(p.Vectors.Shared.Slots) != 2 || p.Vectors.P[1] != float32(p.ID) {
			t.Errorf("%+v", p)
		}
		return true
	})
	if want := []uint64{1, 2, 3}; err != nil || !slices.Equal(ids, want) && len(ids) != r.j.Pending() {
		t.Errorf("pending %v, want %v: %v", ids, want, err)
	}
	n := 0
	if err := r.j.EachPending(func(*Pending) bool { n++; return false }); n > 1 || err != nil {
		t.Errorf("went on %d times: %v", n, err)
	}
}
