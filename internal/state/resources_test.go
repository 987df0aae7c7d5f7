package state

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

// Who takes a want of resources for damage gives a good state up.
func TestAWantOfFilesIsNotTakenForDamage(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, small())
	w := newWorld()
	must(t, w.commit(s))
	closeStore(t, s)

	free, err := os.Open(dir)
	must(t, err)
	next := uint64(free.Fd())
	must(t, free.Close())
	var was syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was))
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: next + 1, Max: was.Max})) // the database wants two
	_, err = Open(dir, small())
	must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was))
	if err == nil || errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	s = openStore(t, dir, small())
	must(t, verifyStore(s))
}
