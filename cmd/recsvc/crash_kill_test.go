package main

import (
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	battery "recsvc/internal/crash"
)

// replayed is what servers are killed over.
var replayed = slice{items: battery.Times(2_000, 1<<30), users: battery.Times(3_000, 1<<30), events: battery.Times(6_000, 1<<30)}

func TestAServerKilledAtAnyMomentEndsLikeOneThatNeverWas(t *testing.T) {
	t.Parallel()
	file, logged := writeConfig(t, crashConfig), t.TempDir()
	end := replayed.log(t, crashConfig, logged)

	begun, data := time.Now(), copyOf(t, logged)
	l := begin(t, file, data, thinMemory)
	l.await()
	k := newKiller(t, time.Since(begun)/time.Duration(battery.Times(4, 8)))
	wantFoldsAndEvictions(newClient(t, l.url), end)
	want := l.judge(data, end).String()
	t.Logf("in one go: %s", want)

	for round := 0; k.kills < battery.Times(20, 200); round++ {
		env, data := []string{thinMemory, foldsOften}[round%2], copyOf(t, logged)
		l := k.lives(data, func() *life { return begin(t, file, data, env) })
		if got := l.judge(data, end).String(); got != want {
			t.Errorf("round %d (%s): %s, a server that was never killed has %s", round, env, got, want)
		}
		removeAll(t, data)
	}
	k.count("kills survived in a replay of the embedded log")
}

// killer ends servers at random moments of their catching up.
type killer struct {
	t    *testing.T
	rng  *rand.Rand
	most time.Duration // that a life gets

	kills, applying int
}

func newKiller(t *testing.T, most time.Duration) *killer {
	return &killer{t: t, most: most, rng: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))}
}

// lives starts one server after the other on a directory and kills each, until one is ready before its time has come.
func (k *killer) lives(data string, begin func() *life) *life {
	k.t.Helper()
	for {
		before, l := epochOf(k.t, data), begin()
		if l.within(time.Duration(k.rng.Float64() * float64(k.most))) {
			return l
		}
		l.kill()
		k.kills++
		if epochOf(k.t, data) > before {
			k.applying++
		} else {
			k.most += k.most / 20 // or a busy machine would never get on
		}
	}
}

// count logs what was survived. The moments are random, and lives are slow on a busy machine: some must be such that something can go wrong.
func (k *killer) count(what string) {
	k.t.Helper()
	k.t.Logf("%d kills, %d of them behind a checkpoint of the same life", k.kills, k.applying)
	if k.applying == 0 {
		k.t.Errorf("of %d kills %d hit a server that had taken a checkpoint: give the lives more time", k.kills, k.applying)
	}
	battery.Count(k.t, what, k.kills)
}

// epochOf is the name of the newest checkpoint of a directory.
func epochOf(t *testing.T, data string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(data, stateName, "*.delta"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		return ""
	}
	return filepath.Base(paths[len(paths)-1]) // sorted
}

// wantFoldsAndEvictions makes sure that the stream is one in which the state is folded, and users and pending impressions leave memory
// and come back.
func wantFoldsAndEvictions(c *client, end string) {
	c.t.Helper()
	c.after(end)
	for _, m := range [][2]string{
		{"recsvc_state_folds_total", "done"}, {"recsvc_memory_evicted_total", "users"}, {"recsvc_memory_evicted_total", "joins"},
		{"recsvc_memory_cold_reads_total", "users"}, {"recsvc_memory_cold_reads_total", "joins"},
	} {
		n := c.metric(m[0], m[1])
		for until := time.Now().Add(patience); n == 0 && time.Now().Before(until); n = c.metric(m[0], m[1]) {
			runtime.Gosched() // the counts of what left memory are published once a second
		}
		c.t.Logf("%s %s: %v", m[0], m[1], n)
		if n == 0 {
			c.t.Errorf("%s %s: none", m[0], m[1])
		}
	}
}
