package validation

import (
	"sync"
	"testing"
	"time"
)

// It says something under the race detector.
func TestReportsMayBeReadBesideTheWriter(t *testing.T) {
	s := slicer(t, 4, "context.tab", "scene")
	v := New("m/h", Options{Slicer: s, Users: 100, Spans: []time.Duration{time.Hour}})
	obs, _, _ := sliceObservations(s, 21, 4000)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			var n uint64
			for {
				select {
				case <-stop:
					return
				default:
				}
				m := v.Total()
				if m.N < n {
					t.Errorf("%d observations after %d", m.N, n)
				}
				n = m.N
				v.Recent()
				v.Days()
				v.Spans()
				v.Users()
				v.Slices()
			}
		})
	}
	fresh := New("m/g", Options{Slicer: s})
	for _, o := range obs {
		v.Observe(o)
		fresh.Observe(o)
	}
	close(stop)
	readers.Wait()
	if v.Total() != fresh.Total() {
		t.Error("the readers have changed something")
	}
}
