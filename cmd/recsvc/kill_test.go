package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"recsvc/internal/event"
)

// process is a server of its own, which can be killed.
type process struct {
	cmd    *exec.Cmd
	url    string
	stderr bytes.Buffer
}

// spawn starts this binary as the command and returns when it is ready.
func spawn(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], args...)}
	p.cmd.Env = append(os.Environ(), asServer+"=1")
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); p.url == "" && lines.Scan(); {
		p.url, _ = strings.CutPrefix(lines.Text(), "ready ")
	}
	if p.url == "" {
		t.Fatalf("the server ended before it was ready: %v: %s", p.cmd.Wait(), p.stderr.String())
	}
	return p
}

// killing is a server that is killed again and again, and those who write to it all the same.
type killing struct {
	t      *testing.T
	args   []string
	client http.Client

	mu      sync.Mutex
	changed *sync.Cond // there is another process, or one more acknowledgement
	process *process
	lives   int
	acked   int // events
	writing int // writers that have not finished
}

// kill ends the process in the middle of whatever it does, and starts the next one.
func (k *killing) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.process.cmd.Process.Kill(); err != nil {
		k.t.Error(err)
	}
	_ = k.process.cmd.Wait() // "signal: killed"
	k.process = spawn(k.t, k.args...)
	k.lives++
	k.changed.Broadcast()
}

// now returns the present process, no earlier one than that of the given life.
func (k *killing) now(life int) (url string, present int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.lives < life {
		k.changed.Wait()
	}
	return k.process.url, k.lives
}

// post sends a body again and again, to one process after the other, until it is acknowledged.
func (k *killing) post(path, body string) {
	for life := 0; ; life++ {
		url, present := k.now(life)
		life = present
		r, err := k.client.Post(url+path, "application/json", strings.NewReader(body))
		if err != nil {
			continue // this life is over: nobody knows whether it took the body
		}
		text, err := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode != http.StatusAccepted {
			k.t.Errorf("POST %s: %d: %s", path, r.StatusCode, text)
			return
		}
		if err == nil {
			return
		}
	}
}

// write sends batches of events of its own users and returns what it has sent.
func (k *killing) write(writer int) (all []fields) {
	rng := rand.New(rand.NewPCG(uint64(writer), 7))
	for range 50 {
		var batch []fields
		for range 1 + rng.IntN(12) {
			kind := []string{"exposure", "exposure", "click", "view"}[rng.IntN(4)]
			batch = append(batch, fields{
				"type": kind, "user": fmt.Sprintf("w%du%d", writer, rng.IntN(3)), "item": fmt.Sprintf("%c%d", "ab"[rng.IntN(2)], rng.IntN(5)),
				"id": fmt.Sprintf("%d", len(all)+len(batch)), "position": 1 + rng.IntN(9),
			})
		}
		k.post("/v1/events", list2json(batch))
		k.note(len(batch), 0)
		all = append(all, batch...)
		if rng.IntN(4) == 0 { // a list that is served takes a place in the log as well
			url, _ := k.now(0)
			if r, err := k.client.Get(url + "/v1/recommendations?n=3&user=" + batch[0]["user"].(string)); err == nil {
				r.Body.Close()
			}
		}
	}
	k.note(0, -1)
	return all
}

// note counts acknowledged events, and writers that begin or end.
func (k *killing) note(acked, writing int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.acked += acked
	k.writing += writing
	k.changed.Broadcast()
}

// await returns when so many events are acknowledged, or when nobody writes any more.
func (k *killing) await(acked int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.acked < acked && k.writing > 0 {
		k.changed.Wait()
	}
}

func TestEveryAcknowledgedEventIsAppliedOnceThoughTheServerIsKilled(t *testing.T) {
	text, data := smallConfig+"checkpoint: {interval: 100ms}\n", t.TempDir()
	k := &killing{t: t, args: []string{"serve", "-config", writeConfig(t, text), "-data", data}}
	k.changed = sync.NewCond(&k.mu)
	k.client.Transport, k.client.Timeout = &http.Transport{}, patience
	defer k.client.CloseIdleConnections()
	k.process = spawn(t, k.args...)
	k.post("/v1/items", catalogue(5))

	const writers = 3
	sent := make(chan []fields, writers)
	k.note(0, writers)
	for w := range writers {
		go func() { sent <- k.write(w) }()
	}
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	for threshold := 0; k.lives < 4; {
		threshold += 50 + rng.IntN(150)
		k.await(threshold)
		url, _ := k.now(0)
		for range rng.IntN(8) { // one writer has just been answered: let the moment be any
			if r, err := k.client.Get(url + "/healthz"); err == nil {
				r.Body.Close()
			}
		}
		k.kill()
	}
	type key struct{ kind, item string }
	truth, events := map[key]float64{}, 0
	for range writers {
		for _, f := range <-sent {
			truth[key{f["type"].(string), f["item"].(string)}]++
			events++
		}
	}

	c := newClient(t, k.process.url)
	c.after(c.events(fields{"type": "view", "user": "last", "item": "a0", "id": "last"}))
	truth[key{"view", "a0"}]++
	events++
	for _, item := range []string{"a0", "a1", "a2", "a3", "a4", "b0", "b1", "b2", "b3", "b4"} {
		live := c.live(item)
		for _, kind := range []string{"exposure", "click", "view"} {
			if got, want := live[kind+"s"], truth[key{kind, item}]; got != want {
				t.Errorf("item %s: %v %ss, want %v", item, got, kind, want)
			}
		}
	}
	k.client.CloseIdleConnections()
	c.http.CloseIdleConnections()
	if err := k.process.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := k.process.cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, k.process.stderr.String())
	}
	wantLogAndState(t, text, data, events)
	if got, want := digestOf(t, text, data), relearned(t, text, data); got != want {
		t.Errorf("digest %s, a server that was never killed has %s", got, want)
	}
}

// wantLogAndState counts what the log holds, and compares it with what the state says has become of it.
func wantLogAndState(t *testing.T, text, data string, events int) {
	t.Helper()
	distinct, again := map[string]bool{}, int64(0)
	total, a := readLog(t, text, data, func(r *event.Record) {
		if r.Event == nil {
			return
		}
		if id := r.Event.User + "/" + r.Event.ID; distinct[id] {
			again++
		} else {
			distinct[id] = true
		}
	})
	if len(distinct) != events {
		t.Errorf("%d events are in the log, %d were acknowledged", len(distinct), events)
	}
	s := a.engine.Status()
	if int64(s.Duplicate) != again || int64(s.Applied) != total-again || s.Late+s.DeadLettered != 0 {
		t.Errorf("of %d records, %d of them repeated, the state says %+v", total, again, s)
	}
	t.Logf("%d events, %d records, %d of them repeated after a kill", events, total, again)
}
