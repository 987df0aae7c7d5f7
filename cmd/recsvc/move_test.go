package main

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"recsvc/internal/api"
	"recsvc/internal/dirty"
)

// entriesOf are the entries of a data directory that belong to a model or to the join as a whole, by key, with what they sum up to.
func entriesOf(t *testing.T, text, data, part string) map[string]dirty.Sum {
	t.Helper()
	found := map[string]dirty.Sum{}
	inDirectory(t, text, data, func(a *app) error {
		return a.state.Load(func(key, _ []byte, sum dirty.Sum) error {
			if strings.Contains(string(key), part) {
				found[string(key)] = sum
			}
			return nil
		})
	})
	if len(found) == 0 {
		t.Errorf("nothing of %s", part)
	}
	return found
}

// see shows items to a user who clicks one of them only later.
func see(s *inProcess, id string) {
	s.t.Helper()
	s.after(s.events(
		fields{"type": "exposure", "user": "p" + id, "item": "a1"}, fields{"type": "exposure", "user": "p" + id, "item": "b1"}))
}

func click(s *inProcess, id string) {
	s.t.Helper()
	s.after(s.events(fields{"type": "click", "user": "p" + id, "item": "a1"}))
}

func (s *inProcess) feedback(model, head string) (out api.HeadFeedback) {
	s.t.Helper()
	var status api.Status
	s.want(http.StatusOK, &status, "GET", "/admin/v1/status", "")
	for _, h := range status.Feedback.Heads {
		if h.Model == model && h.Head == head {
			out = h
		}
	}
	return out
}

// What the champion has learned, and what is pending for it, is what it would be had no other model ever come or gone.
func TestAChallengerComesAndGoesAndTheChampionStaysAsItIs(t *testing.T) {
	lives := func(data string, texts ...string) {
		for i, text := range texts {
			s := startServer(t, text, data)
			if i == 0 {
				s.after(s.write("/v1/items", catalogue(5)))
			} else {
				click(s, string(rune('a'+i-1))) // of what the life before has shown
			}
			visit(s, 10*i, 10*i+10)
			see(s, string(rune('a'+i)))
			if n := s.logs.FilterMessageSnippet("learning anew").Len(); n > 0 {
				t.Error("it learned all anew")
			}
			if v := s.metric("recsvc_engine_law_violated", ""); v != 0 {
				t.Errorf("%v laws are violated", v)
			}
			if i == 1 && text == sideBySide {
				ctr, next := s.feedback("ctr", "click"), s.feedback("next", "click")
				if ctr.Absent != 0 || next.Absent != 12 || next.Late != 1 || next.Pending+next.Positive != ctr.Pending+ctr.Positive-12 {
					t.Errorf("champion %+v, challenger %+v", ctr, next)
				}
				if n := s.logs.FilterMessageSnippet("other models are configured").Len(); n != 1 {
					t.Errorf("the log says %d times that models have changed", n)
				}
			}
			s.stop()
		}
	}
	alone, beside := t.TempDir(), t.TempDir()
	lives(alone, attributesOnly, attributesOnly, attributesOnly)
	lives(beside, attributesOnly, sideBySide, attributesOnly)
	wantWhole(t, beside)
	if got, want := entriesOf(t, attributesOnly, beside, "ctr/"), entriesOf(t, attributesOnly, alone, "ctr/"); len(got) != len(want) {
		t.Errorf("%d entries of the champion, alone it has %d", len(got), len(want))
	}
	for _, key := range slices.Sorted(maps.Keys(entriesOf(t, attributesOnly, beside, ""))) {
		for _, gone := range []string{"next/", "dark/"} {
			if strings.Contains(key, gone) {
				t.Errorf("entry %q is left", key)
			}
		}
	}
	s, twin := startServer(t, attributesOnly, beside), startServer(t, attributesOnly, alone)
	if got, want := s.scores("u1", "a0", "b0", "a1"), twin.scores("u1", "a0", "b0", "a1"); !maps.Equal(got, want) {
		t.Errorf("scores %v, alone %v", got, want)
	}
	if got, want := s.status().head("click").Metrics, twin.status().head("click").Metrics; got.N != want.N || got.Positives != want.Positives {
		t.Errorf("metrics %+v, alone %+v", got, want)
	}
	if got, want := s.feedback("ctr", "click"), twin.feedback("ctr", "click"); got != want {
		t.Errorf("feedback %+v, alone %+v", got, want)
	}
}

func TestAModelThatIsChangedBeginsAnewAndTheOthersStay(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, sideBySide, data)
	s.after(s.write("/v1/items", catalogue(5)))
	visit(s, 0, 12)
	see(s, "a")
	s.want(http.StatusOK, nil, "PATCH", "/admin/v1/models/next", `{"frozen":true}`)
	s.want(http.StatusOK, nil, "PATCH", "/admin/v1/models/dark", `{"refresh":"1h"}`)
	s.stop()
	parts := map[string]map[string]dirty.Sum{}
	for _, model := range []string{"ctr/", "next/", "dark/"} {
		parts[model] = entriesOf(t, sideBySide, data, model)
	}

	dark := sideBySide[strings.Index(sideBySide, "  - name: dark"):strings.Index(sideBySide, "features:")]
	changed := strings.Replace(sideBySide, dark, "", 1)
	changed = strings.Replace(changed, "  - name: ctr", dark+"  - name: ctr", 1) // another order
	changed = strings.Replace(changed, "alpha: 0.1}", "alpha: 0.2}", 1)
	for range 2 { // the second time there is nothing to do
		for _, model := range []string{"ctr/", "dark/"} {
			got := entriesOf(t, changed, data, model)
			maps.DeleteFunc(got, func(key string, _ dirty.Sum) bool { return key[0] == 'o' })
			want := maps.Clone(parts[model])
			maps.DeleteFunc(want, func(key string, _ dirty.Sum) bool { return key[0] == 'o' })
			if !maps.Equal(got, want) {
				t.Errorf("%d entries of %s, before it %d", len(got), model, len(want))
			}
		}
	}
	s = startServer(t, changed, data)
	var list api.ModelList
	s.want(http.StatusOK, &list, "GET", "/admin/v1/models", "")
	for _, m := range list.Models {
		if m.Frozen || m.Name == "dark" && m.Refresh != "1h0m0s" && m.Refresh != "1h" {
			t.Errorf("%+v", m)
		}
		if n := m.Heads["click"].N; (n == 0) != (m.Name == "next") {
			t.Errorf("model %s was judged %d times", m.Name, n)
		}
	}
	click(s, "a")
	visit(s, 12, 20)
	if h := s.feedback("next", "click"); h.Absent != 14 || h.Positive+h.Pending != 8 || h.Late != 1 {
		t.Errorf("%+v", h)
	}
	s.stop()
	wantWhole(t, data)
}

// A move that is committed is there for good; one that is not has changed nothing.
func TestAMoveThatIsInterruptedHasChangedNothing(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, attributesOnly, data)
	s.after(s.write("/v1/items", catalogue(5)))
	visit(s, 0, 10)
	see(s, "a")
	s.stop()
	before := digestOf(t, attributesOnly, data)
	moved := copyOf(t, data)
	want := digestOf(t, sideBySide, moved)
	if want == before {
		t.Fatal("nothing was moved")
	}

	broken := copyOf(t, data)
	inDirectory(t, attributesOnly, broken, func(a *app) error {
		a.config = readConfig(t, sideBySide, broken)
		meta, _ := a.state.Latest()
		if !movable(meta, a.config) {
			t.Error("the state does not move")
		}
		cp := a.state.Begin() // as of a process that dies before the commit
		cp.Put([]byte("w"), []byte("x"), dirty.Sum{})
		cp.Abort()
		return nil
	})
	if got := digestOf(t, attributesOnly, broken); got != before {
		t.Errorf("digest %s, before it %s", got, before)
	}
	if got := digestOf(t, sideBySide, broken); got != want {
		t.Errorf("digest %s, at once %s", got, want)
	}
	if got := digestOf(t, attributesOnly, moved); got != before {
		t.Errorf("there and back: digest %s, before it %s", got, before)
	}
}

func TestOtherModelsOfAnotherFeedbackAreRefusedWithoutTheLog(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, attributesOnly, data)
	s.after(s.write("/v1/items", catalogue(5)))
	visit(s, 0, 10)
	s.stop()
	from := declare(readConfig(t, attributesOnly, data))
	for _, tc := range []struct {
		name, text string
		want       bool
	}{
		{"the same", attributesOnly, true},
		{"another model beside it", sideBySide, true},
		{"another model in its place", strings.Replace(attributesOnly, "name: ctr", "name: other", 1), false},
		{"another rate", strings.Replace(attributesOnly, "alpha: 0.3", "alpha: 0.2", 1), false},
		{"another model and another feedback", sideBySide + "feedback: {late_memory: 1h}\n", false},
	} {
		if got := from.moves(declare(readConfig(t, tc.text, data))); got != tc.want {
			t.Errorf("%s: moves: %v", tc.name, got)
		}
	}
	a, err := openApp(readConfig(t, sideBySide+"feedback: {late_memory: 1h}\n", data), zap.NewNop())
	if err = errors.Join(err, a.Close()); err != nil || a.engine.Applied().Offset(0) != 0 {
		t.Errorf("%v: it does not learn anew", err)
	}
}

// Where features change beside models, the models are moved first, and the features made as if they alone had changed.
func TestModelsAndFeaturesChangeTogether(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, attributesOnly, data)
	s.after(s.write("/v1/items", catalogue(5)))
	visit(s, 0, 20)
	see(s, "a")
	s.stop()
	both := strings.Replace(sideBySide, "features:\n", "features:\n  - {name: kind, kind: attribute, field: context.device}\n", 1)
	offline := copyOf(t, data)

	s = startServer(t, both, data)
	s.await("takeover", s.takenOver)
	click(s, "a")
	visit(s, 20, 30)
	s.stop()

	if out, errs, err := call(t, refillArgs(t, both, offline)...); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	s2 := startServer(t, both, offline)
	click(s2, "a")
	visit(s2, 20, 30)
	for name, s := range map[string]*inProcess{"live": s, "offline": s2} {
		if s.logs.FilterMessageSnippet("learning anew").Len() != 0 || s.logs.FilterMessageSnippet("damaged").Len() != 0 {
			t.Errorf("%s: %v", name, s.logs.All())
		}
	}
	if h := s2.feedback("next", "click"); h.Absent != 22 || h.Late != 1 {
		t.Errorf("%+v", h)
	}
	s2.stop()
	wantWhole(t, data)
	wantWhole(t, offline)
}
