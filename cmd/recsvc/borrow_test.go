package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestALogThatNamesSnapshotsIsReadWithThemAndTheOriginalStays(t *testing.T) {
	config, data := learned(t)
	out := runTrain(t, "-config", config, "-data", data, "-model", "next", "-passes", "1") // the log now installs a snapshot
	before := namesIn(t, filepath.Join(data, snapshotName))
	for _, args := range [][]string{
		{"ope", "-config", config, "-data", data},
		{"parity", "-config", config, "-data", data},
	} {
		if _, errs, err := call(t, args...); err != nil {
			t.Errorf("%v: %v: %s", args, err, errs)
		}
	}
	if after := namesIn(t, filepath.Join(data, snapshotName)); len(after) != len(before) || len(after) != 2 {
		t.Errorf("snapshot %s: %v before, %v after", out.Snapshot, before, after)
	}
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
