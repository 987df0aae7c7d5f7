package state

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// badger opens its tables on goroutines of its own, where a panic cannot be caught.
func TestADamagedTableIsRefusedAndEndsNothing(t *testing.T) {
	dir := t.TempDir()
	s, _ := folded(t, dir, small())
	closeStore(t, s)
	paths, err := filepath.Glob(filepath.Join(dir, baseName, "*.sst"))
	must(t, err)
	if len(paths) == 0 {
		t.Fatal("no tables")
	}
	name := filepath.Base(paths[0])
	whole, err := os.ReadFile(paths[0])
	must(t, err)
	rng := rand.New(rand.NewPCG(9, 9))
	for i := range 60 {
		b, harm := append([]byte(nil), whole...), ""
		switch i % 3 {
		case 0:
			b, harm = b[:rng.IntN(len(b))], "cut short"
		case 1:
			b[len(b)-1-rng.IntN(100)] ^= 1 << rng.IntN(8)
			harm = "a flipped bit in its footer"
		default:
			at := rng.IntN(len(b))
			clear(b[at:min(len(b), at+4096)])
			harm = "an empty page"
		}
		damaged := t.TempDir()
		copyDir(t, dir, damaged)
		must(t, os.WriteFile(filepath.Join(damaged, baseName, name), b, 0o600))
		s, err := Open(damaged, small())
		if err == nil {
			_, err = scrubStore(s)
			closeStore(t, s)
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", harm, err)
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", harm, err)
		}
	}
}
