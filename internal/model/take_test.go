package model

import (
	"slices"
	"testing"
)

func TestAModelPredictsAsTheOneItTookTheWeightsOf(t *testing.T) {
	live, copied := mustNew(t, smallOptions()), mustNew(t, smallOptions())
	predict := func(m *Model, slot uint32) []float32 {
		dst := make([]float32, len(m.Heads()))
		m.Predict(dst, Vector{}, Vector{Slots: []uint32{slot}})
		return dst
	}
	for range 2 {
		live.Learn(0, &Example{Own: Vector{Slots: []uint32{5}}, Y: 1, Weight: 1})
		if slices.Equal(predict(copied, 5), predict(live, 5)) {
			t.Fatal("the copy has moved by itself")
		}
		if err := copied.TakeWeights(live); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(predict(copied, 5), predict(live, 5)) {
			t.Errorf("the copy predicts %v, the original %v", predict(copied, 5), predict(live, 5))
		}
	}
	other := smallOptions()
	other.Bits++
	if err := mustNew(t, other).TakeWeights(live); err == nil {
		t.Error("weights of another table are taken")
	}
	if published, own := live.Bytes(); published != int64(4*len(live.table.w)) || own != 2*published {
		t.Errorf("%d and %d bytes", published, own)
	}
}
