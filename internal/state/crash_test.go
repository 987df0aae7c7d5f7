package state

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// folding folds as often as it can.
func folding() Options {
	opts := small()
	opts.FoldCheckpoints = 1
	return opts
}

// checkRecovered opens dir after a crash: the checkpoint must be the last committed or the next, and go on from there.
func checkRecovered(t *testing.T, dir string, committed uint64, what string) {
	t.Helper()
	s, err := Open(dir, folding())
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer closeStore(t, s)
	meta, _ := s.Latest()
	if meta.Epoch < committed || meta.Epoch > committed+1 {
		t.Fatalf("%s: checkpoint %d was committed, %d is there", what, committed, meta.Epoch)
	}
	if err := verifyStore(s); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for _, name := range fileNames(t, dir) {
		if strings.HasSuffix(name, tempSuffix) {
			t.Errorf("%s: %s was left", what, name)
		}
	}
	w := worldAt(meta.Epoch)
	for range 3 {
		must(t, w.commit(s))
	}
	s.folder.Wait()
	if err := verifyStore(s); err != nil {
		t.Fatalf("%s: going on: %v", what, err)
	}
}

const (
	childDir  = "RECSVC_STATE_TEST_CHILD"
	childStep = "RECSVC_STATE_TEST_STEP" // hang for ever at the n-th step
)

// childMain commits checkpoints until it is killed, and says on standard output which are durable. With the step "verify"
// it loads instead.
func childMain(dir string) {
	s, err := Open(dir, folding())
	if err == nil && os.Getenv(childStep) == "verify" {
		meta, _ := s.Latest()
		if err = verifyStore(s); err == nil {
			fmt.Println(meta.Epoch)
			os.Exit(0)
		}
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	hangAt, calls := int64(0), atomic.Int64{}
	fmt.Sscan(os.Getenv(childStep), &hangAt)
	s.fault = func(p string, after bool) error {
		if after {
			return nil // as good as before the next one
		}
		if calls.Add(1) == hangAt {
			fmt.Println("hang", p)
			select {}
		}
		return nil
	}
	meta, _ := s.Latest()
	for w := worldAt(meta.Epoch); ; {
		if err := w.commit(s); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println(w.epoch)
		if hangAt > 0 {
			s.folder.Wait()
		}
	}
}

// runChild starts childMain, and kills it when until says so of a line of its output. It returns the last durable epoch.
func runChild(t *testing.T, dir, hangAt string, until func(line string) bool) (committed uint64) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), childDir+"="+dir, childStep+"="+hangAt)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	killed := false
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "error") {
			t.Error(line)
		}
		fmt.Sscan(line, &committed)
		if !killed && until(line) {
			must(t, cmd.Process.Kill()) // SIGKILL
			killed = true
		}
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait() // killed
	return committed
}

func TestSIGKILLAtEachStepLeavesAWholeCheckpoint(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	hung := true
	for n := 1; hung && n < 200; n++ {
		hung = false
		dir := t.TempDir()
		what := ""
		committed := runChild(t, dir, fmt.Sprint(n), func(line string) bool {
			hung = strings.HasPrefix(line, "hang")
			what = line
			return hung || line == "4"
		})
		checkRecovered(t, dir, committed, fmt.Sprintf("killed at step %d, %s", n, what))
	}
}

func TestSIGKILLAtARandomTimeLeavesAWholeCheckpoint(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir() // the same one, killed again and again
	rng := rand.New(rand.NewPCG(1, 2))
	last := uint64(0)
	for i := range rounds {
		stop := last + 1 + uint64(rng.IntN(8))
		delay := time.Duration(rng.IntN(20_000)) * time.Microsecond
		committed := runChild(t, dir, "", func(line string) bool {
			var epoch uint64
			fmt.Sscan(line, &epoch)
			if epoch < stop {
				return false
			}
			time.Sleep(delay) // only to scatter the kills; nothing is measured by it
			return true
		})
		s, err := Open(dir, folding())
		must(t, err)
		meta, _ := s.Latest()
		if meta.Epoch < committed {
			t.Fatalf("round %d: checkpoint %d was durable, %d is there", i, committed, meta.Epoch)
		}
		if err := verifyStore(s); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		last = meta.Epoch
		closeStore(t, s)
	}
}
