package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"recsvc/internal/api"
	"recsvc/internal/event"
)

// A record that cannot be obeyed stops the server: to go on would be to make another state than the log says. Those who
// wait are told that it is over.
func TestAServerThatCannotGoOnStopsAndSaysWhy(t *testing.T) {
	data := t.TempDir()
	s := startServer(t, smallConfig, data)
	visit(s, 0, 6)
	before := s.status()
	end, err := s.server.sink.Append(t.Context(), []event.Record{{Kind: event.KindControl, Control: &event.Control{Type: "of the future"}}})
	if err != nil {
		t.Fatal(err)
	}
	room := engineRoom{s.server.app}
	if err := room.Wait(t.Context(), end); !errors.Is(err, api.ErrUnavailable) {
		t.Errorf("who waits for the record gets %v", err)
	}
	if _, err := room.Checkpoint(t.Context()); !errors.Is(err, api.ErrUnavailable) {
		t.Errorf("who asks for a checkpoint gets %v", err)
	}
	err = <-s.ended
	s.ended <- nil // for the test's own stop
	if err == nil || !strings.Contains(err.Error(), `unknown control record "of the future"`) {
		t.Errorf("the server ended with %v", err)
	}

	a, err := openApp(readConfig(t, smallConfig, data), s.server.log)
	if err != nil {
		t.Fatal(err)
	}
	if at := a.engine.Applied().String(); at > before.Cursor {
		t.Errorf("the state is of %s, the record stands at %s", at, before.Cursor)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRequestsAreCutOffAfterTheConfiguredTime(t *testing.T) {
	s := startServer(t, smallConfig+"shutdown: {drain: 20ms}\n", t.TempDir())
	conn, err := net.Dial("tcp", s.server.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/events HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
		conn.RemoteAddr())
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "100") { // it waits for the body
		t.Fatalf("got %q, %v", line, err)
	}
	s.stop()
	cut := s.logs.FilterMessageSnippet("cut off").All()
	if len(cut) != 1 || cut[0].ContextMap()["after"] != 20*time.Millisecond {
		t.Errorf("told %v", cut)
	}
}
