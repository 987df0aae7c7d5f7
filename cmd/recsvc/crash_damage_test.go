package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	battery "recsvc/internal/crash"
)

// richData is the data directory of a server that was killed: several segments of a log, of which the state has not applied the end,
// several checkpoints, some of them folded, in badger's tables as well as in its log, and a model snapshot. Nothing is pending, so that a
// server adds no record of its own.
func richData(t *testing.T, file string) (data, end string) {
	t.Helper()
	data = t.TempDir()
	slice{items: 200, users: 200, events: 1500}.log(t, crashConfig, data)
	l := begin(t, file, data, foldsOften)
	l.await()
	c := newClient(t, l.url)
	for i := range 3 {
		c.write("/v1/items", fatItems(i))
		c.want(http.StatusOK, nil, "POST", "/admin/v1/checkpoint", "")
	}
	c.want(http.StatusCreated, nil, "POST", "/admin/v1/snapshots", "{}")
	if err := l.end(); err != nil {
		t.Fatalf("%v: %s", err, l.said())
	}
	l = begin(t, file, data, foldsOften)
	l.await()
	c = newClient(t, l.url)
	for i := range 8 {
		c.after(c.events(fields{"type": "view", "user": fmt.Sprintf("v%d", i), "item": "v0", "id": fmt.Sprintf("v%d", i)}))
		c.want(http.StatusOK, nil, "POST", "/admin/v1/checkpoint", "")
	}
	end = c.events(fields{"type": "view", "user": "last", "item": "v0"})
	l.kill()
	return data, end
}

// fatItems fill a segment of the log.
func fatItems(n int) string {
	var items []fields
	for i := range 20 {
		items = append(items, fields{"item": fmt.Sprintf("fat%d-%d", n, i), "text": strings.Repeat("x", 60_000)})
	}
	return list2json(items)
}

func TestADamagedFileIsNeverServedAsSomethingElse(t *testing.T) {
	t.Parallel()
	file := writeConfig(t, crashConfig+"scrub: {before_ready: true}\n")
	data, end := richData(t, file)
	want := relearned(t, crashConfig, data)
	files := filesOf(t, data)
	t.Logf("%d files: %v", len(files), files)
	d := &damager{t: t, file: file, data: data, end: end, want: want, outcomes: map[string]int{}}
	t.Run("each", func(t *testing.T) {
		for i, name := range files {
			for n := range battery.Times(1, 16) {
				kind := []string{"flipped", "truncated"}[(n+i)%2]
				t.Run(fmt.Sprintf("%s %s %d", name, kind, n), func(t *testing.T) {
					t.Parallel()
					d.try(t, name, kind)
				})
			}
		}
	})
	t.Logf("%v", d.outcomes)
	for what, n := range d.outcomes {
		battery.Count(t, "damaged files: "+what, n)
	}
}

// filesOf is every file of a data directory.
func filesOf(t *testing.T, data string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && len(used(t, path)) > 0 {
			name, err := filepath.Rel(data, path)
			names = append(names, name)
			return err
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// damager damages copies of a data directory, and starts a server on each.
type damager struct {
	t               *testing.T
	file, data, end string
	want            string // the digest that the log leads to

	mu       sync.Mutex
	outcomes map[string]int
}

func (d *damager) note(outcome string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.outcomes[outcome]++
}

func (d *damager) try(t *testing.T, name, kind string) {
	dir := t.TempDir()
	copyWithHoles(t, d.data, dir)
	hash := fnv.New64()
	io.WriteString(hash, t.Name())
	place := harm(t, filepath.Join(dir, name), kind, rand.New(rand.NewPCG(hash.Sum64(), 0)))
	found := verifyProcess(t, dir)
	l := begin(t, d.file, dir, foldsOften)
	ready, scrubbed := l.starts(), false
	if !ready && bytes.Contains(l.stderr.Bytes(), []byte("start again to rebuild it")) {
		scrubbed = true
		l = begin(t, d.file, dir, foldsOften)
		ready = l.starts()
	}
	if !ready {
		d.refused(t, l, name, place)
		if found.Whole {
			t.Errorf("%s: verify finds nothing, and the server refuses: %s", place, l.said())
		}
		return
	}
	c := newClient(t, l.url)
	if cursor := c.status().Cursor; cursor != d.end {
		t.Errorf("%s: ready at %s, the log goes up to %s", place, cursor, d.end)
	}
	c.http.CloseIdleConnections()
	if err := l.end(); err != nil {
		t.Errorf("%s: %v: %s", place, err, l.said())
	}
	if after := verifyProcess(t, dir); after.digest() != d.want {
		t.Errorf("%s: digest %s, the log leads to %s: %+v", place, after.digest(), d.want, after.Findings)
	}
	started := bytes.Contains(l.stderr.Bytes(), []byte("damaged"))
	if (scrubbed || started) && found.Whole {
		t.Errorf("%s: verify finds nothing, and the server says: %s", place, l.said())
	}
	switch {
	case scrubbed:
		d.note("found by the scrub, mended by the next start")
	case started:
		d.note("found and mended by the start")
	case !found.Whole:
		d.note("found by verify, of no matter to the state")
	default:
		d.note("of no matter")
	}
}

// refused judges a server that has not become ready: it must say which file is damaged, and what to do.
func (d *damager) refused(t *testing.T, l *life, name, place string) {
	text := l.refusal()
	helps := slices.ContainsFunc([]string{"restore", "move ", "verify", "printf"}, func(word string) bool { return strings.Contains(text, word) })
	if !strings.Contains(text, filepath.Base(name)) || !helps {
		t.Errorf("%s: the refusal does not name the file, or not what to do: %s", place, text)
	}
	d.note("refused")
}

// harm flips a bit among the bytes that are used, or cuts the file.
func harm(t *testing.T, path, kind string, rng *rand.Rand) (place string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	at := rng.Int64N(int64(len(used(t, path))))
	if kind == "truncated" {
		if rng.IntN(4) == 0 {
			at = rng.Int64N(info.Size())
		}
		truncate(t, path, at)
		return fmt.Sprintf("%s cut to %d of %d bytes", filepath.Base(path), at, info.Size())
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	bit := byte(1) << rng.IntN(8)
	if _, err = f.ReadAt(b[:], at); err == nil {
		_, err = f.WriteAt([]byte{b[0] ^ bit}, at)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s byte %d of %d xor %02x", filepath.Base(path), at, info.Size(), bit)
}

// copyWithHoles copies a directory and leaves out what is zero: badger's logs are mostly room for more.
func copyWithHoles(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-r", "--sparse=always", from+"/.", to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
