package engine

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/model"
	"recsvc/internal/snapshot"
	"recsvc/internal/state"
)

func undescribed(event.Cursor) (d snapshot.Description, err error) { return d, nil }

// takeSnapshot stores the model as it is.
func (r *rig) takeSnapshot() state.SnapshotMeta {
	r.t.Helper()
	meta := state.SnapshotMeta{Created: time.Unix(0, 0).UTC()}
	err := r.snaps.Create(&meta, func(w io.Writer) error {
		return r.WriteSnapshot(r.t.Context(), w, func(c event.Cursor) (d snapshot.Description, err error) {
			meta.Cursor = c.String()
			return d, nil
		})
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return meta
}

// adopt stores a copy of a snapshot of another directory.
func (r *rig) adopt(from *rig, id string) {
	r.t.Helper()
	meta, content, err := from.snaps.Open(id)
	if err != nil {
		r.t.Fatal(err)
	}
	defer content.Close()
	if err := r.snaps.Create(&meta, func(w io.Writer) error {
		_, err := io.Copy(w, content)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
}

// restoreRecord rolls back to a snapshot that was taken under the rig's definitions, which are all zeros.
func restoreRecord(id, sum string) event.Record { return restoreUnder([32]byte{}, id, sum) }

func restoreUnder(definitions [32]byte, id, sum string) event.Record {
	return event.Record{Kind: event.KindControl, Received: start, Control: &event.Control{Type: event.RestoreControl, Attrs: event.Attributes{
		{Key: "definitions", Value: text(hex.EncodeToString(definitions[:]))}, {Key: "sha256", Value: text(sum)}, {Key: "snapshot", Value: text(id)},
	}}}
}

// example is a vector as of some moment: features go on, and predictions are compared on what does not.
type example struct{ shared, own model.Vector }

func (r *rig) examples(now event.Time) (list []example) {
	for u := range 10 {
		for i := range 10 {
			shared, own := r.vectors(fmt.Sprintf("u%d", u), fmt.Sprintf("i%d", i), nil, now)
			list = append(list, example{shared, own})
		}
	}
	return list
}

func (r *rig) predictions(list []example) (all []float32) {
	for _, x := range list {
		p := make([]float32, len(r.Models[0].Heads()))
		r.Models[0].Predict(p, x.shared, x.own)
		all = append(all, p...)
	}
	return all
}

func TestARestoredModelPredictsToTheBitAsWhenItWasSaved(t *testing.T) {
	dir, log := t.TempDir(), makeTraffic(10, 1600)
	l := openRig(t, dir).follow()
	l.append(log[:800]...)
	saved := l.takeSnapshot()
	if saved.Cursor != "0-800" {
		t.Errorf("the snapshot is of %s", saved.Cursor)
	}
	examples := l.examples(log[800].Received)
	want := l.predictions(examples)

	l.append(log[800:]...)
	if slices.Equal(l.predictions(examples), want) {
		t.Fatal("nothing was learned after the snapshot")
	}
	total := l.Models[0].Head(0).Validation().Total()
	l.append(restoreRecord(saved.ID, saved.SHA256))
	if !slices.Equal(l.predictions(examples), want) {
		t.Error("other predictions after the restore than when it was saved")
	}
	if l.Models[0].Head(0).Validation().Total() != total {
		t.Error("the restore has changed the metrics")
	}
	end := l.stop()

	again := openRig(t, dir)
	if !slices.Equal(again.predictions(examples), want) {
		t.Error("other predictions after a restart")
	}
	anew := openRig(t, t.TempDir())
	anew.adopt(again, saved.ID)
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
	anew.run(l.log, 123).sameAs(t, end) // the log and the blob that it names are enough
}

func TestTheModelLearnsOnFromWhatWasRestored(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	l.append(itemRecord("i1"))
	l.append(teach("u1", "i1", 0, 5)...)
	saved := l.takeSnapshot()
	l.append(teach("u1", "i1", 100, 20)...)
	l.append(restoreRecord(saved.ID, saved.SHA256))
	before := l.predict("u1", "i1", at(300))[0]
	l.append(teach("u1", "i1", 300, 20)...)
	if after := l.predict("u1", "i1", at(400))[0]; after <= before {
		t.Errorf("20 clicks after the restore took the prediction from %v to %v", before, after)
	}
	l.stop()
}

func TestAControlRecordThatCannotBeObeyedStopsTheWriter(t *testing.T) {
	control := func(kind string) event.Record {
		return event.Record{Kind: event.KindControl, Control: &event.Control{Type: kind}}
	}
	for _, tc := range []struct {
		name   string
		record func(saved state.SnapshotMeta) event.Record
		want   string
	}{
		{"an unknown one", func(state.SnapshotMeta) event.Record { return control("sing") }, `unknown control record "sing"`},
		{"a snapshot that is not there", func(state.SnapshotMeta) event.Record { return restoreRecord("none", "") }, "put none.snapshot and none.json back"},
		{"a snapshot with another content", func(m state.SnapshotMeta) event.Record {
			return restoreRecord(m.ID, strings.Repeat("0", 64))
		}, "the log names 0000"},
		{"a snapshot that names a way out", func(state.SnapshotMeta) event.Record { return restoreRecord("../x", "") }, "restore snapshot"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			l := openRig(t, dir).follow()
			l.append(teach("u1", "i1", 0, 10)...)
			saved := l.takeSnapshot()
			l.append(teach("u1", "i1", 20, 10)...)
			w := l.weight("user_shown", "u1", "i1", at(60))
			c := l.hand(tc.record(saved))
			wantError(t, <-l.ended, "apply record 40 of partition 0", tc.want)
			if l.weight("user_shown", "u1", "i1", at(60)) != w {
				t.Error("the weights have changed")
			}
			if l.Applied().Covers(c) {
				t.Error("the record counts as applied")
			}
			if err := l.close(); err != nil {
				t.Fatal(err)
			}
			r := openRig(t, dir)
			if got := r.Applied().String(); got != saved.Cursor {
				t.Errorf("the state goes on at %s, want the last checkpoint's %s", got, saved.Cursor)
			}
			if err := r.close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
