package engine

import (
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/feedback"
	"recsvc/internal/ingest"
	"recsvc/internal/model"
	"recsvc/internal/snapshot"
	"recsvc/internal/state"
)

// trainAt reruns records beside a rig and keeps what the second model would have learned from them, with more besides, as of their end.
func trainAt(t *testing.T, r *rig, log []event.Record, place string) (m *model.Model, meta state.SnapshotMeta) {
	t.Helper()
	p := &pupil{captured: map[int][]float32{}, pending: map[uint64][]float32{}}
	opts := rigOptions()
	opts.Feedback.Heads = append(headsOf("ctr"), headsOf("next")...)
	parts := rigParts(t, definitions())
	parts.Models = sideModels(t)
	parts.Letters = must(ingest.NewDeadLetters(ingest.DeadLettersOptions{Keep: 50}))(t)
	learner, err := NewLearner(sideModels(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	p.Learner, opts.Tap = learner, p
	again, err := NewRerun(parts, opts)
	if err != nil {
		t.Fatal(err)
	}
	log = numbered(log)
	end := event.Cursor{{Offset: int64(len(log))}}
	if n, err := again.Apply(log, end); n != len(log) || err != nil || !again.Place().Covers(end) {
		t.Fatalf("%d applied, at %v: %v", n, again.Place(), err)
	}
	m = p.Models()[1]
	for range 50 { // what a further pass may have taught it
		m.Learn(0, &model.Example{Shared: model.Vector{Slots: []uint32{7}}, Y: 1, Weight: 1, Theta: 1})
	}
	meta.Created = time.Unix(0, 0).UTC()
	if err := r.snaps.Create(&meta, func(w io.Writer) error {
		return WriteModel(w, r.Definitions(), m, snapshot.Description{Cursor: place})
	}); err != nil {
		t.Fatal(err)
	}
	return m, meta
}

// numbered gives records the places in which they stand.
func numbered(log []event.Record) []event.Record {
	for i := range log {
		log[i].Offset = int64(i)
	}
	return log
}

func installRecord(modelName string, meta state.SnapshotMeta, definitions string) event.Record {
	i := event.Install{Model: modelName, Snapshot: meta.ID, SHA256: meta.SHA256, Definitions: definitions}
	return event.Record{Kind: event.KindControl, Received: start, Control: i.Control()}
}

func pagesOf(t *testing.T, m *model.Model) (pages []string) {
	t.Helper()
	if err := m.Pages(func(k, v []byte) error { pages = append(pages, string(k)+string(v)); return nil }); err != nil {
		t.Fatal(err)
	}
	return pages
}

func sideModels(t *testing.T) []*model.Model {
	return []*model.Model{ctrModel(t, "ctr", 14, 0.1), ctrModel(t, "next", 12, 0.1)}
}

func TestTrainedWeightsTakeTheirPlaceBetweenTwoRecords(t *testing.T) {
	dir, log := t.TempDir(), makeTraffic(31, 1400)
	l := openSide(t, dir, sideModels(t)).follow()
	l.append(log[:1000]...)
	want, meta := trainAt(t, l.rig, slices.Clone(log[:1000]), "0-1000")
	other := pagesOf(t, l.Models[0])
	if slices.Equal(pagesOf(t, l.Models[1]), pagesOf(t, want)) {
		t.Fatal("the trained weights are those that there are: this would show nothing")
	}
	l.append(installRecord("next", meta, l.definitions.Load().String()))
	if !slices.Equal(pagesOf(t, l.Models[1]), pagesOf(t, want)) {
		t.Error("the model has other weights than the trained ones")
	}
	if !slices.Equal(pagesOf(t, l.Models[0]), other) {
		t.Error("the other model has changed")
	}
	for _, h := range l.Health().Heads { // what the former weights predicted tells nothing of these
		if n := h.Recent.N(); (h.Model == "next") != (n == 0) || h.Past.N() == 0 {
			t.Errorf("%s/%s is judged by %v recent outcomes, of %v", h.Model, h.Head, n, h.Past.N())
		}
	}
	l.append(log[1000:]...)
	anew := openSide(t, t.TempDir(), sideModels(t))
	anew.adopt(l.rig, meta.ID)
	end := l.stop()

	// The log alone makes the same: a state that has never been there learns it anew, with the snapshot that the log names.
	whole := append(append(slices.Clone(log[:1000]), installRecord("next", meta, anew.definitions.Load().String())), log[1000:]...)
	anew.run(numbered(whole), 7, 64).sameAs(t, end)
	if err := anew.DeleteSnapshot(meta.ID); !errors.Is(err, ErrRestored) {
		t.Errorf("a snapshot that the log needs can be deleted: %v", err)
	}
}

func TestTrainedWeightsThatDoNotFitArePassedOver(t *testing.T) {
	log := makeTraffic(32, 400)
	for name, change := range map[string]func(place *string, r *event.Install){
		"made for another place":    func(place *string, _ *event.Install) { *place = "0-299" },
		"of another model":          func(_ *string, i *event.Install) { i.Model = "gone" },
		"under another declaration": func(_ *string, i *event.Install) { i.Definitions = "00ff" },
	} {
		t.Run(name, func(t *testing.T) {
			l := openSide(t, t.TempDir(), sideModels(t)).follow()
			l.append(log[:300]...)
			place, record := "0-300", event.Install{Model: "next", Definitions: l.definitions.Load().String()}
			change(&place, &record)
			_, meta := trainAt(t, l.rig, slices.Clone(log[:300]), place)
			record.Snapshot, record.SHA256 = meta.ID, meta.SHA256
			before := pagesOf(t, l.Models[1])
			l.append(event.Record{Kind: event.KindControl, Received: start, Control: record.Control()})
			if !slices.Equal(before, pagesOf(t, l.Models[1])) {
				t.Error("the weights have changed")
			}
			l.append(log[300:]...)
			l.stop()
		})
	}
}

func TestTrainedWeightsThatAreNotWhatTheLogNamesStopTheWriter(t *testing.T) {
	log := makeTraffic(33, 200)
	r := openSide(t, t.TempDir(), sideModels(t))
	_, meta := trainAt(t, r, slices.Clone(log[:100]), "0-100")
	meta.SHA256 = strings.Repeat("0", 64)
	whole := append(slices.Clone(log[:100]), installRecord("next", meta, r.definitions.Load().String()))
	err := r.Run(t.Context(), &memory{log: numbered(whole)})
	_ = r.close()
	if err == nil || !strings.Contains(err.Error(), "SHA-256") || !strings.Contains(err.Error(), meta.ID) {
		t.Errorf("got %v", err)
	}
}

func TestTrainedWeightsCanBeDeletedOnlyWhenTheirRecordWillNeverBe(t *testing.T) {
	log := makeTraffic(34, 200)
	l := openSide(t, t.TempDir(), sideModels(t)).follow()
	l.append(log[:100]...)
	_, meta := trainAt(t, l.rig, slices.Clone(log[:100]), "0-100")
	control := l.BeginInstall("next", meta.ID, meta.SHA256)
	if want := installRecord("next", meta, l.definitions.Load().String()).Control; !reflect.DeepEqual(control, want) {
		t.Errorf("%+v, want %+v", control, want)
	}
	if err := l.DeleteSnapshot(meta.ID); !errors.Is(err, ErrRestored) {
		t.Errorf("while the record is on its way: %v", err)
	}
	l.CancelInstall(meta.ID)
	if err := l.DeleteSnapshot(meta.ID); err != nil {
		t.Errorf("when it will not come: %v", err)
	}
	l.stop()
}

func TestARerunNeedsATap(t *testing.T) {
	if _, err := NewRerun(rigParts(t, definitions()), Options{Feedback: feedback.Options{Heads: heads()}}); err == nil {
		t.Error("it runs for nobody")
	}
}
