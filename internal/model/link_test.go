package model

import (
	"math"
	"testing"
)

func TestALinkPutsRightWhatWasNotLearnedAsItIs(t *testing.T) {
	for _, p := range []float64{1e-9, 0.001, 0.1, 0.5, 0.9, 0.99} {
		logit := math.Log(p / (1 - p))
		const share = 0.05
		sampled := p / (p + share*(1-p)) // what the odds are when so many negatives are kept
		shift := Link{Shift: math.Log(share)}
		if got := shift.apply(math.Log(sampled / (1 - sampled))); math.Abs(got-logit) > 1e-9 {
			t.Errorf("sampled, p %v: logit %v, want %v", p, got, logit)
		}
		fake := Link{FakeNegatives: true}
		if got := fake.apply(math.Log(p)); math.Abs(got-logit) > 1e-9 { // b/(1−b) with b = p/(1+p) is p
			t.Errorf("fake negatives, p %v: logit %v, want %v", p, got, logit)
		}
	}
	for _, l := range []Link{{}, {Shift: -3}, {FakeNegatives: true}} {
		last := math.Inf(-1)
		for s := -maxLogit - 1.0; s <= maxLogit+1; s += 0.01 {
			got := l.apply(clampLogit(s))
			if got < last || got < -maxLogit || got > maxLogit {
				t.Fatalf("%+v at %v: %v after %v", l, s, got, last)
			}
			last = got
		}
	}
	if got := (&Link{}).apply(1.25); got != 1.25 {
		t.Errorf("no link: %v", got)
	}
}

func TestPredictionsGoThroughTheLinkAndLearningDoesNot(t *testing.T) {
	plain, linked := HeadOptions{Name: "h"}, HeadOptions{Name: "h", Link: Link{Shift: math.Log(0.1)}}
	var heads []*Head
	var models []*Model
	for _, o := range []HeadOptions{plain, linked} {
		m, err := New(Options{Name: "m", Bits: 10, Heads: []HeadOptions{o}})
		if err != nil {
			t.Fatal(err)
		}
		heads, models = append(heads, m.Head(0)), append(models, m)
	}
	v := Vector{Slots: []uint32{1, 2}}
	for i := range 50 {
		ex := &Example{Own: v, Y: float32(i & 1), Weight: 1}
		p, _ := heads[0].Learn(ex)
		q, _ := heads[1].Learn(ex)
		if p != q {
			t.Fatalf("step %d: learned from %v, with a link from %v", i, p, q)
		}
	}
	if got, want := heads[1].Logit(Vector{}, v), heads[0].Logit(Vector{}, v)+math.Log(0.1); got != want {
		t.Errorf("logit %v, want %v", got, want)
	}
	var p [1]float32
	models[1].Predict(p[:], Vector{}, v)
	if want := float32(Sigmoid(heads[1].Logit(Vector{}, v))); p[0] != want {
		t.Errorf("predicted %v, want %v", p[0], want)
	}
}
