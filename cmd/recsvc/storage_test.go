package main

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// bucketConfig is attributesOnly with copies in a bucket of an object storage in this process.
func bucketConfig(t *testing.T) string {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
	backend := s3mem.New()
	if err := backend.CreateBucket("copies"); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(s.Close)
	return attributesOnly + fmt.Sprintf("backup: {every: 7d, restore_on_empty: true, to: {s3: {endpoint: %q, bucket: copies, prefix: eu/1, region: us-east-1, tls: false}}}\n",
		s.Listener.Addr().String())
}

func TestACopyInObjectStorageIsFoundByItsAddressAndAsTheNewest(t *testing.T) {
	text := bucketConfig(t)
	s := startServer(t, text, t.TempDir())
	s.write("/v1/items", catalogue(2))
	visit(s, 0, 5)
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	copyNow(t, s, at)
	want := s.status().Cursor
	s.stop()
	file := writeConfig(t, text)
	for _, from := range []string{"newest", "s3://copies/eu/1/" + backupCopyName(at)} {
		out, errs, err := call(t, "restore", "-from", from, "-data", filepath.Join(t.TempDir(), "data"), "-config", file)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v: %s%s", from, err, out, errs)
		}
	}
	_, _, err := call(t, "restore", "-from", "s3://copies/eu/1/none.backup", "-data", t.TempDir(), "-config", file)
	if err == nil || !strings.Contains(err.Error(), "no such copy") {
		t.Errorf("one that is not there: %v", err)
	}
	data := filepath.Join(t.TempDir(), "data")
	if ok, err := restoreNewest(t.Context(), readConfig(t, text, data), nopLog); !ok || err != nil {
		t.Error(errors.Join(err, fmt.Errorf("restored: %v", ok)))
	}
}
