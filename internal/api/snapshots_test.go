package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"testing"
)

func TestASnapshotsContentIsADownloadWithItsChecksum(t *testing.T) {
	w := newWorld(t)
	w.want(w.do("POST", "/admin/v1/snapshots", `{}`), http.StatusCreated)
	rec := w.want(w.do("GET", "/admin/v1/snapshots/s1/content", ""), http.StatusOK)
	sum := sha256.Sum256([]byte(fakeContent))
	h := rec.Header()
	if rec.Body.String() != fakeContent || h.Get("Content-Type") != "application/octet-stream" || h.Get("Content-Length") != "18" ||
		h.Get("Repr-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":" || h.Get("X-Recsvc-Sha256") != hex.EncodeToString(sum[:]) ||
		h.Get("Content-Disposition") != `attachment; filename="s1.snapshot"` {
		t.Errorf("got %q, %v", rec.Body, h)
	}
	w.want(w.do("GET", "/admin/v1/snapshots/none/content", ""), http.StatusNotFound)
	w.want(w.do("GET", "/admin/v1/snapshots/.x/content", ""), http.StatusBadRequest)
}

func TestAnImportIsKeptOnceAndOnlyWhole(t *testing.T) {
	w := newWorld(t)
	sum := sha256.Sum256([]byte(fakeContent))
	path := "/admin/v1/snapshots/import"
	w.want(w.do("POST", path, fakeContent[1:]), http.StatusBadRequest)
	w.want(w.do("POST", path+"?sha256=00", fakeContent), http.StatusBadRequest)
	w.want(w.do("POST", path+"?sha256="+hex.EncodeToString(make([]byte, 32)), fakeContent), http.StatusBadRequest)
	rec := w.want(w.do("POST", path+"?sha256="+hex.EncodeToString(sum[:]), fakeContent), http.StatusCreated)
	if got := rec.Header().Get("Location"); got != "/admin/v1/snapshots/imported" {
		t.Errorf("it is at %q", got)
	}
	w.want(w.do("POST", path, fakeContent), http.StatusOK)
	w.want(w.do("GET", "/admin/v1/snapshots/imported", ""), http.StatusOK)
}
