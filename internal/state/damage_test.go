package state

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// copyDir copies a state directory, leaving holes where badger's preallocated files have them.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	must(t, filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			return os.MkdirAll(name, 0o700)
		}
		return copySparse(path, name)
	}))
}

func copySparse(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	buf, zero := make([]byte, 64<<10), make([]byte, 64<<10)
	for off := int64(0); ; {
		n, err := in.Read(buf)
		if n > 0 && !bytes.Equal(buf[:n], zero[:n]) {
			if _, err := out.WriteAt(buf[:n], off); err != nil {
				return err
			}
		}
		off += int64(n)
		if err == io.EOF {
			return out.Truncate(off)
		}
		if err != nil {
			return err
		}
	}
}

// flip inverts one bit among the first bytes of the file that are not a trailing hole, and returns its place.
func flip(t *testing.T, path string, rng *rand.Rand) int {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	used := len(bytes.TrimRight(b, "\x00"))
	if used == 0 {
		return -1
	}
	i := rng.IntN(used)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte{b[i] ^ 1<<rng.IntN(8)}, int64(i))
	must(t, err)
	must(t, f.Close())
	return i
}

func TestAFlippedBitInACheckpointFileIsRefusedWithItsName(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, small())
	w := newWorld()
	for range 3 {
		must(t, w.commit(s))
	}
	closeStore(t, s)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		damaged := t.TempDir()
		copyDir(t, dir, damaged)
		name := deltaName(1 + uint64(rng.IntN(3)))
		i := flip(t, filepath.Join(damaged, name), rng)
		s, err := Open(damaged, small())
		if err == nil {
			err = verifyStore(s)
			closeStore(t, s)
		}
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s, byte %d: %v", name, i, err)
		}
	}
}

// TestAFlippedBitInBadgerIsNeverLoaded damages badger's files as a killed process left them. badger may fail, panic in a
// goroutine of its own, or read over it; what must not happen is that something else than what was stored is loaded.
func TestAFlippedBitInBadgerIsNeverLoaded(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	dir := t.TempDir()
	var epoch uint64
	for range 3 { // so that there are tables as well as write-ahead logs
		epoch = runChild(t, dir, "60", func(line string) bool { return strings.HasPrefix(line, "hang") })
	}
	rng := rand.New(rand.NewPCG(5, 6))
	outcome := map[string]int{}
	for _, pattern := range []string{"*.sst", "*.mem", "MANIFEST", "KEYREGISTRY"} {
		for range 5 {
			damaged := t.TempDir()
			copyDir(t, dir, damaged)
			paths, err := filepath.Glob(filepath.Join(damaged, baseName, pattern))
			must(t, err)
			if len(paths) == 0 {
				t.Errorf("no %s", pattern)
				break
			}
			path := paths[rng.IntN(len(paths))]
			i := flip(t, path, rng)
			cmd := exec.Command(os.Args[0], "-test.run=^$")
			cmd.Env = append(os.Environ(), childDir+"="+damaged, childStep+"=verify")
			out, err := cmd.Output()
			switch said := strings.TrimSpace(string(out)); {
			case err != nil:
				outcome[pattern+" refused"]++
			case said != strconv.FormatUint(epoch, 10) && said != strconv.FormatUint(epoch+1, 10):
				t.Errorf("%s, byte %d: checkpoint %s was loaded, %d was durable", pattern, i, said, epoch)
			default:
				outcome[pattern+" harmless"]++
			}
		}
	}
	t.Log(outcome)
}

func TestWhatBadgerLostIsMissed(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, small())
	w := newWorld()
	for range 9 {
		must(t, w.commit(s))
		s.folder.Wait()
	}
	must(t, s.db.DropPrefix([]byte("ew")))
	if err := verifyStore(s); !errors.Is(err, ErrCorrupt) {
		t.Errorf("without some entries: %v", err)
	}
	must(t, s.db.DropAll())
	closeStore(t, s)
	_, err := Open(dir, small())
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), remedy) {
		t.Errorf("without anything: %v", err)
	}
}
