package main

import (
	"net/http"
	"testing"

	"recsvc/internal/api"
)

func (c *client) letters() []api.DeadLetter {
	c.t.Helper()
	var list api.DeadLetterList
	c.want(http.StatusOK, &list, "GET", "/admin/v1/dead-letters", "")
	return list.DeadLetters
}

func (c *client) retry(body string) (done api.LettersRetried) {
	c.t.Helper()
	c.want(http.StatusOK, &done, "POST", "/admin/v1/dead-letters/retry", body)
	return done
}

// A producer sends a type that needs an item unless the configuration says otherwise: the operator says so, and retries.
func TestWhatWasRefusedIsRetriedAfterTheConfigurationWasMended(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, smallConfig, data)
	status, _ := s.do("POST", "/v1/events", `[{"type":"play","user":"u1"},{"type":"click","user":"u1"},{"type":"play","user":"u2","id":"p2"}]`)
	if status != http.StatusUnprocessableEntity {
		t.Fatalf("answered %d", status)
	}
	s.after(s.write("/v1/items", `{"item":"last"}`)) // what was refused stands before it in the log
	letters := s.letters()
	if len(letters) != 3 {
		t.Fatalf("%d letters", len(letters))
	}
	if done := s.retry(`{"all":true}`); done.Retried != 0 || len(done.Rejected) != 3 {
		t.Errorf("before it was mended: %+v", done)
	}
	s.stop()

	mended := smallConfig + "itemless_types: [play]\n"
	s = startServer(t, mended, data)
	before := s.status().Counts
	done := s.retry(`{"all":true}`)
	if done.Retried != 2 || done.Records != 2 || len(done.Rejected) != 1 || done.Rejected[0].ID != letters[1].ID {
		t.Errorf("got %+v", done)
	}
	if left := s.letters(); len(left) != 1 || left[0].ID != letters[1].ID {
		t.Errorf("left are %+v", left)
	}
	after := s.status().Counts
	if after.Applied-before.Applied != 3 || after.DeadLettered != before.DeadLettered { // two events and the removal
		t.Errorf("counted %+v after %+v", after, before)
	}
	s.after(s.write("/v1/events", `{"type":"play","user":"u2","id":"p2"}`)) // its producer has repeated it meanwhile
	if c := s.status().Counts; c.Duplicate != 1 {
		t.Errorf("counted %+v, want one duplicate", c)
	}
	s.stop()

	s = startServer(t, mended, data)
	if left := s.letters(); len(left) != 1 {
		t.Errorf("%d letters after a restart", len(left))
	}
	var purged api.LettersPurged
	s.want(http.StatusOK, &purged, "DELETE", "/admin/v1/dead-letters?all=true", "")
	if left := s.letters(); purged.Purged != 1 || len(left) != 0 {
		t.Errorf("%d purged, %d left", purged.Purged, len(left))
	}
	s.stop()
	if saved, anew := digestOf(t, mended, data), relearned(t, mended, data); saved != anew {
		t.Errorf("the log makes the state %s, the server had %s", anew, saved)
	}
}
