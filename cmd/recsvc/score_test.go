package main

import (
	"slices"
	"strings"
	"testing"

	"recsvc/internal/api"
)

// byValue ranks by what a click is worth.
var byValue = strings.Replace(attributesOnly, "    bits: 14\n", "    bits: 14\n    score: p.click * item.price\n", 1)

func TestListsAreRankedByTheConfiguredScore(t *testing.T) {
	s := startServer(t, byValue, t.TempDir())
	s.after(s.write("/v1/items", list2json([]fields{
		{"item": "cheap", "price": 1, "created": "2026-01-01T00:00:00Z"}, {"item": "dear", "price": 100, "created": "2026-01-01T00:00:00Z"},
		{"item": "priceless", "created": "2026-01-01T00:00:00Z"},
	})))
	var l api.List
	s.want(200, &l, "POST", "/v1/rank", `{"user":"u1","candidates":[{"item":"priceless"},{"item":"cheap"},{"item":"dear"}],"explain":true}`)
	if l.Items[0].Item != "dear" || l.Items[0].Score != 50 || l.Items[1].Score != 0.5 || l.Items[2].Item != "priceless" {
		t.Errorf("%+v", l.Items)
	}
	if !slices.Equal(l.Degraded, []string{"score"}) {
		t.Errorf("degraded %q", l.Degraded)
	}
	for i, it := range l.Items {
		if it.Explain.Formula != "p.click * item.price" || it.Explain.Heads["click"].P != 0.5 || slices.Contains(it.Explain.Rules, "unscored") != (i == 2) {
			t.Errorf("%s: %+v", it.Item, it.Explain)
		}
	}
	if n := s.metric("recsvc_rank_degraded_total", `"score"`); n < 1 {
		t.Errorf("%v lists degraded", n)
	}
	s.want(200, &l, "POST", "/v1/rank", `{"user":"u1","candidates":[{"item":"cheap"},{"item":"dear"}]}`)
	s.after(l.Cursor)
	if skewed, served := s.metric("recsvc_engine_serving_skew_total", ""), s.server.engine.Status().Served; skewed != 0 || served != 4 {
		t.Errorf("%v of %d served scores differ from those at capture", skewed, served)
	}
}

func TestAScoreThatCannotBeIsRefusedAtItsPlace(t *testing.T) {
	for score, want := range map[string]string{
		"p.like":      `models[0].score: model "ctr": `,
		"dwell":       `a score has p.HEAD, of click, and item.FIELD`,
		"p.click * (": `models[0].score`,
	} {
		_, err := loadConfig(writeConfig(t, strings.Replace(byValue, "p.click * item.price", score, 1)), nil)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "recsvc.yaml:9:12: ") {
			t.Errorf("%s: %v", score, err)
		}
	}
}
