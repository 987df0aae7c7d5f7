package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsvc/internal/dirty"
)

// inspect looks at a state, as verify does.
func inspect(t *testing.T, dir string, without bool) (InspectReport, error) {
	t.Helper()
	return Inspect(t.Context(), dir, InspectOptions{Scratch: t.TempDir(), WithoutNewest: without})
}

// killed is the state directory of a process that was killed in the middle of checkpoints and folds.
func killed(t *testing.T) (dir string, epoch uint64) {
	t.Helper()
	dir = t.TempDir()
	for range 3 { // so that there are tables as well as write-ahead logs
		runChild(t, dir, "60", func(line string) bool { return strings.HasPrefix(line, "hang") })
	}
	for _, name := range fileNames(t, dir) { // the last one may not have been acknowledged
		if e, ok := parseDeltaName(name); ok {
			epoch = e
		}
	}
	return dir, epoch
}

// everything is what lies in a directory, with when it was changed.
func everything(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum := "directory"
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum = fmt.Sprintf("%x", sha256.Sum256(b))
		}
		files[path] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime(), sum)
		return nil
	}))
	return files
}

func TestAnInspectionChangesNothing(t *testing.T) {
	for name, make := range map[string]func() (string, uint64){
		"closed": func() (string, uint64) {
			dir := t.TempDir()
			s, w := openStore(t, dir, small()), newWorld()
			for range 9 {
				must(t, w.commit(s))
			}
			closeStore(t, s)
			return dir, 9
		},
		"killed": func() (string, uint64) { return killed(t) },
	} {
		dir, epoch := make()
		must(t, os.WriteFile(filepath.Join(dir, deltaName(999)+tempSuffix), []byte("torn"), 0o600))
		before := everything(t, dir)
		for range 2 {
			r, err := inspect(t, dir, false)
			if err != nil || r.Latest.Epoch != epoch || r.Previous.Epoch != epoch-1 || r.Scrub.Entries != r.Latest.Entries ||
				r.Newest != deltaName(epoch) || len(r.Torn) == 0 {
				t.Errorf("%s at %d: %+v, %v", name, epoch, r, err)
			}
			if r, err := inspect(t, dir, true); err != nil || r.Latest.Epoch != epoch-1 {
				t.Errorf("%s at %d, without the newest: %+v, %v", name, epoch, r, err)
			}
		}
		if after := everything(t, dir); !maps.Equal(before, after) {
			for path := range before {
				if before[path] != after[path] {
					t.Errorf("%s: %s was %s, is %s", name, path, before[path], after[path])
				}
			}
			t.Errorf("%s: %d files, were %d", name, len(after), len(before))
		}
		s := openStore(t, dir, small()) // it can still be gone on with
		must(t, verifyStore(s))
		closeStore(t, s)
	}
}

// badger truncates a table that compaction has made superfluous: the links must not lead it to ours.
func TestAnInspectionCompactsNothing(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, formatName), []byte(formatText), 0o600))
	s, err := openStill(dir)
	must(t, err)
	if o := s.db.Opts(); o.NumCompactors != 0 || o.CompactL0OnClose {
		t.Errorf("%d compactors, on close %v", o.NumCompactors, o.CompactL0OnClose)
	}
	closeStore(t, s)
}

func TestAnInspectionOfAStateInUseIsRefused(t *testing.T) {
	dir := t.TempDir()
	s, w := openStore(t, dir, small()), newWorld()
	must(t, w.commit(s))
	if _, err := inspect(t, dir, false); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
	closeStore(t, s)
	if _, err := inspect(t, dir, false); err != nil {
		t.Error(err)
	}
}

func TestAnInspectionFindsAFlippedByte(t *testing.T) {
	dir := t.TempDir()
	s, w := openStore(t, dir, small()), newWorld()
	for range 9 {
		must(t, w.commit(s))
	}
	closeStore(t, s)
	rng := rand.New(rand.NewPCG(3, 4))
	for _, pattern := range []string{"*.delta", "FORMAT"} { // badger's files need a process of their own: see recsvc verify
		for range 10 {
			damaged := t.TempDir()
			copyDir(t, dir, damaged)
			paths, err := filepath.Glob(filepath.Join(damaged, pattern))
			must(t, err)
			path := paths[rng.IntN(len(paths))]
			at := flip(t, path, rng)
			if _, err := inspect(t, damaged, false); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat) {
				t.Errorf("%s, byte %d: %v", path, at, err)
			}
		}
	}
}

func TestAnInspectionOfSnapshotsNamesTheDamagedOnesAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	s := openSnapshots(t, dir)
	for _, id := range []string{"whole", "flipped", "gone", "undescribed"} {
		keepSnapshot(t, s, id, "content")
	}
	must(t, os.WriteFile(filepath.Join(dir, "flipped.snapshot"), []byte("contenu"), 0o600))
	must(t, os.Remove(filepath.Join(dir, "gone.snapshot")))
	must(t, os.WriteFile(filepath.Join(dir, "undescribed.json"), bytes.Repeat([]byte("["), 9), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "torn.snapshot"), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "create-0.tmp"), nil, 0o600))
	before := everything(t, dir)
	r, err := InspectSnapshots(dir)
	if r.Whole != 1 || r.Bytes != 7 || len(r.Torn) != 2 {
		t.Errorf("%+v", r)
	}
	for _, id := range []string{"flipped", "gone", "undescribed"} {
		if err == nil || !strings.Contains(err.Error(), "snapshot "+id) {
			t.Errorf("%s is not named in %v", id, err)
		}
	}
	if !maps.Equal(before, everything(t, dir)) {
		t.Error("the directory has changed")
	}
	if r, err := InspectSnapshots(filepath.Join(dir, "none")); err != nil || r.Whole != 0 {
		t.Errorf("a missing directory: %+v, %v", r, err)
	}
}

func TestAReadChangesNothingAndSeesTheLastCheckpoint(t *testing.T) {
	dir := t.TempDir()
	s, w := openStore(t, dir, small()), newWorld()
	for range 9 {
		must(t, w.commit(s))
	}
	latest, _ := s.Latest()
	if _, err := Read(dir, t.TempDir(), nil, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("beside a server: %v", err)
	}
	must(t, s.Close())
	before := everything(t, dir)
	n := 0
	meta, err := Read(dir, t.TempDir(), func(p byte) bool { return p == 'a' }, func(key, value []byte, _ dirty.Sum) error {
		if key[0] == 'a' || w.content[string(key)] != string(value) {
			return fmt.Errorf("entry %s", key)
		}
		n++
		return nil
	})
	want := 0
	for k := range w.content {
		if k[0] != 'a' {
			want++
		}
	}
	if err != nil || n != want || meta.Epoch != latest.Epoch || meta.Digest != latest.Digest {
		t.Errorf("%d entries of checkpoint %d, want %d of %d: %v", n, meta.Epoch, want, latest.Epoch, err)
	}
	if after := everything(t, dir); !maps.Equal(before, after) {
		t.Errorf("before %v, after %v", before, after)
	}
	empty := t.TempDir()
	must(t, openStore(t, empty, small()).Close())
	if _, err := Read(empty, t.TempDir(), nil, nil); err == nil || !strings.Contains(err.Error(), "no checkpoint") {
		t.Errorf("an empty state: %v", err)
	}
}
