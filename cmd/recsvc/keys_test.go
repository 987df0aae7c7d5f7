package main

import (
	"errors"
	"strings"
	"testing"

	"recsvc/internal/config"
)

const keyed = smallConfig + `
keys:
  - {name: shop, key: shop-shop-shop-shop, roles: [read]}
  - {name: feed, key_env: FEED_KEY, roles: [write]}
  - {name: ops, key: ops-ops-ops-ops-ops, roles: [admin]}
`

func TestKeysLetInByTheirRoles(t *testing.T) {
	t.Setenv("FEED_KEY", "feed-feed-feed-feed")
	s := startServer(t, keyed, t.TempDir())
	const item, none = `{"item":"i1"}`, ""
	for _, tc := range []struct {
		key, method, path, body string
		want                    int
	}{
		{none, "GET", "/healthz", "", 200},
		{none, "GET", "/readyz", "", 200},
		{none, "GET", "/metrics", "", 200},
		{none, "GET", "/v1/recommendations", "", 401},
		{none, "POST", "/v1/items", item, 401},
		{none, "GET", "/admin/v1/status", "", 401},
		{"wrong-wrong-wrong-wrong", "GET", "/v1/recommendations", "", 401},
		{"shop-shop-shop-shop", "GET", "/v1/recommendations", "", 200},
		{"shop-shop-shop-shop", "POST", "/v1/recommendations", `{}`, 200},
		{"shop-shop-shop-shop", "POST", "/v1/items", item, 403},
		{"shop-shop-shop-shop", "GET", "/admin/v1/status", "", 403},
		{"feed-feed-feed-feed", "POST", "/v1/items", item, 202},
		{"feed-feed-feed-feed", "GET", "/v1/items/i1", "", 403},
		{"feed-feed-feed-feed", "DELETE", "/v1/items/i1", "", 202},
		{"feed-feed-feed-feed", "POST", "/admin/v1/snapshots", `{}`, 403},
		{"ops-ops-ops-ops-ops", "POST", "/v1/items", item, 202},
		{"ops-ops-ops-ops-ops", "GET", "/v1/recommendations", "", 200},
		{"ops-ops-ops-ops-ops", "GET", "/admin/v1/status", "", 200},
	} {
		if got, b := s.do(tc.method, tc.path, tc.body, "Authorization", "Bearer "+tc.key); got != tc.want {
			t.Errorf("%s %s with key %q: %d, want %d: %s", tc.method, tc.path, tc.key, got, tc.want, b)
		}
	}
}

func TestAKeyThatTheEnvironmentLacksIsNamed(t *testing.T) {
	t.Setenv("FEED_KEY", "")
	_, _, err := call(t, "serve", "-config", writeConfig(t, keyed), "-data", t.TempDir())
	var at *config.Error
	if !errors.As(err, &at) || at.Line == 0 || at.Key != "keys[1].key_env" || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
}
