package api

import (
	"net/http"
	"strings"
	"testing"
)

var testKeys = []Key{
	{Name: "reader", Key: "reader-key-0123456789", Roles: RoleRead},
	{Name: "writer", Key: "writer-key-0123456789", Roles: RoleWrite},
	{Name: "both", Key: "both-key-0123456789", Roles: RoleRead | RoleWrite},
	{Name: "admin", Key: "admin-key-0123456789", Roles: RoleAdmin},
}

func TestEachRoleOpensItsRoutesOnly(t *testing.T) {
	w := newWorld(t, withKeys(testKeys...))
	for _, rt := range w.api.routes() {
		path := strings.NewReplacer("{item}", "i1", "{user}", "u1", "{id}", "s1", "{scope}", "user", "{key}", "u1").Replace(rt.path)
		may := map[string]bool{"": open[path], "admin": true}
		switch {
		case open[path]:
			may["reader"], may["writer"], may["both"] = true, true, true
		case strings.HasPrefix(path, "/admin"):
		case rt.method == "GET" || path == "/v1/rank" || path == "/v1/recommendations" || path == "/v1/features":
			may["reader"], may["both"] = true, true
		default:
			may["writer"], may["both"] = true, true
		}
		for _, key := range append([]Key{{}}, testKeys...) {
			var headers []string
			denied := http.StatusForbidden
			if key.Name == "" {
				denied = http.StatusUnauthorized
			} else {
				headers = []string{"Authorization", "Bearer " + key.Key}
			}
			rec := w.do(rt.method, path, "", headers...)
			if got := rec.Code != http.StatusUnauthorized && rec.Code != http.StatusForbidden; got != may[key.Name] {
				t.Errorf("%s %s with %q: status %d", rt.method, path, key.Name, rec.Code)
			}
			if !may[key.Name] && rec.Code != denied {
				t.Errorf("%s %s with %q: status %d, want %d", rt.method, path, key.Name, rec.Code, denied)
			}
		}
	}
}

func TestARefusalTellsNothingOfTheRoute(t *testing.T) {
	w := newWorld(t, withKeys(testKeys...))
	for _, tc := range []struct {
		name    string
		headers []string
		paths   []string
		status  int
	}{
		{"no key", nil, []string{"/v1/events", "/v1/nothing", "/admin/v1/status", "/admin/v9", "/elsewhere", "/v1/../admin/v1/status"}, 401},
		{"unknown key", []string{"Authorization", "Bearer nobody-knows-this-key"}, []string{"/v1/events", "/admin/v1/status", "/x"}, 401},
		{"wrong role", []string{"Authorization", "Bearer " + testKeys[0].Key}, []string{"/admin/v1/status", "/admin/v1/nothing", "/adminx"}, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			first := w.want(w.do("GET", tc.paths[0], "", tc.headers...), tc.status)
			for _, path := range tc.paths[1:] {
				rec := w.want(w.do("GET", path, "", tc.headers...), tc.status)
				if rec.Body.String() != first.Body.String() {
					t.Errorf("%s: %s\nwant %s", path, rec.Body, first.Body)
				}
			}
		})
	}
}

func TestOnlyOneBearerHeaderCounts(t *testing.T) {
	w := newWorld(t, withKeys(testKeys...))
	key := testKeys[3].Key
	for _, headers := range [][]string{
		{"Authorization", key},
		{"Authorization", "Basic " + key},
		{"Authorization", "Bearer"},
		{"Authorization", "Bearer " + key + " " + key},
		{"Authorization", "Bearer " + key, "Authorization", "Bearer " + key},
		{"X-Api-Key", key},
		{"Cookie", "key=" + key},
	} {
		w.want(w.do("GET", "/admin/v1/status", "", headers...), http.StatusUnauthorized)
	}
	w.want(w.do("GET", "/admin/v1/status?key="+key, ""), http.StatusUnauthorized)
	rec := w.want(w.do("GET", "/admin/v1/status", "", "Authorization", "bearer "+key), http.StatusOK)
	if rec.Header().Get("WWW-Authenticate") != "" {
		t.Error("a challenge on a good answer")
	}
}

func TestEncodedPathsDoNotSlipPastTheRoles(t *testing.T) {
	w := newWorld(t, withKeys(testKeys...))
	for _, path := range []string{"/%61dmin/v1/status", "/admin%2Fv1/status", "//admin/v1/status", "/healthz/../admin/v1/status", "/.%2Fadmin/v1/status"} {
		rec := w.do("GET", path, "", "Authorization", "Bearer "+testKeys[0].Key)
		if rec.Code == http.StatusOK {
			t.Errorf("%s: a reader got in", path)
		}
		if rec := w.do("GET", path, ""); rec.Code != http.StatusUnauthorized {
			t.Errorf("%s without a key: status %d", path, rec.Code)
		}
	}
}

func TestWithoutKeysOnlyThisMachineIsAnswered(t *testing.T) {
	w := newWorld(t)
	for host, ok := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:8080": true, "[::1]:8080": true, "localhost": true, "127.1.2.3": true,
		"evil.example": false, "10.0.0.1:8080": false, "localhost.evil.example:8080": false, "": false,
	} {
		r := newRequest("GET", "/healthz")
		r.Host = host
		rec := serve(w, r)
		if got := rec.Code == http.StatusOK; got != ok {
			t.Errorf("host %q: status %d", host, rec.Code)
		}
	}
	for _, tc := range []struct {
		method, header, value string
		ok                    bool
	}{
		{"POST", "Sec-Fetch-Site", "cross-site", false},
		{"POST", "Sec-Fetch-Site", "same-site", false},
		{"POST", "Sec-Fetch-Site", "same-origin", true},
		{"POST", "Origin", "https://evil.example", false},
		{"POST", "Origin", "http://127.0.0.1:8080", true},
		{"GET", "Sec-Fetch-Site", "cross-site", true}, // the browser keeps the answer from the page
	} {
		rec := w.do(tc.method, "/v1/recommendations", "", tc.header, tc.value)
		if got := rec.Code != http.StatusForbidden; got != tc.ok {
			t.Errorf("%s with %s %s: status %d", tc.method, tc.header, tc.value, rec.Code)
		}
	}
}

func TestWithoutKeysOnlyLoopbackIsListenedOn(t *testing.T) {
	for _, tc := range []struct {
		addr string
		keys int
		ok   bool
	}{
		{"127.0.0.1:8080", 0, true}, {"localhost:0", 0, true}, {"[::1]:80", 0, true},
		{":8080", 0, false}, {"0.0.0.0:8080", 0, false}, {"[::]:8080", 0, false}, {"10.0.0.1:80", 0, false}, {"example.org:80", 0, false},
		{":8080", 1, true}, {"0.0.0.0:8080", 2, true}, {"nonsense", 1, false},
	} {
		if err := CheckListen(tc.addr, tc.keys); (err == nil) != tc.ok {
			t.Errorf("%s with %d keys: %v", tc.addr, tc.keys, err)
		}
	}
}

func TestAKeyNeedsARole(t *testing.T) {
	for _, key := range []Key{{Name: "a", Key: "x"}, {Name: "b", Roles: RoleRead}} {
		if _, err := newKeyring([]Key{key}); err == nil {
			t.Errorf("%+v was taken", key)
		}
	}
	if _, err := ParseRole("root"); err == nil {
		t.Error("root is a role")
	}
}
