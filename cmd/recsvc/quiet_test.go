package main

import (
	"strings"
	"testing"

	"recsvc/internal/event"
)

// Nobody sends anything any more, and time passes all the same: the server tells its log what time it is.
func TestAQuietServerClosesItsWindows(t *testing.T) {
	text := strings.ReplaceAll(smallConfig, "alpha: 0.3", "alpha: 0.3, window: 1s") + "lateness: 0s\n"
	for _, restart := range []bool{false, true} {
		data := t.TempDir()
		s := startServer(t, text, data)
		s.after(s.events(fields{"type": "exposure", "user": "u1", "item": "i1"}))
		if restart { // what is open when it stops is not forgotten
			s.stop()
			s = startServer(t, text, data)
		}
		if n := s.status().head("click").N; n != 0 {
			t.Fatalf("%d predictions judged within the window", n)
		}
		for s.status().head("click").N == 0 {
			next := s.server.engine.Applied()
			next[0].Offset++
			if err := s.server.engine.Wait(t.Context(), next); err != nil { // for the next tick
				t.Fatal(err)
			}
		}
		end := s.server.engine.Applied()
		if status := s.server.engine.Status(); status.Pending != 0 {
			t.Errorf("restart %v: %d impressions are pending", restart, status.Pending)
		}
		s.stop()
		if got := recordsOf(t, text, data, event.KindTick); got < 1 || got > 10 || end.Offset(0) != int64(got+1) {
			t.Errorf("restart %v: %d ticks in a log of %s", restart, got, end)
		}
	}
}
