package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Role is what a key allows.
type Role uint8

// The roles, to be or-ed together.
const (
	RoleRead  Role = 1 << iota // every GET under /v1, recommendations, rank and features
	RoleWrite                  // events, items, users
	RoleAdmin                  // everything
)

// Key lets a client in.
type Key struct {
	Name  string // for logs
	Key   string
	Roles Role
}

// ParseRole reads read, write or admin.
func ParseRole(s string) (Role, error) {
	switch s {
	case "read":
		return RoleRead, nil
	case "write":
		return RoleWrite, nil
	case "admin":
		return RoleAdmin, nil
	}
	return 0, fmt.Errorf("role %q is none of read, write, admin", s)
}

// keyring finds keys by their digests: all are compared, each in constant time, so that timing tells nothing.
type keyring struct{ entries []keyEntry }

type keyEntry struct {
	digest [sha256.Size]byte
	name   string
	roles  Role
}

func newKeyring(keys []Key) (*keyring, error) {
	k := &keyring{}
	for _, key := range keys {
		if key.Key == "" || key.Roles == 0 {
			return nil, fmt.Errorf("key %q: needs a key and a role", key.Name)
		}
		k.entries = append(k.entries, keyEntry{digest: sha256.Sum256([]byte(key.Key)), name: key.Name, roles: key.Roles})
	}
	return k, nil
}

func (k *keyring) find(key string) (name string, roles Role, ok bool) {
	digest := sha256.Sum256([]byte(key))
	for i := range k.entries {
		e := &k.entries[i]
		if subtle.ConstantTimeCompare(digest[:], e.digest[:]) == 1 {
			name, roles, ok = e.name, e.roles, true
		}
	}
	return name, roles, ok
}

// open are the paths that need no key. Everything else does, whether it exists or not.
var open = map[string]bool{
	"/": true, "/page/app.js": true, "/page/app.css": true, "/page/users.json": true, "/favicon.ico": true,
	"/healthz": true, "/readyz": true, "/metrics": true, "/openapi.json": true,
}

// needs is the role that a request asks for, from its method and path alone.
func needs(method, path string) Role {
	switch {
	case strings.HasPrefix(path, "/admin"):
		return RoleAdmin
	case method == http.MethodGet, method == http.MethodHead:
		return RoleRead
	case method == http.MethodPost && (path == "/v1/recommendations" || path == "/v1/rank" || path == "/v1/features"):
		return RoleRead
	}
	return RoleWrite
}

// The refusals say nothing about the route.
var (
	errNoKey   = faultf(http.StatusUnauthorized, "a valid key is needed: Authorization: Bearer KEY")
	errRole    = faultf(http.StatusForbidden, "the key's roles do not allow this")
	errForeign = faultf(http.StatusForbidden, "without keys this server answers this machine only; configure keys to open it")
)

// admit decides whether the request may go on, and under which name.
func (a *API) admit(w *response, r *http.Request) *fault {
	if len(a.keys.entries) == 0 {
		return a.admitLocal(r)
	}
	if open[r.URL.Path] {
		return nil
	}
	// One header, one scheme, one key: a second header could be read differently by a proxy in front.
	values := r.Header["Authorization"]
	if len(values) == 1 {
		scheme, key, _ := strings.Cut(values[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			if name, roles, ok := a.keys.find(strings.TrimSpace(key)); ok {
				w.key = name
				if need := needs(r.Method, r.URL.Path); roles&(need|RoleAdmin) == 0 {
					return errRole
				}
				return nil
			}
		}
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="recsvc"`)
	return errNoKey
}

// admitLocal guards a server without keys against web pages: those of other origins, and those that had a name of
// theirs resolve to this machine (DNS rebinding).
func (a *API) admitLocal(r *http.Request) *fault {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if !loopback(host) || a.local.Check(r) != nil {
		return errForeign
	}
	return nil
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// CheckListen refuses an address that others can reach while there are no keys.
func CheckListen(addr string, keys int) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", addr, err)
	}
	if keys == 0 && !loopback(host) {
		return fmt.Errorf("listen address %q: %w", addr, errOpenWithoutKeys)
	}
	return nil
}

var errOpenWithoutKeys = errors.New("without keys only a loopback address is allowed, such as 127.0.0.1:8080; configure keys (or set RECSVC_KEY) to listen on others")
