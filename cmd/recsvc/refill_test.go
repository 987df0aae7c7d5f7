package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
	"recsvc/internal/state"
)

// refillArgs are the arguments of a backfill.
func refillArgs(t *testing.T, text, data string) []string {
	t.Helper()
	return []string{"backfill", "-config", writeConfig(t, text), "-data", data}
}

// restOf is the digest of all that a backfill must leave alone.
func restOf(t *testing.T, text, data string) (rest string) {
	t.Helper()
	inDirectory(t, text, data, func(a *app) error {
		meta, _ := a.state.Latest()
		d := meta.Digest
		for _, set := range a.features.Sets() {
			d.Sub(set.Digest())
		}
		rest = fmt.Sprint(d, a.engine.Applied(), a.engine.Status().Applied)
		return nil
	})
	return rest
}

func TestABackfillReplacesTheFeaturesAndNothingElse(t *testing.T) {
	data := t.TempDir()
	fill(t, smallConfig, data, 3000)
	rest := restOf(t, smallConfig, data)
	out, errs, err := call(t, refillArgs(t, otherFeatures, data)...)
	if err != nil || !strings.Contains(out, "8 features made from 3") || errs != "" {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	if got, want := featuresOf(t, otherFeatures, data), freshFeatures(t, otherFeatures, data); got != want {
		t.Errorf("features with digest %s, a fresh replay makes %s", got, want)
	}
	if got := restOf(t, otherFeatures, data); got != rest {
		t.Errorf("all else is %s, before it %s", got, rest)
	}
	left := (&app{config: readConfig(t, otherFeatures, data)}).aside() // as by a process that was killed after the last step
	if err := os.Mkdir(left, 0o700); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, otherFeatures, data)
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what is of no use is left: %v", err)
	}
	if s.server.backfill != nil || s.logs.FilterMessageSnippet("learning anew").Len() != 0 {
		t.Error("the server starts all over")
	}
	visit(s, 0, 20)
	s.stop()
	if got, want := featuresOf(t, otherFeatures, data), freshFeatures(t, otherFeatures, data); got != want {
		t.Errorf("after it has gone on: features with digest %s, a fresh replay makes %s", got, want)
	}
	wantWhole(t, data)
	out, _, err = call(t, refillArgs(t, otherFeatures, data)...)
	if err != nil || !strings.Contains(out, "already") {
		t.Errorf("once more: %v: %s", err, out)
	}
}

// A backfill that is killed has changed nothing, or everything; the next one brings it to its end.
func TestABackfillThatIsKilledLeavesTheOneStateOrTheOtherWhole(t *testing.T) {
	data := t.TempDir()
	fill(t, smallConfig, data, 4000)
	before, wanted := digestOf(t, smallConfig, data), freshFeatures(t, otherFeatures, data)
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	pieces := []string{"backfill-*", "backfill-*/*.delta", "backfill-*/badger/*.mem", "state/*.delta.tmp"}
	killed := 0
	for life := range 5 {
		dir := copyOf(t, data)
		if life > 0 { // one or two more than one death each
			killRefill(t, dir, pieces[life%len(pieces)], rng.IntN(40))
		}
		killed += killRefill(t, dir, pieces[(life+1)%len(pieces)], rng.IntN(200))
		if stateText(t, dir) == smallConfig {
			if got := digestOf(t, smallConfig, dir); got != before {
				t.Errorf("digest %s, before it %s", got, before)
			}
		}
		if out, errs, err := call(t, refillArgs(t, otherFeatures, dir)...); err != nil {
			t.Fatalf("%v: %s%s", err, out, errs)
		}
		if got := featuresOf(t, otherFeatures, dir); got != wanted {
			t.Errorf("features with digest %s, a fresh replay makes %s", got, wanted)
		}
	}
	if killed == 0 {
		t.Error("all came to their end")
	}
}

// killRefill starts a backfill and kills it when a file of that name lies in the directory, after a few more looks. It returns 1, or 0
// when the backfill had ended before.
func killRefill(t *testing.T, dir, name string, looks int) int {
	t.Helper()
	cmd := exec.Command(os.Args[0], refillArgs(t, otherFeatures, dir)...)
	cmd.Env = append(os.Environ(), asServer+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
			return 0
		default:
		}
		found, err := filepath.Glob(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if looks == 0 {
			_ = cmd.Process.Kill()
			<-ended
			return 1
		}
		if len(found) > 0 {
			looks--
		}
	}
}

// stateText is the configuration that the state of a directory is of.
func stateText(t *testing.T, dir string) string {
	t.Helper()
	s, err := state.Open(filepath.Join(dir, stateName), state.Options{MinFreeBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	meta, _ := s.Latest()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{smallConfig, otherFeatures} {
		if definitionsHash(readConfig(t, text, dir)) == meta.Definitions {
			return text
		}
	}
	t.Fatal("the state is of neither configuration")
	return ""
}

func TestAnInterruptedBackfillGoesOnWhereItStopped(t *testing.T) {
	data := t.TempDir()
	fill(t, smallConfig, data, 3000)
	if err := os.Mkdir(filepath.Join(data, asidePrefix+"other"), 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	handed := 0
	backfillOnce := func(ctx context.Context, stop int) error {
		r, err := openRefill(readConfig(t, otherFeatures, data), "", zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		source := r.source
		r.source = sourceFunc(func(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
			return relay(ctx, source, from, func(b *ingest.Batch) error {
				if handed += len(b.Records); stop > 0 && handed > stop {
					cancel()
				}
				return hand(ctx, out, b)
			})
		})
		_, err = r.run(ctx, &bar{})
		return joinClose(err, r.app)
	}
	if err := backfillOnce(ctx, 2500); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "goes on from there") {
		t.Fatalf("ended with %v", err)
	}
	first := handed
	if err := backfillOnce(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if again := handed - first; again > 2600 { // of 3010; what was on its way when it ended may be lost
		t.Errorf("%d records were read at first and %d then", first, again)
	}
	if got, want := featuresOf(t, otherFeatures, data), freshFeatures(t, otherFeatures, data); got != want {
		t.Errorf("features with digest %s, a fresh replay makes %s", got, want)
	}
	if left, _ := filepath.Glob(filepath.Join(data, asidePrefix+"*")); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

func TestWhatCannotBeFilledIsToldWithWhatToDoInstead(t *testing.T) {
	whole := t.TempDir()
	fill(t, smallConfig, whole, 300)
	unchanged := func(string) error { return nil }
	for name, tc := range map[string]struct {
		text   string
		change func(dir string) error
		want   string
	}{
		"no data directory": {otherFeatures, os.RemoveAll, "data directory"},
		"no state": {otherFeatures, func(dir string) error { return os.RemoveAll(filepath.Join(dir, stateName)) },
			"recsvc serve learns from the log by itself"},
		"a damaged state": {otherFeatures, func(dir string) error { return os.WriteFile(filepath.Join(dir, "DAMAGED"), []byte("bad\n"), 0o600) },
			"start the server, which mends it"},
		"other heads": {strings.Replace(otherFeatures, "alpha: 0.3", "alpha: 0.2", 1), unchanged, "not the features alone"},
		"no log":      {otherFeatures, func(dir string) error { return os.RemoveAll(filepath.Join(dir, logName)) }, "ends at record 0"},
		"a wrong feature": {strings.Replace(otherFeatures, "kind: count, scope: item", "kind: coun, scope: item", 1), unchanged,
			"recsvc.yaml:20:"},
		"Kafka":                   {otherFeatures + "kafka: {brokers: [\"localhost:9\"], topic: t}\n", unchanged, "embedded log only"},
		"another state's history": {otherFeatures, func(dir string) error { return anotherLog(t, dir) }, "not the log of this state"},
	} {
		dir := copyOf(t, whole)
		if err := tc.change(dir); err != nil {
			t.Fatal(err)
		}
		_, errs, err := call(t, refillArgs(t, tc.text, dir)...)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v: %s", name, err, errs)
		}
	}
	if got, want := digestOf(t, smallConfig, whole), relearned(t, smallConfig, whole); got != want {
		t.Errorf("digest %s, the log leads to %s", got, want)
	}
}

// anotherLog puts a log of other events in the place of a directory's own.
func anotherLog(t *testing.T, dir string) error {
	other := t.TempDir()
	fill(t, smallConfig, other, 400)
	return errors.Join(os.RemoveAll(filepath.Join(dir, logName)), os.CopyFS(filepath.Join(dir, logName), os.DirFS(filepath.Join(other, logName))))
}

func TestWhatTheLogHasLostIsReadFromAnArchive(t *testing.T) {
	const segments = "log: {segment_bytes: 1MiB}\n"
	old, changed := smallConfig+segments, otherFeatures+segments
	whole, out := t.TempDir(), t.TempDir()
	fill(t, old, whole, 1000)
	first := ""
	for round := range 3 {
		s := startServer(t, old, whole)
		for range 5 {
			s.after(s.events(fields{"type": "search", "user": "u1", "text": strings.Repeat("word ", 40_000)}))
		}
		visit(s, 0, 20)
		s.stop()
		if archiveOf(t, whole, out); round == 0 {
			first = copyOf(t, out)
		}
	}
	fill(t, old, whole, 500) // what the archive does not have
	want := freshFeatures(t, changed, whole)
	cut := copyOf(t, whole)
	if err := os.Remove(oldest(t, filepath.Join(cut, logName), ".wal")); err != nil {
		t.Fatal(err)
	}
	if _, err := openServer(readConfig(t, changed, cut), zap.NewNop(), nil); err == nil || !strings.Contains(err.Error(), "recsvc backfill -archive") {
		t.Errorf("a server that cannot fill: %v", err)
	}
	args := refillArgs(t, changed, cut)
	if _, _, err := call(t, args...); err == nil || !strings.Contains(err.Error(), "name an archive") {
		t.Errorf("without an archive: %v", err)
	}
	if _, _, err := call(t, append(args, "-archive", t.TempDir())...); err == nil {
		t.Error("an empty archive does")
	}
	shorter := copyOf(t, cut)
	if err := os.Remove(oldest(t, filepath.Join(shorter, logName), ".wal")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := call(t, append(refillArgs(t, changed, shorter), "-archive", first)...); err == nil || !strings.Contains(err.Error(), "what lies between") {
		t.Errorf("an archive that ends before the log begins: %v", err)
	}
	if text, errs, err := call(t, append(args, "-archive", out)...); err != nil {
		t.Fatalf("%v: %s%s", err, text, errs)
	}
	if got := featuresOf(t, changed, cut); got != want {
		t.Errorf("features with digest %s, the whole log makes %s", got, want)
	}
}
