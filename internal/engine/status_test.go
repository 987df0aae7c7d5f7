package engine

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// After a restart the status tells of the state, not of this process.
func TestTheStatusOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	log := append(makeTraffic(12, 500), behaviour("exposure", "u1", "i1", at(4000)))
	log[len(log)-1].Offset = int64(len(log) - 1)
	want := openRig(t, dir).run(log).status
	registry := prometheus.NewRegistry()
	r := openRig(t, dir, func(o *Options) { o.Registerer = registry })
	got := r.Status()
	if counted(got) != counted(want) || got.Cursor.String() != want.Cursor.String() {
		t.Errorf("counted %v up to %s, want %v up to %s", counted(got), got.Cursor, counted(want), want.Cursor)
	}
	if got.Watermark != want.Watermark || got.Newest != want.Newest || got.Pending != want.Pending || got.Dedup != want.Dedup {
		t.Errorf("status %+v, want %+v", got, want)
	}
	if want.Pending == 0 {
		t.Error("nothing is pending")
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if n := m.GetCounter().GetValue(); f.GetName() == "recsvc_engine_records_total" && n != 0 {
				t.Errorf("%s counts %v records that another process has applied", f.GetName(), n)
			}
		}
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
}
