package state

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestACheckpointThatIsSetAsideGivesWayToTheOneBefore(t *testing.T) {
	dir := t.TempDir()
	if _, err := SetAsideNewest(dir); !errors.Is(err, ErrNoPrevious) {
		t.Errorf("of an empty directory: %v", err)
	}
	s := openStore(t, dir, small())
	w := newWorld()
	for range 9 {
		must(t, w.commit(s))
	}
	closeStore(t, s)
	must(t, os.Truncate(filepath.Join(dir, deltaName(9)), 10)) // Open looks at its ends
	if _, err := Open(dir, small()); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("opened: %v", err)
	}

	undo, err := SetAsideNewest(dir)
	must(t, err)
	must(t, undo())
	if _, err := Open(dir, small()); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("taken back, it opens: %v", err)
	}
	_, err = SetAsideNewest(dir)
	must(t, err)
	s = openStore(t, dir, small())
	if m, _ := s.Latest(); m.Epoch != 8 {
		t.Fatalf("latest is %d", m.Epoch)
	}
	must(t, verifyStore(s))
	must(t, worldAt(8).commit(s)) // takes the name
	must(t, verifyStore(s))
}
