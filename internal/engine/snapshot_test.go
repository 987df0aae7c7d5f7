package engine

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"recsvc/internal/event"
	"recsvc/internal/snapshot"
	"recsvc/internal/state"
)

// keepSnapshot stores any content as a snapshot.
func (r *rig) keepSnapshot(id, content string) state.SnapshotMeta {
	r.t.Helper()
	meta := state.SnapshotMeta{ID: id}
	if err := r.snaps.Create(&meta, func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return meta
}

func TestASnapshotThatDoesNotFitIsRefusedBeforeAWeightChanges(t *testing.T) {
	l := openRig(t, t.TempDir()).follow()
	l.append(teach("u1", "i1", 0, 10)...)
	saved := l.takeSnapshot()
	_, content, err := l.snaps.Open(saved.ID)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(content)
	if err := errors.Join(err, content.Close()); err != nil {
		t.Fatal(err)
	}
	ours := l.Definitions()
	l.stop()
	// remade is the snapshot with another head, and with pages added, its sum right again.
	remade := func(kind snapshot.Kind, definitions [32]byte, more ...string) string {
		in, err := snapshot.NewReader(bytes.NewReader(whole))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		out := snapshot.NewWriter(&b, kind, definitions)
		err = in.Pages(func(key, value []byte) (bool, error) { return true, out.Page(key, value) })
		for i := 0; i < len(more); i += 2 {
			err = errors.Join(err, out.Page([]byte(more[i]), []byte(more[i+1])))
		}
		if err := errors.Join(err, out.Close(snapshot.Description{})); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, tc := range []struct{ name, content, want string }{
		{"another thing", "something else altogether", "does not begin as one"},
		{"half of it", string(whole[:len(whole)/2]), "a block of"},
		{"one with a byte changed", string(whole[:len(whole)-40]) + "?" + string(whole[len(whole)-39:]), "it is damaged, or was edited"},
		{"other definitions", remade(snapshot.Learning, [32]byte{'d'}), "under other definitions"},
		{"weights for serving alone", remade(snapshot.Serving, ours), "a serving snapshot, not a learning one"},
		{"a page of another head behind good ones", remade(snapshot.Learning, ours, "w\x0actr/nobodys\x00\x00\x00\x00", "v"), "belongs to no head"},
		{"a damaged page behind good ones", remade(snapshot.Learning, ours, "w\x0ectr/long_dwell\xff\x00\x00\x00", "v"), "table of another size"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := openRig(t, t.TempDir()).follow()
			l.append(teach("u1", "i1", 0, 20)...)
			w := l.weight("user_shown", "u1", "i1", at(60))
			meta := l.keepSnapshot("odd", tc.content)

			_, err := l.BeginRestore("odd")
			wantError(t, err, tc.want)
			if !errors.Is(err, ErrSnapshot) || strings.Contains(err.Error(), "%!") {
				t.Errorf("refused with %v", err)
			}
			l.hand(restoreRecord(meta.ID, meta.SHA256)) // whoever wrote that
			wantError(t, <-l.ended, ErrSnapshot.Error(), tc.want, "put odd.snapshot and odd.json back")
			if l.weight("user_shown", "u1", "i1", at(60)) != w {
				t.Error("the weights have changed")
			}
			if err := l.DeleteSnapshot("odd"); err != nil {
				t.Errorf("one that was refused cannot be deleted: %v", err)
			}
			if err := l.close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A change of definitions makes the state anew from the log, restores of the former ones included.
func TestARestoreOfOtherDefinitionsIsPassedOverAndCounted(t *testing.T) {
	dir, log := t.TempDir(), makeTraffic(12, 600)
	l := openRig(t, dir, definedAs(1)).follow()
	l.append(log[:300]...)
	saved := l.takeSnapshot()
	control, err := l.BeginRestore(saved.ID)
	if err != nil {
		t.Fatal(err)
	}
	l.append(log[300:]...)
	l.append(event.Record{Kind: event.KindControl, Control: control})
	l.stop()

	core, logs := observer.New(zapcore.WarnLevel)
	registry := prometheus.NewRegistry()
	observed := func(o *Options) { o.Logger, o.Registerer = zap.New(core), registry }
	anew := openRig(t, t.TempDir(), definedAs(2), observed) // it does not even have the snapshot
	end := anew.run(l.log)
	openRig(t, t.TempDir(), definedAs(2)).run(l.log, 7).sameAs(t, end)
	if n := logs.FilterMessageSnippet("passed over").Len(); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
	if n := testutil.ToFloat64(anew.restores.passedOver); n != 1 || end.status.Applied == 0 {
		t.Errorf("%v counted as passed over", n)
	}

	plain := openRig(t, t.TempDir(), definedAs(2))
	want := plain.run(l.log[:len(l.log)-1])
	if !slices.Equal(end.heads, want.heads) || end.status.Applied != want.status.Applied+1 {
		t.Error("what was passed over had an effect")
	}
	if err := anew.DeleteSnapshot(saved.ID); !errors.Is(err, ErrRestored) {
		t.Errorf("deleted: %v; whoever goes back to the former definitions needs it", err)
	}
}

func definedAs(n byte) func(*Options) { return func(o *Options) { o.Definitions[0] = n } }

func TestASnapshotIsKeptFromTheMomentThatItsRestoreBegins(t *testing.T) {
	dir := t.TempDir()
	l := openRig(t, dir).follow()
	l.append(teach("u1", "i1", 0, 10)...)
	saved := l.takeSnapshot()
	l.append(teach("u1", "i1", 20, 10)...)
	spare := l.takeSnapshot()
	control, err := l.BeginRestore(saved.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := control.Check(); err != nil {
		t.Error(err)
	}
	if err := l.DeleteSnapshot(saved.ID); !errors.Is(err, ErrRestored) {
		t.Errorf("deleted before its record came: %v", err)
	}
	l.append(event.Record{Kind: event.KindControl, Control: control})
	if err := l.DeleteSnapshot(spare.ID); err != nil {
		t.Errorf("one that nobody needs: %v", err)
	}
	if _, err := l.BeginRestore(spare.ID); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("restore of what was deleted: %v", err)
	}
	l.stop()
	r := openRig(t, dir)
	if err := r.DeleteSnapshot(saved.ID); !errors.Is(err, ErrRestored) {
		t.Errorf("deleted after a restart: %v", err)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
}

// Another checkpoint may be written at any time, and the cursor of a snapshot is still that of its pages.
func TestASnapshotHoldsWhatTheLogLeadsToUpToItsCursor(t *testing.T) {
	l := openRig(t, t.TempDir(), func(o *Options) { o.Interval = time.Millisecond }).follow()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			l.append(teach("u1", "i1", float64(10*i), 1)...)
		}
	}()
	content, stop := map[int64][]byte{}, false
	for !stop {
		select {
		case <-done:
			stop = true
		default:
		}
		var buf bytes.Buffer
		at := int64(0)
		if err := l.WriteSnapshot(t.Context(), &buf, func(c event.Cursor) (d snapshot.Description, err error) {
			at = c.Offset(0)
			return d, nil
		}); err != nil {
			t.Fatal(err)
		}
		content[at] = buf.Bytes()
	}
	log := l.log
	l.stop()

	anew := openRig(t, t.TempDir()).follow()
	for _, end := range slices.Sorted(maps.Keys(content)) {
		for _, r := range log[len(anew.log):end] {
			anew.append(r)
		}
		var want bytes.Buffer
		if err := anew.WriteSnapshot(t.Context(), &want, undescribed); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(content[end], want.Bytes()) {
			t.Errorf("the snapshot of 0-%d is not what the log leads to", end)
		}
	}
	anew.stop()
}
