package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestOnlyA200IsHealthy(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			http.Error(w, "loading state", http.StatusServiceUnavailable)
		}
	}))
	if err := ask(srv.URL + "/healthz"); err != nil {
		t.Errorf("a 200 answer: %v", err)
	}
	if err := ask(srv.URL + "/readyz"); err == nil || !strings.Contains(err.Error(), "loading state") {
		t.Errorf("a 503 answer: got %v, want its reason", err)
	}
	srv.Close()
	if err := ask(srv.URL + "/healthz"); err == nil {
		t.Error("a server that is gone counts as healthy")
	}
}
