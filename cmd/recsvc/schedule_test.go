package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"recsvc/internal/api"
	"recsvc/internal/event"
	"recsvc/internal/snapshot"
	"recsvc/internal/state"
)

const threePasses = "train: {every: 24h, model: next, passes: 3}\n"

// trainWhenTold lets servers train when something is sent, and hold back those who write for as long as is said.
func trainWhenTold(t *testing.T, hold time.Duration) chan<- time.Time {
	t.Helper()
	due := make(chan time.Time)
	tuning.trainDue, tuning.trainHold = due, hold
	t.Cleanup(func() { tuning.trainDue, tuning.trainHold = nil, 0 })
	return due
}

// runs is how many trainings have had an outcome.
func (c *client) runs(outcome string) float64 {
	c.t.Helper()
	return c.metric("recsvc_train_runs_total", `"`+outcome+`"`)
}

// keepWriting sends events one after another until stop, which returns how many.
func keepWriting(t *testing.T, c *client) (stop func() int) {
	t.Helper()
	done, sent := make(chan struct{}), make(chan int)
	go func() {
		defer close(sent)
		for n := 0; ; n++ {
			select {
			case <-done:
				sent <- n
				return
			default:
			}
			body := fmt.Sprintf(`[{"id":"w%d","type":%q,"user":"u%d","item":"i%d"}]`, n, []string{"exposure", "click"}[n/7%2], n%7, n%30)
			r, err := c.http.Post(c.url+"/v1/events", "application/json", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			r.Body.Close()
			if r.StatusCode != http.StatusAccepted {
				t.Errorf("event %d: %s", n, r.Status)
			}
		}
	}()
	return sync.OnceValue(func() int { close(done); return <-sent })
}

// caughtUp is what the server's log says of its latest training.
func caughtUp(t *testing.T, s *inProcess) (read event.Cursor, out *trained) {
	t.Helper()
	lines := s.logs.FilterMessage("a challenger was trained").All()
	about := lines[len(lines)-1].ContextMap()
	read, err := event.ParseCursor(about["read"].(string))
	if err != nil {
		t.Fatal(err)
	}
	return read, about["trained"].(*trained)
}

func TestAChallengerTrainedUnderWritesHasTheWeightsOfTheOfflinePasses(t *testing.T) {
	_, data := learned(t)
	text, due := withChallenger+threePasses, trainWhenTold(t, patience)
	s := startServer(t, text, data)
	stop := keepWriting(t, s.client)
	var read, at event.Cursor
	var out *trained
	for n := 1; at.Offset(0) <= read.Offset(0); n++ { // until it had something to catch up with
		due <- time.Now()
		s.await("the training's end", func() bool { return s.runs(trainInstalled) == float64(n) })
		read, out = caughtUp(t, s)
		var err error
		if at, err = event.ParseCursor(out.Cursor); err != nil {
			t.Fatal(err)
		}
	}
	wrote := stop()
	if n := s.metric("recsvc_engine_installs_total", "installed"); n != s.runs(trainInstalled) {
		t.Errorf("%v sets of weights took their place, of %v trained", n, s.runs(trainInstalled))
	}
	if s.metric("recsvc_train_last_success_timestamp_seconds", "") == 0 || s.metric("recsvc_train_seconds", "") == 0 {
		t.Error("no metric tells when it was, and how long it took")
	}
	s.after(s.events(fields{"type": "exposure", "user": "u1", "item": "i1"}, fields{"type": "click", "user": "u1", "item": "i1"}))
	s.stop()
	if got, want := snapshotPages(t, text, data, out.Snapshot), offlinePages(t, text, data, read, at); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("trained beside %d writes up to %v, then caught up to %v: other weights than the offline passes give", wrote, read, at)
	}
	live := digestOf(t, text, data)
	if anew := relearned(t, text, data); anew != live {
		t.Errorf("learned anew from the log: digest %s, want %s", anew, live)
	}
	startServer(t, text, data).stop()
	if again := relearned(t, text, data); again != digestOf(t, text, data) {
		t.Error("after a restart the log leads elsewhere")
	}
}

// offlinePages are the weights that the offline passes give up to a place, when they have taken what came until another.
func offlinePages(t *testing.T, text, data string, read, to event.Cursor) []string {
	t.Helper()
	c := readConfig(t, text, data)
	a := &app{config: c, log: zap.NewNop(), registry: prometheus.NewRegistry()}
	defer a.Close()
	if err := a.openHistory(); err != nil {
		t.Fatal(err)
	}
	tr := &training{app: a, definitions: declare(c), place: 1, passes: 3}
	defer tr.close()
	if err := tr.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := tr.learn(read); err != nil {
		t.Fatal(err)
	}
	if err := tr.advance(t.Context(), to, stageCatchUp); err != nil {
		t.Fatal(err)
	}
	return pagesOfModel(t, tr.pupil)
}

func snapshotPages(t *testing.T, text, data, id string) (pages []string) {
	t.Helper()
	kept, err := state.NewSnapshots(filepath.Join(data, snapshotName))
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	_, content, err := kept.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	in, err := snapshot.NewReader(content)
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Check(snapshot.Learning, declare(readConfig(t, text, data)).hash()); err != nil {
		t.Fatal(err)
	}
	if err := in.Pages(func(k, v []byte) (bool, error) { pages = append(pages, string(k)+string(v)); return true, nil }); err != nil {
		t.Fatal(err)
	}
	return pages
}

func TestAModelInTrainingShowsHowFarItIsAndIsNotPromoted(t *testing.T) {
	_, data := learned(t)
	due := trainWhenTold(t, patience)
	s := startServer(t, withChallenger+threePasses, data)
	next := func() (m api.ModelStatus) {
		var list api.ModelList
		s.want(200, &list, "GET", "/admin/v1/models", "")
		if list.Models[0].Training != nil {
			t.Errorf("the champion is in training: %+v", list.Models[0])
		}
		return list.Models[1]
	}
	if m := next(); m.Training != nil {
		t.Errorf("before: %+v", m.Training)
	}
	release, err := s.server.turnstile.hold(t.Context()) // the training waits for us where it would take its place
	if err != nil {
		t.Fatal(err)
	}
	due <- time.Now()
	s.await("the training's last stage", func() bool {
		m := next()
		return m.Training != nil && m.Training.Stage == stageCatchUp && m.Training.Progress == 1
	})
	if status, body := s.do("POST", "/admin/v1/models/next/promote", ""); status != 409 || !strings.Contains(string(body), "it has not caught up: it is being trained") {
		t.Errorf("%d %s", status, body)
	}
	release()
	s.await("the training's end", func() bool { return s.runs(trainInstalled) == 1 })
	if m := next(); m.Training != nil {
		t.Errorf("after: %+v", m.Training)
	}
}

func TestATrainingThatGivesUpLeavesEverythingAsItWas(t *testing.T) {
	_, data := learned(t)
	due := trainWhenTold(t, time.Nanosecond)
	text := withChallenger + threePasses
	before := weightsOf(t, writeConfig(t, text), data)
	s := startServer(t, text, data)
	kept, err := s.server.snapshots.List()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 { // and once more
		due <- time.Now()
		s.await("the training's end", func() bool { return s.runs(trainGaveUp) == float64(n+1) })
	}
	if n := len(s.logs.FilterMessageSnippet("came to nothing").All()); n != 2 {
		t.Errorf("the log tells of it %d times", n)
	}
	if after, err := s.server.snapshots.List(); err != nil || len(after) != len(kept) {
		t.Errorf("%d snapshots, then %d: %v", len(kept), len(after), err)
	}
	s.after(s.events(fields{"type": "search", "user": "u1", "query": "writers are let in"}))
	s.stop()
	if left, _ := filepath.Glob(filepath.Join(data, "training-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if after := weightsOf(t, writeConfig(t, text), data); !slices.Equal(before[0], after[0]) || !slices.Equal(before[1], after[1]) {
		t.Error("other weights")
	}
}

func TestATrainingThatIsNotPossibleSaysWhy(t *testing.T) {
	_, data := learned(t)
	due := trainWhenTold(t, patience)
	s := startServer(t, withChallenger+threePasses, data)
	s.want(200, nil, "POST", "/admin/v1/models/next/promote", `{"force":true}`)
	due <- time.Now()
	s.await("the training's end", func() bool { return s.runs(trainImpossible) == 1 })
	lines := s.logs.FilterMessageSnippet("came to nothing").All()
	if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0].ContextMap()["error"]), "champion") {
		t.Errorf("%+v", lines)
	}
	s.want(200, nil, "POST", "/admin/v1/models/ctr/promote", `{"force":true}`)
	due <- time.Now()
	s.await("the training's end", func() bool { return s.runs(trainInstalled) == 1 })
}

func TestWithoutTheBeginningOfTheLogNothingIsTrained(t *testing.T) {
	data, due := t.TempDir(), trainWhenTold(t, patience)
	if err := prepareData(data); err != nil {
		t.Fatal(err)
	}
	if err := writeLogBegin(data, event.Cursor{{Offset: 5}}); err != nil { // as after a restore
		t.Fatal(err)
	}
	s := startServer(t, withChallenger+threePasses, data)
	s.await("a warning at the start", func() bool { return s.logs.FilterMessageSnippet("nothing will be trained").Len() == 1 })
	due <- time.Now()
	s.await("the training's end", func() bool { return s.runs(trainImpossible) == 1 })
	lines := s.logs.FilterMessageSnippet("came to nothing").All()
	if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0].ContextMap()["error"]), "the log begins at record 5") {
		t.Errorf("%+v", lines)
	}
}

func TestATrainingIsDueAWhileAfterTheOneBeforeWhoeverMadeIt(t *testing.T) {
	configFile, data := learned(t)
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	due := func() time.Time {
		a, err := openApp(readConfig(t, withChallenger+threePasses, data), zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		s, err := newSchedule(a)
		if err != nil {
			t.Fatal(err)
		}
		return s.first(now)
	}
	if at := due(); !at.Equal(now.Add(24 * time.Hour)) {
		t.Errorf("with none before, due at %v", at)
	}
	began := time.Now()
	runTrain(t, "-config", configFile, "-data", data)
	if at := due().Add(-24 * time.Hour); at.Before(began.Add(-time.Second)) || at.After(time.Now()) {
		t.Errorf("after one by hand between %v and now, due 24h after %v", began, at)
	}
	var none *schedule
	if err := none.run(t.Context()); err != nil || none.status(0) != nil {
		t.Errorf("where nothing is configured: %v", err)
	}
	if s, err := newSchedule(&app{config: readConfig(t, withChallenger, data)}); s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
}
