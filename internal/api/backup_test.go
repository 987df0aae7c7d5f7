package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestABackupIsADownloadThatSaysWhatItIs(t *testing.T) {
	w := newWorld(t)
	w.backup = func(_ context.Context, out io.Writer) error {
		for _, part := range []string{"one ", "two"} {
			if n, err := io.WriteString(out, part); n != len(part) || err != nil {
				t.Errorf("wrote %d bytes: %v", n, err)
			}
		}
		return nil
	}
	rec := w.want(w.do("POST", "/admin/v1/backup", ""), http.StatusOK)
	if rec.Body.String() != "one two" || rec.Header().Get("Content-Type") != "application/octet-stream" ||
		rec.Header().Get("Content-Disposition") != `attachment; filename="recsvc-20261123T120000Z-0-1834.backup"` {
		t.Errorf("got %q, %v", rec.Body, rec.Header())
	}
	if got := backupName(now, strings.Repeat("0-1834.", 20)); got != "recsvc-20261123T120000Z.backup" {
		t.Errorf("with a long cursor it is called %q", got)
	}
	w.want(w.do("POST", "/admin/v1/backup", `{"incremental":true}`), http.StatusBadRequest)
}

func TestABackupThatFailsBeforeItsFirstByteIsAProblem(t *testing.T) {
	w := newWorld(t)
	for _, tc := range []struct {
		err    error
		status int
	}{
		{errors.New("disk on fire"), http.StatusInternalServerError},
		{fmt.Errorf("%w: no checkpoint yet", ErrUnavailable), http.StatusServiceUnavailable},
		{nil, http.StatusInternalServerError}, // an empty file is no backup
	} {
		w.backup = func(context.Context, io.Writer) error { return tc.err }
		w.want(w.do("POST", "/admin/v1/backup", ""), tc.status)
	}
}

func TestOneBackupIsTakenAtATime(t *testing.T) {
	w := newWorld(t)
	w.backup = func(_ context.Context, out io.Writer) error {
		w.want(w.do("POST", "/admin/v1/backup", ""), http.StatusConflict)
		_, err := io.WriteString(out, "whole")
		return err
	}
	for range 2 {
		w.want(w.do("POST", "/admin/v1/backup", ""), http.StatusOK)
	}
}

// startBackup serves with short time-outs and asks for a backup.
func startBackup(t *testing.T, w *world, limits timeouts) *http.Response {
	t.Helper()
	w.api.timeouts = limits
	addr, stop := start(t, w)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	resp, err := http.Post("http://"+addr+"/admin/v1/backup", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// The time-outs are those of a whole request and answer, here and in production; a backup takes as long as it takes.
func TestABackupMayTakeLongerThanTheServersTimeouts(t *testing.T) {
	w := newWorld(t)
	limits := timeouts{header: time.Second, read: 100 * time.Millisecond, write: 200 * time.Millisecond, idle: time.Minute}
	part := bytes.Repeat([]byte("x"), 100<<10)
	w.backup = func(ctx context.Context, out io.Writer) error {
		for range 5 {
			if _, err := out.Write(part); err != nil {
				return err
			}
			select {
			case <-time.After(limits.read):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		_, err := out.Write(part)
		return err
	}
	got, err := io.ReadAll(startBackup(t, w, limits).Body)
	if err != nil || len(got) != 6*len(part) {
		t.Errorf("got %d bytes: %v", len(got), err)
	}
}

func TestABackupThatBreaksOffIsNotTakenForAWholeOne(t *testing.T) {
	w := newWorld(t)
	w.backup = func(_ context.Context, out io.Writer) error {
		_, err := out.Write(make([]byte, 64<<10))
		return errors.Join(err, errors.New("disk on fire"))
	}
	if got, err := io.ReadAll(startBackup(t, w, defaultTimeouts).Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the client read %d bytes and then %v", len(got), err)
	}
	w.backup = func(_ context.Context, out io.Writer) error {
		_, err := io.WriteString(out, "whole")
		return err
	}
	w.want(w.do("POST", "/admin/v1/backup", ""), http.StatusOK)
	if n := w.counter("recsvc_http_backups_total"); n != 2 {
		t.Errorf("%v backups counted, want 2", n)
	}
}

func TestAClientThatTakesNothingDoesNotHoldTheBackup(t *testing.T) {
	w := newWorld(t)
	ended := make(chan error, 1)
	w.backup = func(_ context.Context, out io.Writer) error {
		part := make([]byte, 1<<20)
		for {
			if _, err := out.Write(part); err != nil {
				ended <- err
				return err
			}
		}
	}
	startBackup(t, w, timeouts{header: time.Second, read: time.Second, write: 50 * time.Millisecond, idle: time.Minute})
	var late net.Error
	if err := <-ended; !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("it ended with %v", err)
	}
}
