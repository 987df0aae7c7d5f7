package engine

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"recsvc/internal/event"
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

func TestTheStatusHasWhatWasWaitedFor(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	var all []event.Record
	for i := range 3000 {
		all = append(all, behaviour("view", "u1", "i1", at(float64(i))))
	}
	l.hand(all...) // one batch: the status is not left for its end
	for _, n := range []int64{1, 64, 1000, 2999, 3000} {
		if err := l.Wait(t.Context(), event.Cursor{{Partition: 0, Offset: n}}); err != nil {
			t.Fatal(err)
		}
		if s := l.Status(); s.Applied < uint64(n) || s.Cursor.Offset(0) < n || s.Newest < at(float64(n-1)) {
			t.Errorf("waited for record %d, and the status is of %s with %d applied", n, s.Cursor, s.Applied)
		}
	}
	l.stop()
}
