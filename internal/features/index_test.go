package features

import (
	"math/rand/v2"
	"testing"
)

func TestAnIndexAgreesWithAMap(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var x index
		twin := map[uint64]uint32{}
		keys := make([]uint64, 300)
		for i := range keys {
			keys[i] = max(1, rng.Uint64())
			if i%2 == 0 { // many in the same shard, wanting the same few places
				keys[i] = 7<<(64-shardBits) | uint64(rng.IntN(1<<20))<<20 | uint64(rng.IntN(4)) | 1<<19
			}
		}
		for i := range 20_000 {
			k := keys[rng.IntN(len(keys))]
			_, there := twin[k]
			switch {
			case rng.IntN(2) == 0:
				x.remove(k)
				delete(twin, k)
			case !there:
				x.put(k, uint32(i))
				twin[k] = uint32(i)
			}
			k = keys[rng.IntN(len(keys))]
			got, ok := x.get(k)
			want, wanted := twin[k]
			if got != want || ok != wanted || x.len() != len(twin) {
				t.Fatalf("seed %d, step %d: %x is at %d, %v of %d; want %d, %v of %d", seed, i, k, got, ok, x.len(), want, wanted, len(twin))
			}
		}
		for k, want := range twin {
			if got, ok := x.get(k); got != want || !ok {
				t.Fatalf("seed %d: %x is at %d, %v; want %d", seed, k, got, ok, want)
			}
		}
	}
}

func benchmarkKeys() []uint64 {
	keys := make([]uint64, 100_000)
	for i := range keys {
		keys[i] = max(1, mix(uint64(i)))
	}
	return keys
}

func BenchmarkIndexLookUp(b *testing.B) {
	var x index
	keys := benchmarkKeys()
	for i, k := range keys {
		x.put(k, uint32(i))
	}
	b.ReportAllocs()
	i, sum := uint64(0), uint32(0)
	for b.Loop() {
		place, _ := x.get(keys[mix(i)%uint64(len(keys))])
		sum += place
		i++
	}
	_ = sum
}

func BenchmarkMapLookUp(b *testing.B) {
	x := map[uint64]uint32{}
	keys := benchmarkKeys()
	for i, k := range keys {
		x[k] = uint32(i)
	}
	b.ReportAllocs()
	i, sum := uint64(0), uint32(0)
	for b.Loop() {
		sum += x[keys[mix(i)%uint64(len(keys))]]
		i++
	}
	_ = sum
}
