package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/api"
	"recsvc/internal/dirty"
)

// otherFeatures is smallConfig with a feature changed, one left out and one new.
var otherFeatures = strings.NewReplacer(
	"window: 5m, slide: 30s", "window: 10m, slide: 1m",
	"  - {name: user_last, kind: last_k, scope: user, on: exposure, outcomes: [click], n: 4, as: outcomes}\n",
	"  - {name: item_shown, kind: count, scope: item, on: exposure, as: log}\n",
).Replace(smallConfig)

// featuresOf is the digest of the features alone in a data directory that nobody serves.
func featuresOf(t *testing.T, text, data string) (digest string) {
	t.Helper()
	inDirectory(t, text, data, func(a *app) error {
		digest = featuresDigest(a)
		return nil
	})
	return digest
}

// freshFeatures is the digest of the features that the log of a data directory leads to from the beginning.
func freshFeatures(t *testing.T, text, data string) (digest string) {
	t.Helper()
	anew(t, text, data, func(a *app) error {
		err := a.engine.Run(t.Context(), a.backlog())
		digest = featuresDigest(a)
		return err
	})
	return digest
}

func featuresDigest(a *app) string {
	var d dirty.Sum
	n := int64(0)
	for _, set := range a.features.Sets() {
		d.Add(set.Digest())
		n += set.Count()
	}
	return fmt.Sprintf("%v of %d", d, n)
}

// await returns when a condition holds.
func (p *inProcess) await(what string, fn func() bool) {
	p.client.t.Helper()
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for deadline := time.After(patience); !fn(); {
		select {
		case <-t.C:
		case <-deadline:
			p.client.t.Fatalf("%s has not come to be; the server says %v", what, p.logs.All())
		}
	}
}

func (p *inProcess) takenOver() bool {
	return p.logs.FilterMessage("the changed features have taken over").Len() == 1
}

func TestChangedFeaturesTakeOverUnderTraffic(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, smallConfig, data)
	s.write("/v1/items", catalogue(5))
	visit(s, 0, 50)
	counts, click := s.status().Counts, s.status().head("click")
	s.stop()
	fill(t, smallConfig, data, 5000)

	s = startServer(t, otherFeatures, data)
	var traffic sync.WaitGroup
	stop := make(chan struct{})
	for g := range 3 {
		traffic.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if got := s.recommend("user", fmt.Sprint("u", i%4), "n", "5"); len(got.Items) != 5 {
					t.Errorf("a list of %d", len(got.Items))
				}
				if g == 0 {
					s.events(fields{"type": "click", "user": fmt.Sprint("u", i%4), "item": fmt.Sprint("new", i%9)})
				}
			}
		})
	}
	s.await("the takeover", s.takenOver)
	close(stop)
	traffic.Wait()
	visit(s, 200, 220)
	after := s.status()
	if after.Counts.Applied < counts.Applied+20 || after.head("click").N < click.N {
		t.Errorf("counted %+v and %+v, then %+v and %+v", counts, click, after.Counts, after.head("click"))
	}
	if s.logs.FilterMessageSnippet("learning anew").Len() != 0 {
		t.Error("it has learned anew")
	}
	var list api.FeatureList
	s.want(http.StatusOK, &list, "GET", "/admin/v1/features", "")
	if len(list.Features) != len(s.server.config.Features) || list.Features[7].Name != "item_shown" {
		t.Errorf("the features are %+v", list.Features)
	}
	for _, f := range list.Features {
		if f.State != "live" || f.Progress != 1 {
			t.Errorf("after the takeover: %+v", f)
		}
	}
	s.stop()
	if got, want := featuresOf(t, otherFeatures, data), freshFeatures(t, otherFeatures, data); got != want {
		t.Errorf("features with digest %s, a fresh replay makes %s", got, want)
	}
	s = startServer(t, otherFeatures, data)
	if s.logs.FilterMessageSnippet("features have changed").Len() != 0 {
		t.Error("the next start fills again")
	}
}

// Features change at every start, and every life ends in the middle of whatever it does: before the takeover, at it, before the
// checkpoint that holds it and after.
func TestFeaturesThatChangeWhileTheServerIsKilledAreWhatAFreshReplayMakesThem(t *testing.T) {
	const more = "checkpoint: {interval: 100ms, min_pause: 1ms}\n"
	data, configs := t.TempDir(), []string{smallConfig + more, otherFeatures + more}
	fill(t, configs[0], data, 6000)
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	taken := 0
	for life := range 12 {
		p := spawn(t, "serve", "-config", writeConfig(t, configs[life%2]), "-data", data)
		c := newClient(t, p.url)
		for range rng.IntN(60) {
			c.want(http.StatusOK, nil, "GET", "/healthz", "")
		}
		if rng.IntN(2) == 0 {
			c.events(fields{"type": "click", "user": "u1", "item": fmt.Sprint("late", life)})
		}
		taken += int(c.metric("recsvc_backfill_done", ""))
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = p.cmd.Wait() // "signal: killed"
		c.http.CloseIdleConnections()
	}
	t.Logf("%d of the lives had taken over when they ended", taken)
	s := startServer(t, configs[1], data)
	s.await("the takeover", func() bool { return s.metric("recsvc_backfill_done", "") == 1 })
	s.stop()
	if got, want := featuresOf(t, configs[1], data), freshFeatures(t, configs[1], data); got != want {
		t.Errorf("features with digest %s, a fresh replay makes %s", got, want)
	}
}

// fill logs a catalogue and n events, and lets a server apply them.
func fill(t *testing.T, text, data string, n int) {
	t.Helper()
	s := startServer(t, text, data)
	s.write("/v1/items", catalogue(5))
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	cursor := ""
	for n > 0 {
		var batch []fields
		for range min(n, 500) {
			batch = append(batch, fields{
				"type": []string{"exposure", "exposure", "click", "view"}[rng.IntN(4)], "user": fmt.Sprint("u", rng.IntN(200)),
				"item": fmt.Sprintf("%c%d", "abc"[rng.IntN(3)], rng.IntN(20)),
			})
		}
		cursor = s.events(batch...)
		n -= len(batch)
	}
	s.after(cursor)
	s.stop()
}

func TestGoingBackToTheFormerFeaturesBeforeTheTakeoverLosesNothing(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, smallConfig, data)
	s.write("/v1/items", catalogue(5))
	visit(s, 0, 40)
	s.stop()
	want := digestOf(t, smallConfig, data)
	a, err := openLive(readConfig(t, otherFeatures, data), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	room := featureRoom{a}
	states := map[string]string{}
	for _, f := range room.Features() {
		states[f.Name+" "+f.State] = f.Version
	}
	for _, want := range []string{"user live", "user_last live", "user_clicks_5m live", "user_clicks_5m backfilling", "item_shown backfilling"} {
		if states[want] == "" {
			t.Errorf("no feature is %s: %v", want, states)
		}
	}
	if states["user backfilling"] != "" || states["user_clicks_5m live"] == states["user_clicks_5m backfilling"] {
		t.Errorf("listed are %v", states)
	}
	if st := a.backfill.status(); st == nil || st.State != "running" || st.Progress != 0 {
		t.Errorf("status %+v", st)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got := digestOf(t, smallConfig, data); got != want {
		t.Errorf("digest %s, before it %s", got, want)
	}
}
