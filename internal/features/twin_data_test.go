package features

import (
	"bufio"
	"compress/gzip"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"recsvc/internal/config"
	"recsvc/internal/event"
)

// shippedDefinitions are the features of a shipped configuration that the twin can count.
func shippedDefinitions(t *testing.T, path string) (defs []Definition) {
	t.Helper()
	c, err := config.Load(path, config.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]bool{}
	for _, k := range twinKinds() {
		counted[k.kind] = true
	}
	for _, f := range c.Features {
		if !counted[f.Kind] {
			continue
		}
		var d Definition
		convert(reflect.ValueOf(&d).Elem(), reflect.ValueOf(f))
		d.Buckets = f.Buckets.Bounds
		defs = append(defs, d)
	}
	return defs
}

// convert copies the fields that have the same name and form.
func convert(to, from reflect.Value) {
	for i := range to.NumField() {
		source := from.FieldByName(to.Type().Field(i).Name)
		switch {
		case !source.IsValid():
		case source.CanConvert(to.Field(i).Type()):
			to.Field(i).Set(source.Convert(to.Field(i).Type()))
		case to.Field(i).Kind() == reflect.Struct && source.Kind() == reflect.Struct:
			convert(to.Field(i), source)
		}
	}
}

// eachRecord decodes a compressed file of records, one on each line.
func eachRecord(t *testing.T, kind event.Kind, path string, yield func(*event.Record)) {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) && kind == event.KindUser {
		return // not all of the data sets have people
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var d event.Decoder
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		rec := event.Record{Kind: kind}
		if err := d.DecodeJSON(kind, append([]byte(nil), lines.Bytes()...), &rec); err != nil {
			t.Fatalf("%s: %v: %s", path, err, lines.Bytes())
		}
		yield(&rec)
	}
	if lines.Err() != nil {
		t.Fatal(lines.Err())
	}
}

// The data sets lie in the folder that TWIN_DATA names (scripts/shared-checks.sh does). Outcomes are given the context of their
// impression, as the engine's join does.
func TestShippedFeaturesEqualARecountOfRealData(t *testing.T) {
	folder := os.Getenv("TWIN_DATA")
	if folder == "" {
		t.Skip("TWIN_DATA names no folder of data")
	}
	for _, name := range []string{"kuairand", "trivago"} {
		t.Run(name, func(t *testing.T) {
			defs := shippedDefinitions(t, filepath.Join("../../configs", name+".yaml"))
			s, err := New(defs, Options{NoRecall: true})
			if err != nil {
				t.Fatal(err)
			}
			w, q, reader, feats := newTwin(), s.NewQuery(), s.NewQuery(), twinFeatures(s, defs)
			data := filepath.Join(folder, name)
			eachRecord(t, event.KindItem, filepath.Join(data, "items.jsonl.gz"), func(r *event.Record) { w.upsertItem(s, r.Item) })
			eachRecord(t, event.KindUser, filepath.Join(data, "users.jsonl.gz"), func(r *event.Record) { w.upsertUser(s, r.User) })
			rng := rand.New(rand.NewPCG(1, 2))
			shown := map[string]event.Attributes{}
			readings, told := 0, 0
			eachRecord(t, event.KindEvent, filepath.Join(data, "events.jsonl.gz"), func(r *event.Record) {
				if impression := r.Event.Request + " " + r.Event.Item; r.Event.Type == "exposure" {
					shown[impression] = r.Event.Context
				} else if r.Event.Context == nil {
					r.Event.Context = shown[impression]
				}
				w.apply(s, q, *r.Event, len(w.log)%5 == 0)
				if len(w.log)%29989 != 0 {
					return
				}
				for _, later := range []time.Duration{0, time.Minute, 26 * time.Hour} {
					e := w.log[len(w.log)-1-rng.IntN(min(len(w.log), 3000))]
					told += w.compare(t, s, reader, feats, e.User, e.Item, e.Context, w.newest.Add(later))
					readings++
				}
			})
			if told < readings {
				t.Errorf("only %d values in %d readings", told, readings)
			}
			t.Logf("%d events, %d windowed features read %d times: %d comparisons, %d of them with something to tell, none differs",
				len(w.log), len(feats), readings, readings*len(feats), told)
		})
	}
}
