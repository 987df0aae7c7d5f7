package main

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"recsvc/internal/api"
)

// sideBySide has a champion, a challenger that learns more slowly, and a shadow.
var sideBySide = strings.Replace(attributesOnly, `
models:
  - name: ctr
    bits: 14
    heads: [{name: click, positive: [{type: click}], alpha: 0.3}]
`, `
models:
  - name: ctr
    bits: 14
    heads: [{name: click, positive: [{type: click}], alpha: 0.3}]
  - name: next
    bits: 12
    heads: [{name: click, positive: [{type: click}], alpha: 0.1}, {name: like, positive: [like]}]
  - name: dark
    role: shadow
    bits: 12
    heads: [{name: click, positive: [{type: click}], alpha: 0.01}]
`, 1)

func TestAPromotedModelServesAndItsNameIsInTheAnswers(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, sideBySide, data)
	s.after(s.write("/v1/items", catalogue(5)))
	for range 5 {
		s.after(s.events(fields{"type": "exposure", "user": "u1", "item": "a0"}, fields{"type": "click", "user": "u1", "item": "a0"}))
	}
	before := s.scores("u1", "a0", "b0")
	if l := s.recommend("user", "u1"); !strings.HasPrefix(l.Model, "ctr@") {
		t.Errorf("model %q", l.Model)
	}
	for name, status := range map[string]int{"gone": http.StatusNotFound, "dark": http.StatusConflict, "ctr": http.StatusOK} {
		s.want(status, nil, "POST", "/admin/v1/models/"+name+"/promote", "")
	}
	var promoted api.ModelStatus
	s.want(http.StatusOK, &promoted, "POST", "/admin/v1/models/next/promote", `{"reason":"to see","force":true}`)
	if promoted.Role != "champion" || promoted.Name != "next" {
		t.Errorf("%+v", promoted)
	}
	check := func(s *inProcess) {
		t.Helper()
		if l := s.recommend("user", "u1"); !strings.HasPrefix(l.Model, "next@") {
			t.Errorf("model %q", l.Model)
		}
		if maps.Equal(s.scores("u1", "a0", "b0"), before) {
			t.Error("the scores are those of the former champion")
		}
		var list api.ModelList
		s.want(http.StatusOK, &list, "GET", "/admin/v1/models", "")
		var roles []string
		for _, m := range list.Models {
			roles = append(roles, m.Name+" "+m.Role)
		}
		if got := strings.Join(roles, ", "); got != "next champion, ctr challenger, dark shadow" {
			t.Error(got)
		}
	}
	check(s)
	if skewed := s.metric("recsvc_engine_serving_skew_total", ""); skewed != 0 {
		t.Errorf("%v served scores differ from those at capture", skewed)
	}
	s.stop()
	check(startServer(t, sideBySide, data))
}

func TestAFrozenModelStaysAsItIs(t *testing.T) {
	s := startServer(t, sideBySide, t.TempDir())
	s.after(s.write("/v1/items", catalogue(5)))
	learn := func() {
		s.after(s.events(fields{"type": "exposure", "user": "u1", "item": "a0"}, fields{"type": "click", "user": "u1", "item": "a0"}))
	}
	learn()
	var frozen api.ModelStatus
	s.want(http.StatusOK, &frozen, "PATCH", "/admin/v1/models/ctr", `{"frozen":true,"reason":"a look"}`)
	before := s.scores("u1", "a0", "b0")
	learn()
	if after := s.scores("u1", "a0", "b0"); !maps.Equal(before, after) || !frozen.Frozen {
		t.Errorf("frozen: %v, scores %v became %v", frozen.Frozen, before, after)
	}
	s.want(http.StatusOK, nil, "PATCH", "/admin/v1/models/ctr", `{"frozen":false}`)
	learn()
	if maps.Equal(before, s.scores("u1", "a0", "b0")) {
		t.Error("it does not learn again")
	}
	s.want(http.StatusNotFound, nil, "PATCH", "/admin/v1/models/gone", `{"frozen":false}`)
	s.want(http.StatusBadRequest, nil, "PATCH", "/admin/v1/models/ctr", `{"alpha":{"dwell":0.1}}`)
	s.want(http.StatusBadRequest, nil, "PATCH", "/admin/v1/models/ctr", `{"alpha":{"none":0}}`)
	s.want(http.StatusBadRequest, nil, "PATCH", "/admin/v1/models/ctr", `{"refresh":"sometimes"}`)
	for body, says := range map[string]string{
		`{"alpha":{"dwell":0.1}}`: `"alpha: model \"ctr\" has no head \"dwell\""`, // the title says that it is a bad request
		`{"alpha":{"click":-1}}`:  `"alpha/click: must be a number from 1e-9 to 1e6"`,
	} {
		if status, answer := s.do("PATCH", "/admin/v1/models/ctr", body); status != http.StatusBadRequest || !strings.Contains(string(answer), `"detail":`+says) {
			t.Errorf("%s: %d %s, want %s", body, status, answer, says)
		}
	}
}

func TestTheModelsThatHaveChangedAreNamed(t *testing.T) {
	was := declare(readConfig(t, sideBySide, t.TempDir()))
	for _, tc := range []struct{ name, from, to, want string }{
		{"nothing", "bits: 14", "bits: 14", ""},
		{"a rate", "alpha: 0.1}", "alpha: 0.2}", "next"},
		{"a name", "name: dark", "name: night", "dark, night"},
		{"who serves, and how often one publishes", "role: shadow", "refresh: 1h", ""},
	} {
		is := declare(readConfig(t, strings.Replace(sideBySide, tc.from, tc.to, 1), t.TempDir()))
		if got := strings.Join(was.changedModels(is), ", "); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
