package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
	"recsvc/internal/ingest"
	"recsvc/internal/parity"
	"recsvc/internal/state"
	"recsvc/internal/wal"
)

// served is the data directory of a server that has served lists and taken events, and stopped with impressions that wait.
func servedDirectory(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	s := startServer(t, exportConfig, data)
	s.after(s.write("/v1/items", catalogue(5)))
	for round := range 12 {
		user := fmt.Sprint("u", round%4)
		l := s.recommend("user", user, "n", "4")
		var batch []fields
		for i, it := range l.Items[:2+round%2] {
			batch = append(batch, fields{"type": "exposure", "user": user, "item": it.Item, "request": l.Request, "position": i + 1, "id": fmt.Sprint("x", round, i)})
		}
		batch = append(batch,
			fields{"type": "click", "user": user, "item": l.Items[round%2].Item, "request": l.Request, "id": fmt.Sprint("c", round)},
			fields{"type": "exposure", "user": user, "item": "b1", "id": fmt.Sprint("y", round)}, // ranked elsewhere
			fields{"type": "dwell", "user": user, "item": "a1", "value": 40 + round, "id": fmt.Sprint("d", round)})
		s.after(s.events(batch...))
	}
	s.stop()
	return data
}

// parity runs the command and decodes what it prints.
func parityOf(t *testing.T, config, data string, args ...string) (r parityReport, err error) {
	t.Helper()
	out, errs, err := call(t, append([]string{"parity", "-json", "-config", writeConfig(t, config), "-data", data}, args...)...)
	if jsonErr := json.Unmarshal([]byte(out), &r); jsonErr != nil {
		t.Fatalf("%v: %v: %s%s", jsonErr, err, out, errs)
	}
	return r, err
}

// differing names the features of which anything differs.
func differing(r parityReport) (names []string) {
	for _, f := range r.Features {
		if f.Mismatch+f.Missing+f.Extra > 0 {
			names = append(names, f.Name)
		}
	}
	return names
}

func TestWhatWasCapturedLiveIsWhatTheLogMakesAnew(t *testing.T) {
	data := servedDirectory(t)
	before := tree(t, data)
	r, err := parityOf(t, exportConfig, data)
	if after := tree(t, data); !reflect.DeepEqual(before, after) {
		t.Errorf("the directory has changed:\n%v\n%v", before, after)
	}
	if err != nil || !r.Equal() || !r.Definitions || r.Compared < 40 || r.Missing+r.Extra > 0 {
		t.Errorf("%v: %+v", err, r)
	}
	if r.Predictions.Compared != 2*r.Compared || r.Predictions.Different > 0 {
		t.Errorf("%+v", r.Predictions)
	}
	slots := map[string]int64{}
	for _, f := range r.Features {
		slots[f.Name] = f.Slots
	}
	for _, name := range []string{"user", "color", "tags", "shown", "clicks_5m", "item_ctr", "gap", "lately", "bias"} {
		if slots[name] == 0 {
			t.Errorf("no slot of %s was compared: %v", name, slots)
		}
	}
	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	if r, err := parityOf(t, exportConfig, data, "-since", future); err != nil || r.Compared+r.Missing+r.Extra != 0 {
		t.Errorf("since %s: %v, %+v", future, err, r)
	}
	out, _, err := call(t, "parity", "-config", writeConfig(t, exportConfig), "-data", data)
	if err != nil || !strings.Contains(out, "0 only in the replay, 0 only in the state") || !strings.Contains(out, "clicks_5m") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestADefinitionThatMeansSomethingElseInTheReplayIsFound(t *testing.T) {
	data := servedDirectory(t)
	for _, tc := range []struct{ name, old, new, feature string }{
		{"another selection", "on: click, window: 5m", "on: dwell, window: 5m", "clicks_5m"},
		{"another prior", "mean: 0.25", "mean: 0.5", "item_ctr"},
		{"fewer items remembered", "on: click, n: 2", "on: click, n: 1", "lately"},
		{"another attribute", "field: user.id", "field: user.name", "user"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := parityOf(t, strings.Replace(exportConfig, tc.old, tc.new, 1), data)
			if names := differing(r); err == nil || r.Equal() || r.Definitions || len(names) != 1 && names[0] != tc.feature {
				t.Errorf("%v: %q differ in %+v", err, names, r)
			}
		})
	}
}

func TestALogThatSaysSomethingElseThanWasAppliedIsFound(t *testing.T) {
	data := servedDirectory(t)
	n := 0
	rewriteLog(t, data, func(r *event.Record) { // a click that the server applied was a view
		if r.Event != nil && r.Event.Type == "click" && r.Event.User == "u1" {
			if n++; n == 1 {
				r.Event.Type = "view"
			}
		}
	})
	r, err := parityOf(t, exportConfig, data)
	if err == nil || r.Equal() || !r.Definitions || r.Compared == 0 {
		t.Errorf("%v: %+v", err, r)
	}
	found := strings.Join(differing(r), " ")
	if !strings.Contains(found, "clicks_5m") || !strings.Contains(found, "item_ctr") || strings.Contains(found, "shown") || r.Predictions.Different == 0 {
		t.Errorf("%s differ: %+v", found, r)
	}
	out, _, err := call(t, "parity", "-config", writeConfig(t, exportConfig), "-data", data)
	if err == nil || !strings.Contains(out, "clicks_5m: captured") {
		t.Errorf("no example: %v: %s", err, out)
	}
}

func TestImpressionsOfOneSideAloneAreFound(t *testing.T) {
	data := servedDirectory(t)
	n := 0
	rewriteLog(t, data, func(r *event.Record) { // an exposure that the server applied was a view
		if r.Event != nil && r.Event.Type == "exposure" && r.Event.Request == "" {
			if n++; n == 11 {
				r.Event.Type = "view"
			}
		}
	})
	if r, err := parityOf(t, exportConfig, data); err == nil || r.Equal() || r.Extra == 0 || len(r.Examples) == 0 {
		t.Errorf("%v: %+v", err, r)
	}
}

func TestACapturedNumberThatWasChangedOnDiskIsFound(t *testing.T) {
	data := servedDirectory(t)
	tamper(t, filepath.Join(data, stateName), func(value []byte) { value[len(value)-2] ^= 0x40 })
	r, err := parityOf(t, exportConfig, data)
	if err == nil || r.Equal() || !r.Definitions || r.Missing+r.Extra > 0 || r.Predictions.Different > 0 {
		t.Errorf("%v: %+v", err, r)
	}
	var total parity.Feature
	for _, f := range r.Features {
		total.Mismatch, total.Missing, total.Extra = total.Mismatch+f.Mismatch, total.Missing+f.Missing, total.Extra+f.Extra
	}
	if total.Mismatch != 1 || total.Missing+total.Extra > 0 {
		t.Errorf("one bit of one value was changed: %+v", total)
	}
}

// tamper changes the value of one impression that was served, whose own vector it ends with since its context is its list's, in a checkpoint of its own that is
// whole by all sums.
func tamper(t *testing.T, dir string, change func(value []byte)) {
	t.Helper()
	s, err := state.Open(dir, state.Options{MinFreeBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	meta, _ := s.Latest()
	var key, value []byte
	err = s.LoadTables(nil, func(k, v []byte, _ dirty.Sum) error {
		const isServed, listContext = 1 << 2, 1 << 6
		if key == nil && k[0] == 'i' && v[1]&(isServed|listContext) == isServed|listContext {
			key, value = bytes.Clone(k), bytes.Clone(v)
		}
		return nil
	})
	if err != nil || key == nil {
		t.Fatalf("no impression to change: %v", err)
	}
	before := dirty.SumOf(key, value)
	change(value)
	after := dirty.SumOf(key, value)
	replace := func(digest *dirty.Sum) {
		digest.Sub(before)
		digest.Add(after)
	}
	replace(&meta.Digest)
	for i := range meta.Shards {
		if meta.Shards[i].Prefix == 'i' {
			replace(&meta.Shards[i].Digest)
		}
	}
	c := s.Begin()
	c.Put(key, value, after)
	if err := errors.Join(c.Commit(t.Context(), meta), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// rewriteLog changes the records of the log of a directory, as no server would.
func rewriteLog(t *testing.T, data string, change func(r *event.Record)) {
	t.Helper()
	var all []event.Record
	inDirectory(t, exportConfig, data, func(a *app) error {
		return relay(t.Context(), a.upTo(a.wal.Next(), nil), nil, func(b *ingest.Batch) error {
			all = append(all, b.Records...)
			return nil
		})
	})
	dir := filepath.Join(data, logName)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	log, err := wal.Open(dir, wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := ingest.NewEmbedded(log, ingest.EmbeddedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		change(&all[i])
	}
	cursor, err := embedded.Append(t.Context(), all)
	if err == nil {
		err = embedded.Wait(t.Context(), cursor)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAParityOfWhatDoesNotFitSaysSo(t *testing.T) {
	data := servedDirectory(t)
	for _, tc := range []struct {
		name, want string
		spoil      func(t *testing.T)
		args       []string
	}{
		{"no directory named", "-data", func(*testing.T) {}, nil},
		{"other heads", "other heads", func(*testing.T) {}, []string{"-data", data, "-config", writeConfig(t, strings.Replace(exportConfig, "name: long_dwell", "name: long", 1))}},
		{"a time that is none", "-until", func(*testing.T) {}, []string{"-data", data, "-until", "noon"}},
		{"no state", "read state", func(t *testing.T) {
			if err := os.RemoveAll(filepath.Join(data, stateName)); err != nil {
				t.Fatal(err)
			}
		}, []string{"-data", data, "-config", writeConfig(t, exportConfig)}},
	} {
		tc.spoil(t)
		_, errs, err := call(t, append([]string{"parity"}, tc.args...)...)
		if err == nil || !strings.Contains(errs+err.Error(), tc.want) {
			t.Errorf("%s: %v, %s", tc.name, err, errs)
		}
	}
}
