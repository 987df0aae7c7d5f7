package wal

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// childDir names the environment variable that turns this test binary into a process to be killed.
const childDir = "WAL_TEST_APPEND_TO"

// killOptions make many small segments, so that kills fall into rotations too.
func killOptions() Options { return Options{SegmentBytes: 20_000, BufferBytes: 50_000} }

// appendForever appends to the log in dir and prints "first count goroutine batch" for each batch that was
// acknowledged.
func appendForever(dir string) {
	l, err := Open(dir, killOptions())
	if err != nil {
		panic(err)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 6))
			for n := 0; ; n++ {
				batch := killBatch(g, n, 1+rng.IntN(50))
				first, err := l.Append(context.Background(), batch)
				if err == nil {
					err = l.Wait(context.Background(), first+int64(len(batch)))
				}
				if err != nil {
					panic(err)
				}
				fmt.Printf("%d %d %d %d\n", first, len(batch), g, n) // one write(2): a line is whole or missing
			}
		})
	}
	wg.Wait()
}

// killBatch is batch n of goroutine g.
func killBatch(g, n, count int) [][]byte {
	batch := make([][]byte, count)
	for i := range batch {
		batch[i] = bytes.Repeat(fmt.Appendf(nil, "%d/%d/%d ", g, n, i), 1+i)
	}
	return batch
}

func TestEveryAcknowledgedRecordSurvivesKill9(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	dir, rng := t.TempDir(), rand.New(rand.NewPCG(7, 8))
	acknowledged := map[int64][]byte{}
	for range rounds {
		appendUntilKilled(t, dir, 20+rng.IntN(300), acknowledged)
		l := mustOpen(t, dir, killOptions())
		got := mustRead(t, l, 0)
		for seq, want := range acknowledged {
			if seq >= int64(len(got)) {
				t.Fatalf("record %d was acknowledged, the log ends at %d", seq, len(got))
			}
			if !bytes.Equal(got[seq], want) {
				t.Fatalf("record %d = %.40q, want %.40q", seq, got[seq], want)
			}
		}
		mustClose(t, l) // the next round goes on with this log
	}
	if len(acknowledged) == 0 {
		t.Fatal("nothing was ever acknowledged")
	}
}

// appendUntilKilled runs a child on dir, kills it after the given number of acknowledgements and adds them to
// acknowledged.
func appendUntilKilled(t *testing.T, dir string, lines int, acknowledged map[int64][]byte) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	in, seen := bufio.NewScanner(out), 0
	for in.Scan() { // to the end: what the child managed to print counts
		var first int64
		var count, g, n int
		if _, err := fmt.Sscanf(in.Text(), "%d %d %d %d", &first, &count, &g, &n); err != nil {
			t.Fatalf("line %q: %v", in.Text(), err)
		}
		for i, p := range killBatch(g, n, count) {
			acknowledged[first+int64(i)] = p
		}
		if seen++; seen == lines {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); seen < lines {
		t.Fatalf("child ended by itself: %v\n%s", err, stderr.String())
	}
}
