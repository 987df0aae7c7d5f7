package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"recsvc/internal/config"
	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/ingest"
)

// BenchmarkFeaturesOfKuairand measures the shipped example configuration on the whole of KuaiRand, which SHARED (../shared beside the project)
// must hold: the features alone, no log, no join, no model. Give it -benchtime=1x; the times of each lap are later by a day more than the data span.
//
//	capture   vector of each exposure, then its windows     what a server does for each event
//	windows   the windows alone
//	reads     vectors of random users and items
func BenchmarkFeaturesOfKuairand(b *testing.B) {
	dir := filepath.Join(cmp.Or(os.Getenv("SHARED"), "../../../shared"), "data", "kuairand")
	if _, err := os.Stat(dir); err != nil {
		b.Skipf("no data: %v", err)
	}
	c, err := config.Load("../../configs/kuairand.yaml", config.Overrides{})
	if err != nil {
		b.Fatal(err)
	}
	records := readKuairand(b, dir)
	for _, recall := range []bool{true, false} {
		c.Recall.Enabled = recall
		b.Run(fmt.Sprintf("recall=%v", recall), func(b *testing.B) {
			for b.Loop() {
				l := newFeatureLoad(b, c, records)
				l.lap(true) // everybody comes in
				l.measure("capture", func() { l.lap(true) })
				l.measure("windows", func() { l.lap(false) })
				l.reads()
				b.ReportMetric(float64(l.store.UserBytes())/float64(l.store.UserStats().Known), "bytes/user")
			}
		})
	}
}

// featureLoad is a store with the events that go through it.
type featureLoad struct {
	b      *testing.B
	store  *features.Store
	query  *features.Query
	vector features.Vector
	events []event.Event
	items  []features.ItemRef
	span   time.Duration
	cells  int // changed in a lap, at most
}

func newFeatureLoad(b *testing.B, c *config.Config, records []event.Record) *featureLoad {
	b.Helper()
	s, err := newFeatures(c, nil)
	if err != nil {
		b.Fatal(err)
	}
	l := &featureLoad{b: b, store: s, query: s.NewQuery()}
	shown := map[[2]string]event.Attributes{} // contexts of exposures: an outcome has that of what it is an outcome of
	for i := range records {
		switch r := &records[i]; r.Kind {
		case event.KindItem:
			s.UpsertItem(r.Item)
		case event.KindUser:
			s.UpsertUser(r.User)
		case event.KindEvent:
			e := *r.Event
			if pair := [2]string{e.User, e.Item}; e.Type == "exposure" {
				shown[pair] = e.Context
			} else if len(e.Context) == 0 {
				e.Context = shown[pair]
			}
			l.events = append(l.events, e)
			l.items = append(l.items, s.EnsureItem(e.Item))
			l.cells += s.Cells(e.Type)
		}
	}
	l.span = l.events[len(l.events)-1].Time.Sub(l.events[0].Time) + 24*time.Hour
	return l
}

// lap applies all events, with the vector of each exposure before, and moves their times on for the next.
func (l *featureLoad) lap(capture bool) {
	for i := range l.events {
		e := &l.events[i]
		ref := l.store.EnsureItem(e.Item)
		l.query.Begin(e.User, e.Context, e.Time)
		if capture && e.Type == "exposure" {
			l.query.Shared()
			l.query.Item(&l.vector, ref)
		}
		l.store.Apply(l.query, e, ref)
		e.Time = e.Time.Add(l.span)
	}
}

func (l *featureLoad) measure(name string, lap func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	lap()
	took := time.Since(start).Seconds()
	runtime.ReadMemStats(&after)
	n := float64(len(l.events))
	l.b.ReportMetric(n/took, name+"-events/s")
	l.b.ReportMetric(float64(l.cells)/took, name+"-cells/s")
	l.b.ReportMetric(float64(after.Mallocs-before.Mallocs)/n, name+"-allocs/event")
}

// reads makes vectors of users and items that have nothing to do with one another, each a list of one.
func (l *featureLoad) reads() {
	const n = 200_000
	now := l.events[len(l.events)-1].Time
	start := time.Now()
	for i := range n {
		e := &l.events[i*7919%len(l.events)]
		l.query.Begin(e.User, e.Context, now)
		l.query.Shared()
		l.query.Item(&l.vector, l.items[i*104729%len(l.items)])
	}
	l.b.ReportMetric(n/time.Since(start).Seconds(), "reads/s")
}

func readKuairand(b *testing.B, dir string) (records []event.Record) {
	b.Helper()
	v, err := ingest.NewValidator(ingest.ValidatorOptions{})
	if err != nil {
		b.Fatal(err)
	}
	file := func(name string) []string { return []string{filepath.Join(dir, name+".jsonl.gz")} }
	src, err := ingest.NewFiles(v, ingest.FilesOptions{Items: file("items"), Users: file("users"), Events: file("events")})
	if err != nil {
		b.Fatal(err)
	}
	if err := relay(b.Context(), src, nil, func(batch *ingest.Batch) error {
		records = append(records, batch.Records...)
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	return records
}
