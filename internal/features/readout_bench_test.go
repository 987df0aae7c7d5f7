package features

import (
	"testing"
	"time"
)

// BenchmarkReadout reads one entity: all features of it, and numbers alone.
func BenchmarkReadout(b *testing.B) {
	for _, bench := range []struct {
		name  string
		names []string
	}{
		{"all", nil},
		{"numbers", []string{"clicks", "item_ctr", "user_cat_ctr", "device_ctr", "heat", "pair"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s := readoutStore(b)
			fillReadouts(s)
			r := readout(b, s, bench.names...)
			defer r.Close()
			context := device("ios")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Read("ann", "mug", context, t0.Add(time.Minute)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
