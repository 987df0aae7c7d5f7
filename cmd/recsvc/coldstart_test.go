package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAServerWhoseDiskIsGoneStartsFromItsCopy(t *testing.T) {
	copies, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	text := vaultConfig(copies)
	s := startServer(t, text, data)
	s.write("/v1/items", catalogue(2))
	visit(s, 0, 5)
	before := s.status()
	copyNow(t, s, time.Now())
	s.stop()
	removeAll(t, data)

	file := writeConfig(t, text)
	p := spawn(t, "serve", "-config", file, "-data", data)
	s = &inProcess{client: newClient(t, p.url)}
	if after := s.status(); after.Counts != before.Counts || after.Cursor != before.Cursor {
		t.Errorf("%+v at %s, before %+v at %s", after.Counts, after.Cursor, before.Counts, before.Cursor)
	}
	if n := s.metric("recsvc_backup_copies", ""); n != 1 {
		t.Errorf("it knows of %v copies", n)
	}
	visit(s, 5, 10)
	before = s.status()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // "signal: killed"
	if !strings.Contains(p.stderr.String(), "restored a backup") {
		t.Errorf("nothing is said of it: %s", p.stderr.String())
	}

	p = spawn(t, "serve", "-config", file, "-data", data) // from here on it is a disk like any other
	s = &inProcess{client: newClient(t, p.url)}
	if after := s.status(); after.Counts != before.Counts {
		t.Errorf("%+v, before it was killed %+v", after.Counts, before.Counts)
	}
	if err := errors.Join(p.cmd.Process.Signal(os.Interrupt), p.cmd.Wait()); err != nil {
		t.Errorf("%v: %s", err, p.stderr.String())
	}
}

func TestABackupOverHTTPCanBeRestored(t *testing.T) {
	s := startServer(t, smallConfig, t.TempDir())
	s.write("/v1/items", catalogue(3))
	visit(s, 0, 10)
	r, err := s.http.Post(s.url+"/admin/v1/backup", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	backup, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", r.StatusCode, err)
	}
	want := s.status().Counts
	s.stop()
	data, _ := restoreTo(t, backup, smallConfig)
	if got := startServer(t, smallConfig, data).status().Counts; got != want {
		t.Errorf("%+v, the server had %+v", got, want)
	}
}
