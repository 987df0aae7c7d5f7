package feedback

import (
	"maps"
	"math/rand/v2"
	"runtime"
	"testing"
)

func TestAnIndexSaysWhatAMapSays(t *testing.T) {
	for _, spread := range []uint64{1<<64 - 1, 0xff, 0xff << 56} { // all bits; then hashes that collide as they can
		g := rand.New(rand.NewPCG(1, spread))
		var x index
		twin := map[uint64]uint32{}
		var keys []uint64
		for i := range 200_000 {
			grow := i/25_000%2 == 0 // it breathes: far up, and almost down to nothing
			switch k := g.IntN(10); {
			case len(keys) == 0 || (k < 7) == grow:
				key := g.Uint64() & spread
				if key == 0 {
					continue
				}
				if _, known := twin[key]; !known {
					keys = append(keys, key)
				}
				x.put(key, uint32(i))
				twin[key] = uint32(i)
			default:
				n := g.IntN(len(keys))
				key := keys[n]
				keys[n] = keys[len(keys)-1]
				keys = keys[:len(keys)-1]
				x.remove(key)
				x.remove(key) // the second time in vain
				delete(twin, key)
			}
			if key := g.Uint64() & spread; x.get(key) != twin[key] || x.live != len(twin) {
				t.Fatalf("call %d: key %x is %d of %d entries, want %d of %d", i, key, x.get(key), x.live, twin[key], len(twin))
			}
			if i%10_000 == 0 {
				if got := maps.Collect(x.all); !maps.Equal(got, twin) {
					t.Fatalf("call %d: %d entries that differ from the map's %d", i, len(got), len(twin))
				}
				for key, value := range twin {
					if x.get(key) != value {
						t.Fatalf("call %d: key %x is %d, want %d", i, key, x.get(key), value)
					}
				}
			}
		}
	}
}

func TestAnIndexTakesFewBytesForAnEntryAndSaysHowMany(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 3))
	before := heap()
	var x index
	var keys []uint64
	for range 300_000 {
		key := g.Uint64()
		x.put(key, 1)
		if len(keys) < 270_000 {
			keys = append(keys, key)
		}
	}
	full := x.bytes()
	if per := float64(full) / 300_000; per > 18 {
		t.Errorf("%.1f bytes an entry", per)
	}
	for _, key := range keys {
		x.remove(key)
	}
	keys = nil
	if x.bytes() > full/6 {
		t.Errorf("%d bytes with a tenth of the entries, %d with all", x.bytes(), full)
	}
	if grown := heap() - before; float64(grown) > 1.2*float64(x.bytes())+1e5 || float64(x.bytes()) > 1.2*float64(grown)+1e5 {
		t.Errorf("says %d bytes; the heap has grown by %d", x.bytes(), grown)
	}
	runtime.KeepAlive(&x)
}

// heap returns the bytes that live objects take.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkIndex(b *testing.B) {
	const n = 1 << 20
	keys := make([]uint64, 2*n)
	g := rand.New(rand.NewPCG(1, 4))
	for i := range keys {
		keys[i] = g.Uint64()
	}
	b.Run("index", func(b *testing.B) {
		var x index
		for i := range n {
			x.put(keys[i], 1)
		}
		i := n
		for b.Loop() {
			x.get(keys[i&(2*n-1)]) // in vain
			x.put(keys[i&(2*n-1)], 1)
			x.get(keys[(i-n/2)&(2*n-1)])
			x.remove(keys[(i-n)&(2*n-1)])
			i++
		}
	})
	b.Run("map", func(b *testing.B) {
		x := map[uint64]uint32{}
		for i := range n {
			x[keys[i]] = 1
		}
		i := n
		for b.Loop() {
			_ = x[keys[i&(2*n-1)]]
			x[keys[i&(2*n-1)]] = 1
			_ = x[keys[(i-n/2)&(2*n-1)]]
			delete(x, keys[(i-n)&(2*n-1)])
			i++
		}
	})
}
