package ope

import (
	"testing"
	"time"

	"recsvc/internal/event"
)

func shownAt(t time.Duration, reward float64) *Settled {
	return &Settled{Time: event.Time(1000*time.Hour) + event.Time(t), Reward: reward, Theta: 1, Position: 2, Cluster: uint64(t)}
}

var asLogged = []Choice{{Weights: [interactions]float64{1, 1, 1}, Products: true}}

func TestAWindowForgetsWhatIsOld(t *testing.T) {
	w, err := NewWindow(1, WindowOptions{Span: 8 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for h := range 20 {
		w.Add(shownAt(time.Duration(h)*time.Hour, float64(h)), asLogged)
	}
	got := w.Evaluation(0)
	if n, mean := got.Tally(Whole).N(), Find(got.Tally(Independent).Estimates(Bootstrap{}), IPS).Value; n != 8 || mean != 15.5 {
		t.Errorf("%d impressions of value %v, want the last 8", n, mean)
	}
	if at := got.Position(Cascade, 2); at == nil || at.N() != 8 || got.Position(Cascade, 1) != nil || got.Position(Independent, 99) != nil {
		t.Errorf("by position %v", at)
	}
	w.Add(shownAt(3*time.Hour, 1e6), asLogged) // far too late
	if n := w.Evaluation(0).Tally(Independent).N(); n != 8 {
		t.Errorf("%d impressions after one that is too late", n)
	}
	w.Add(shownAt(15*time.Hour, 1), asLogged) // late, and within
	if n := w.Evaluation(0).Tally(Independent).N(); n != 9 {
		t.Errorf("%d impressions after one that is late", n)
	}
	w.Add(shownAt(500*time.Hour, 1), asLogged) // a long silence
	if n := w.Evaluation(0).Tally(Independent).N(); n != 1 {
		t.Errorf("%d impressions after a long silence", n)
	}
}

func TestAWindowHoldsTheSameAsOneSum(t *testing.T) {
	w, err := NewWindow(1, WindowOptions{Span: time.Hour, Blocks: 3})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := NewEvaluation(Options{Clusters: windowClusters, ByPlace: windowByPlace})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range randomSamples(900, 60) {
		settled := &Settled{Cluster: s.Cluster, Time: event.Time(time.Duration(i+1) * time.Second), Position: int32(i % 5), Reward: s.Reward, Theta: 1}
		made := []Choice{{Weights: [interactions]float64{s.Weight, s.Weight * 2, 3}, Products: i%2 == 0}}
		w.Add(settled, made)
		whole.Add(settled, &made[0])
	}
	got := w.Evaluation(0)
	for _, i := range Interactions() {
		a, b := got.Tally(i).Estimates(Bootstrap{}), whole.Tally(i).Estimates(Bootstrap{})
		for j := range a {
			if a[j].Name == DM || a[j].Name == DR || a[j].Name == SNDR {
				continue // the mean reward so far begins anew in each block
			}
			if d := a[j].Value - b[j].Value; d > 1e-12 || d < -1e-12 {
				t.Errorf("%v: %+v, want %+v", i, a[j], b[j])
			}
		}
	}
}

func TestAWindowOfNothingIsRefused(t *testing.T) {
	for _, o := range []WindowOptions{{Blocks: 1}, {Blocks: -3}, {Span: 3, Blocks: 8}, {Span: -time.Hour}, {Clip: 0.1}} {
		if _, err := NewWindow(1, o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
