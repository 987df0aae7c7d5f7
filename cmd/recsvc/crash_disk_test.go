package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	battery "recsvc/internal/crash"
	"recsvc/internal/event"
)

const mib = 1 << 20

// fullConfig leaves so many MiB of the disk free.
func fullConfig(free int) string {
	return strings.Replace(crashConfig, "free_bytes: 1MiB", fmt.Sprintf("free_bytes: %dMiB", free), 1)
}

// smallDisk is a disk of its own for a data directory, whose size can change, and which somebody else can fill.
type smallDisk struct {
	t   *testing.T
	dir string
}

func newSmallDisk(t *testing.T, size int64) *smallDisk {
	t.Helper()
	d := &smallDisk{t: t, dir: t.TempDir()}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		if os.Getenv("REQUIRE_TMPFS") == "1" {
			t.Fatalf("REQUIRE_TMPFS=1, and a tmpfs cannot be mounted: %v", err)
		}
		t.Skipf("a tmpfs cannot be mounted (%v): NOT tested on a full disk", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *smallDisk) data() string { return filepath.Join(d.dir, "data") }

func (d *smallDisk) resize(size int64) {
	d.t.Helper()
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", size)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *smallDisk) free() int64 {
	d.t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &st); err != nil {
		d.t.Fatal(err)
	}
	return int64(st.Bavail) * int64(st.Bsize)
}

func (d *smallDisk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill takes room until so much is left, a mebibyte a millisecond, as fast as a good disk. With 0 left it takes the last byte.
func (d *smallDisk) fill(left int64) {
	d.t.Helper()
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	chunk := make([]byte, mib)
	for len(chunk) > 0 && (left == 0 || d.free() > left) {
		if _, err = f.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			chunk, err = chunk[:len(chunk)/2], nil
		} else if err != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *smallDisk) relieve() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Error(err)
	}
}

// feeder writes events to one server after the other and remembers what was acknowledged.
type feeder struct {
	t    *testing.T
	http http.Client

	mu       sync.Mutex
	url      string
	sent     int
	acked    map[string]bool // ids of events
	statuses map[int]int     // answers, by status; 0: none
}

func newFeeder(t *testing.T) *feeder {
	f := &feeder{t: t, http: http.Client{Transport: &http.Transport{}, Timeout: patience}, acked: map[string]bool{}, statuses: map[int]int{}}
	t.Cleanup(f.http.CloseIdleConnections)
	return f
}

func (f *feeder) to(url string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.url = url
}

// next makes a batch that nobody has sent before.
func (f *feeder) next() (url, body string, ids []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	rng := rand.New(rand.NewPCG(uint64(f.sent), 3))
	var batch []fields
	for range 200 {
		f.sent++
		ids = append(ids, fmt.Sprintf("e%d", f.sent))
		batch = append(batch, fields{
			"type": []string{"exposure", "exposure", "click", "view"}[rng.IntN(4)], "id": ids[len(ids)-1],
			"user": fmt.Sprintf("u%d", rng.IntN(2000)), "item": fmt.Sprintf("i%d", rng.IntN(500)), "position": 1 + rng.IntN(9),
		})
	}
	return f.url, list2json(batch), ids
}

// post sends a batch once and returns the answer's status; 0: there was none, and nobody knows whether it was taken.
func (f *feeder) post() (status int) {
	url, body, ids := f.next()
	if r, err := f.http.Post(url+"/v1/events", "application/json", strings.NewReader(body)); err == nil {
		status = r.StatusCode
		r.Body.Close()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.statuses[status]++
	if status == http.StatusAccepted {
		for _, id := range ids {
			f.acked[id] = true
		}
	}
	return status
}

// until posts until the answer has the status.
func (f *feeder) until(status int) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); f.post() != status; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("nobody answers %d: %v", status, f.statuses)
		}
	}
}

// wantAcknowledged compares what was acknowledged with what is in the log of a directory, and its state with what the log leads to.
func (f *feeder) wantAcknowledged(text, data string) {
	f.t.Helper()
	logged := map[string]bool{}
	readLog(f.t, text, data, func(r *event.Record) {
		if r.Event != nil {
			logged[r.Event.ID] = true
		}
	})
	for id := range f.acked {
		if !logged[id] {
			f.t.Errorf("event %s was acknowledged and is not in the log", id)
			break
		}
	}
	if r, want := verifyProcess(f.t, data), relearned(f.t, text, data); !r.Whole || r.digest() != want {
		f.t.Errorf("digest %s, the log leads to %s: %+v", r.digest(), want, r)
	}
	f.t.Logf("%d events sent, %d acknowledged, %d in the log; answers %v", f.sent, len(f.acked), len(logged), f.statuses)
}

func TestAServerOnAFullDiskServesAndGoesOnByItself(t *testing.T) {
	t.Parallel()
	const free = 8
	text := fullConfig(free)
	sizes := []int64{64 << 10, 9 * mib, 110 * mib}
	if battery.Times(0, 1) == 1 {
		sizes = []int64{4 << 10, 16 << 10, 32 << 10, 64 << 10, 256 << 10, mib, 2 * mib, 4 * mib, 7 * mib, 8 * mib, 8*mib + 4096, 8*mib + 32<<10, 8*mib + 64<<10, 9 * mib,
			10 * mib, 12 * mib, 16 * mib, 20 * mib, 30 * mib, 40 * mib, 41 * mib, 50 * mib, 64 * mib, 73 * mib, 80 * mib, 96 * mib, 110 * mib, 128 * mib, 160 * mib, 256 * mib}
	}
	file, refused := writeConfig(t, text), 0
	for _, size := range sizes {
		t.Run(sizeText(size), func(t *testing.T) {
			d := newSmallDisk(t, size)
			if size <= 4<<10 {
				d.fill(0) // not even the directory's marker has room
			}
			l := begin(t, file, d.data(), foldsOften)
			if !l.starts() {
				refused++
				wantNoRoom(l, d.dir)
				d.relieve()
				size += 100 * mib
				d.resize(size)
				l = begin(t, file, d.data(), foldsOften)
				l.await()
			}
			f := newFeeder(t)
			f.to(l.url)
			for range 2 {
				for range 25 {
					if f.post() != http.StatusAccepted {
						break
					}
				}
				d.fill(free * mib / 2)
				f.until(http.StatusServiceUnavailable)
				d.fill(0)
				c := newClient(t, l.url)
				c.recommend("user", "u1", "n", "5") // a list that is served: its record waits for room, and nobody for it
				if st := c.metric("recsvc_disk_held", ""); st != 1 {
					t.Errorf("held: %v", st)
				}
				d.relieve()
				size += 10 * mib // on a disk that was too small from the beginning that alone makes no room
				d.resize(size)
				f.until(http.StatusAccepted)
				c.http.CloseIdleConnections()
			}
			d.resize(size + 300*mib) // what verify asks for where nobody tells it the configuration
			if err := l.end(); err != nil {
				t.Errorf("%v: %s", err, l.said())
			}
			d.fill(0)
			if l = begin(t, file, d.data(), foldsOften); l.starts() {
				t.Error("a server starts on a full disk")
				l.kill()
			} else {
				wantNoRoom(l, d.dir)
			}
			d.relieve()
			goOn(t, text, d.data()) // it may have ended without room for a last checkpoint: the log has the rest
			f.wantAcknowledged(text, d.data())
		})
	}
	battery.Count(t, "sizes of a full disk survived", len(sizes))
	if refused == 0 {
		t.Error("no disk was too small")
	}
}

// wantNoRoom asserts that a server has refused to start for want of room, and says where.
func wantNoRoom(l *life, dir string) {
	l.t.Helper()
	if text := l.refusal(); !strings.Contains(text, dir) || !strings.Contains(text, "not enough free disk space") && !strings.Contains(text, "no space left") {
		l.t.Errorf("refused with %s", text)
	}
}

// Somebody else takes the last byte while badger is being written to. The watermark keeps the server away from there if it sees the disk fill; where
// it is too slow the kernel ends it, and the next start, with room, must be as after any other kill.
func TestAServerOutlivesThatSomebodyElseTakesTheLastByte(t *testing.T) {
	t.Parallel()
	const free = 64
	text := fullConfig(free)
	file, d := writeConfig(t, text), newSmallDisk(t, 320*mib)
	f, l := newFeeder(t), begin(t, file, d.data(), foldsOften)
	l.await()
	f.to(l.url)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				if f.post() != http.StatusAccepted {
					time.Sleep(5 * time.Millisecond)
				}
			}
		}
	}()
	rng, died, rounds := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)), 0, battery.Times(3, 60)
	for range rounds {
		time.Sleep(time.Duration(rng.Float64() * float64(time.Second)))
		d.fill(0)
		time.Sleep(time.Duration(rng.Float64() * float64(300*time.Millisecond)))
		dead := l.ended()
		if !dead && rng.IntN(4) == 0 {
			_ = l.end()
			dead = true
		}
		switch {
		case !dead || l.cmd.ProcessState.Success():
		case bytes.Contains(l.stderr.Bytes(), []byte("SIGBUS")):
			died++
		default:
			wantNoRoom(l, d.dir)
		}
		d.relieve()
		if dead {
			l = begin(t, file, d.data(), foldsOften)
			l.await()
			f.to(l.url)
		}
	}
	close(stop)
	<-stopped
	f.until(http.StatusAccepted)
	if err := l.end(); err != nil {
		t.Errorf("%v: %s", err, l.said())
	}
	d.resize(1 << 30)
	goOn(t, text, d.data())
	f.wantAcknowledged(text, d.data())
	battery.Count(t, "times that somebody else took the last byte of the disk", rounds)
	battery.Count(t, "kills by SIGBUS among them, survived by a restart", died)
}
