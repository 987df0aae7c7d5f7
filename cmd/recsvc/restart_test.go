package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"recsvc/internal/engine"
)

// visit makes some users see and click some items.
func visit(s *inProcess, from, to int) (cursor string) {
	s.t.Helper()
	for i := from; i < to; i++ {
		user, item := fmt.Sprintf("u%d", i%3), fmt.Sprintf("%c%d", "ab"[i%2], i%5)
		id := fmt.Sprint(i)
		list := []fields{{"type": "exposure", "user": user, "item": item, "id": "x" + id}}
		if i%3 == 0 {
			list = append(list, fields{"type": "click", "user": user, "item": item, "id": "c" + id})
		}
		cursor = s.events(list...)
	}
	s.after(cursor)
	return cursor
}

func TestARestartGoesOnWhereTheServerStopped(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, smallConfig, data)
	s.write("/v1/items", catalogue(5))
	visit(s, 0, 20)
	scores, before := s.scores("u1", "a1", "b1"), s.status()
	s.stop()

	s = startServer(t, smallConfig, data)
	after := s.status()
	if after.Counts != before.Counts || after.Cursor != before.Cursor || after.head("click").N != before.head("click").N {
		t.Errorf("the status was %+v and is %+v", before, after)
	}
	if n := s.logs.FilterMessageSnippet("learning anew").Len(); n != 0 {
		t.Error("it learned anew under the same definitions")
	}
	if got := s.scores("u1", "a1", "b1"); got["a1"] == 0.5 || (got["a1"] > got["b1"]) != (scores["a1"] > scores["b1"]) {
		t.Errorf("scores were %v and are %v", scores, got)
	}
	visit(s, 15, 30) // some of it again
	if c := s.status().Counts; c.Duplicate != 7 {
		t.Errorf("%+v, want 7 duplicates", c)
	}
	s.stop()
	if got, want := digestOf(t, smallConfig, data), relearned(t, smallConfig, data); got != want {
		t.Errorf("digest %s, an uninterrupted server has %s", got, want)
	}
}

func TestOtherHeadsAreLearnedAnewFromTheLog(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, smallConfig, data)
	s.write("/v1/items", catalogue(5))
	visit(s, 0, 30)
	counts, n := s.status().Counts, s.status().head("click")
	s.stop()

	changed := strings.Replace(smallConfig, "alpha: 0.3", "alpha: 0.2", 1)
	s = startServer(t, changed, data)
	s.after(s.events(fields{"type": "view", "user": "u1", "item": "a1"}))
	after := s.status()
	if after.Counts.Applied < counts.Applied+1 || after.head("click").Positives != n.Positives {
		t.Errorf("counted %+v and %+v, then %+v and %+v", counts, n, after.Counts, after.head("click"))
	}
	if s.logs.FilterMessageSnippet("learning anew").Len() != 1 {
		t.Errorf("the log does not say that it learned anew: %v", s.logs.All())
	}
	s.stop()
	if got, want := digestOf(t, changed, data), relearned(t, changed, data); got != want {
		t.Errorf("digest %s, an uninterrupted server has %s", got, want)
	}
}

func TestADirectoryBelongsToOneServer(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, smallConfig, data)
	_, err := openServer(readConfig(t, smallConfig, data), zap.NewNop(), nil)
	if err == nil || !strings.Contains(err.Error(), data) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second server on the same directory: %v", err)
	}
	s.after(s.events(fields{"type": "enter", "user": "u1"})) // the first one does not notice
}

func TestADirectoryOfSomethingElseIsLeftAlone(t *testing.T) {
	for name, file := range map[string]string{"a stranger's": "notes.txt", "one of another version": marker} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte("something else"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range [][]string{
			{"serve", "-listen", "127.0.0.1:0", "-data", dir},
			{"replay", "-data", dir, "-from", "none.jsonl"},
			{"demo", "-listen", "127.0.0.1:0", "-data", dir},
		} {
			if _, _, err := call(t, command...); err == nil || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s in %s directory: %v", command[0], name, err)
			}
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%s directory holds %v, %v", name, entries, err)
		}
	}
}

func TestOtherFeaturesWithoutTheWholeLogAreRefused(t *testing.T) {
	text, data := smallConfig+"log: {segment_bytes: 1MiB, retain_bytes: 1MiB}\n", t.TempDir()
	s := startServer(t, text, data)
	search := fields{"type": "search", "user": "u1", "text": strings.Repeat("word ", 40_000)}
	for range 3 {
		for range 8 {
			s.events(search)
		}
		s.after(s.events(fields{"type": "exposure", "user": "u1", "item": "i1"}, fields{"type": "click", "user": "u1", "item": "i1"}))
		s.want(http.StatusOK, nil, "POST", "/admin/v1/checkpoint", "")
	}
	click, cursor := s.status().head("click"), s.status().Cursor
	s.stop()
	changed := strings.Replace(text, "window: 5m, slide: 30s", "window: 10m, slide: 1m", 1)
	_, err := openServer(readConfig(t, changed, data), zap.NewNop(), nil)
	if !errors.Is(err, engine.ErrDefinitions) || !strings.Contains(err.Error(), "no longer holds everything") {
		t.Errorf("new definitions without the whole log: %v", err)
	}
	s = startServer(t, text, data) // nothing is lost
	if got := s.status(); got.Cursor != cursor || got.head("click").N != click.N {
		t.Errorf("at %s with %+v, was at %s with %+v", got.Cursor, got.head("click"), cursor, click)
	}
}
