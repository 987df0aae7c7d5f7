package prints

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// twin is the set as a map.
type twin map[uint64]uint32

func (w twin) drop(hour uint32) (n int) {
	for print, h := range w {
		if h == hour {
			delete(w, print)
			n++
		}
	}
	return n
}

func (w twin) hours() map[uint32]int {
	hours := map[uint32]int{}
	for _, h := range w {
		hours[h]++
	}
	return hours
}

// compare holds a set against its twin: all that is there, and some that is not.
func compare(t *testing.T, s *Set, w twin, rng *rand.Rand) {
	t.Helper()
	if s.Len() != len(w) {
		t.Fatalf("%d fingerprints, want %d", s.Len(), len(w))
	}
	for print, want := range w {
		if hour, ok := s.Hour(print); !ok || hour != want {
			t.Fatalf("%x is of hour %d, %v; want %d", print, hour, ok, want)
		}
	}
	for range 100 {
		print := rng.Uint64()
		if _, ok := s.Hour(print); ok {
			t.Fatalf("%x is in the set", print)
		}
	}
}

func TestTheSetAgreesWithAMap(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			space := []uint64{50, 3000, 60_000}[seed%3]
			spread := []int{1, 4, 40, 200}[seed%4]
			s, w := New(), twin{}
			now := uint32(1000)
			for range 60_000 {
				hour := now - uint32(rng.IntN(spread))
				switch rng.IntN(2000) {
				case 0:
					if got, want := s.Drop(hour), w.drop(hour); got != want {
						t.Fatalf("hour %d had %d, want %d", hour, got, want)
					}
				case 1:
					now++
					s.Drop(now - uint32(spread))
					w.drop(now - uint32(spread))
				case 2:
					for h := range w.hours() {
						if rng.IntN(3) > 0 {
							s.Drop(h)
							w.drop(h)
						}
					}
				default:
					print := rng.Uint64N(space)
					if _, full := s.Add(print, hour); full {
						t.Fatalf("full with %d hours", len(w.hours()))
					}
					w[print] = hour
				}
				if print := rng.Uint64N(space); rng.IntN(4) == 0 {
					want, there := w[print]
					if hour, ok := s.Hour(print); ok != there || hour != want {
						t.Fatalf("%x is of hour %d, %v; want %d, %v", print, hour, ok, want, there)
					}
				}
			}
			compare(t, s, w, rng)
		})
	}
}

func TestTheOldestHourGoesWhenThereAreTooMany(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s, w := New(), twin{}
	live := map[uint32]bool{}
	for i := range 8_000 {
		print, hour := uint64(rng.IntN(5000)), uint32(rng.IntN(2*MaxHours))
		oldest, makesRoom := hour, !live[hour] && len(live) == MaxHours
		if makesRoom {
			for h := range live {
				oldest = min(oldest, h)
			}
		}
		dropped, full := s.Add(print, hour)
		if full != makesRoom || full && dropped != oldest {
			t.Fatalf("step %d: dropped %d, %v; want %d, %v", i, dropped, full, oldest, makesRoom)
		}
		if full && dropped == hour {
			continue // too old itself
		}
		if full {
			w.drop(dropped)
			delete(live, dropped)
		}
		w[print], live[hour] = hour, true
		if i%500 == 0 {
			compare(t, s, w, rng)
			hour := uint32(rng.IntN(2 * MaxHours))
			if got, want := s.Drop(hour), w.drop(hour); got != want {
				t.Fatalf("step %d: hour %d had %d, want %d", i, hour, got, want)
			}
			delete(live, hour)
		}
	}
	compare(t, s, w, rng)
}

func TestZeroIsAFingerprintAndAnHour(t *testing.T) {
	s := New()
	if _, ok := s.Hour(0); ok {
		t.Error("0 is in an empty set")
	}
	s.Add(0, 0)
	if hour, ok := s.Hour(0); !ok || hour != 0 || s.Len() != 1 {
		t.Errorf("0 is of hour %d, %v, of %d", hour, ok, s.Len())
	}
	if s.Drop(0) != 1 || s.Len() != 0 {
		t.Errorf("%d left", s.Len())
	}
}

// TestNoCallDoesMuchWork is about growth, sweeping and shrinking: whatever the size of the set, one call goes through
// the cells of a few small tables.
func TestNoCallDoesMuchWork(t *testing.T) {
	const n = 300_000
	rng := rand.New(rand.NewPCG(7, 8))
	s := New()
	most := 0
	step := func(call func()) {
		before := s.work
		call()
		most = max(most, s.work-before)
	}
	for i := range n {
		step(func() { s.Add(rng.Uint64(), uint32(i/(n/24))) })
	}
	for hour := range uint32(20) {
		before := s.work
		s.Drop(hour)
		if s.work != before {
			t.Fatalf("forgetting an hour went through %d cells", s.work-before)
		}
		for range n / 50 {
			step(func() { s.Add(rng.Uint64(), 100+hour) })
		}
	}
	if most > 12*splitAt {
		t.Errorf("a call went through %d cells", most)
	}
	t.Logf("at most %d cells a call", most)
}

func TestWhatIsForgottenGivesItsMemoryBack(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	s := New()
	for range 300_000 {
		s.Add(rng.Uint64(), 1)
	}
	full := s.Bytes()
	if perEntry := float64(full) / 3e5; perEntry > 12.5 {
		t.Errorf("%.1f bytes an entry", perEntry)
	}
	s.Drop(1)
	for i := range uint64(5000) {
		s.Add(i, 2)
	}
	if s.Bytes() > full/20 {
		t.Errorf("%d bytes of %d are kept for %d fingerprints", s.Bytes(), full, s.Len())
	}
}

func TestASlidingDayStaysCompact(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	s := New()
	for hour := range uint32(50) {
		for range 8_000 {
			s.Add(rng.Uint64(), hour)
		}
		if hour >= 23 {
			s.Drop(hour - 23)
		}
	}
	if perEntry := float64(s.Bytes()) / float64(s.Len()); perEntry > 13.5 {
		t.Errorf("%.1f bytes an entry", perEntry)
	}
}

const many = 10_000_000

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkTenMillion(b *testing.B) {
	for _, kind := range []struct {
		name string
		make func() (add func(uint64, uint32), hour func(uint64) (uint32, bool))
	}{
		{"set", func() (func(uint64, uint32), func(uint64) (uint32, bool)) {
			s := New()
			return func(print uint64, hour uint32) { s.Add(print, hour) }, s.Hour
		}},
		{"map", func() (func(uint64, uint32), func(uint64) (uint32, bool)) {
			m := map[uint64]uint32{}
			return func(print uint64, hour uint32) { m[print] = hour }, func(print uint64) (uint32, bool) { h, ok := m[print]; return h, ok }
		}},
	} {
		b.Run(kind.name+"/add", func(b *testing.B) {
			for range b.N {
				before := heap()
				add, hour := kind.make()
				rng := rand.New(rand.NewPCG(1, 2))
				b.ResetTimer()
				for i := range many {
					add(rng.Uint64(), uint32(i/(many/24)))
				}
				b.StopTimer()
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/many, "ns/add")
				b.ReportMetric(float64(heap()-before)/many, "B/entry")
				runtime.KeepAlive(hour)
			}
		})
		b.Run(kind.name+"/hour", func(b *testing.B) {
			add, hour := kind.make()
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range many {
				add(rng.Uint64(), uint32(i/(many/24)))
			}
			rng = rand.New(rand.NewPCG(1, 2))
			b.ResetTimer()
			found := 0
			for i := range b.N {
				if i%many == 0 {
					rng = rand.New(rand.NewPCG(1, 2))
				}
				if _, ok := hour(rng.Uint64() ^ uint64(i&1)); ok { // every other one is not there
					found++
				}
			}
			b.ReportMetric(float64(found)/float64(b.N), "found")
		})
	}
}
