package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"
)

var realLines = [][]byte{
	[]byte(`{"id":"e1","type":"exposure","user":"u1","item":"v1","ts":"2022-05-01T14:06:17.145Z","request":"r1","context":{"tab":1}}`),
	[]byte(`{"id":"c1","type":"click","user":"u1","item":"v1","ts":"2022-05-01T14:06:17.146Z","request":"r1"}`),
	[]byte(`{"id":"e2","type":"exposure","user":"u2","item":"v1","ts":"2022-05-01T14:06:18.000Z"}`),
}

type sentEvent struct {
	ID, Type, User, Request string
	TS                      time.Time
}

// parse reads a request as the server would.
func parse(t *testing.T, request []byte) (events []sentEvent) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(r.Body); ; {
		var e sentEvent
		if err := dec.Decode(&e); err == io.EOF {
			return events
		} else if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
}

func TestEachRoundSendsTheSameEventsUnderNewIDs(t *testing.T) {
	start := time.Now().Add(-time.Second)
	tr := newTraffic('a', realLines, 2)
	first, second := parse(t, tr.next(nil)), parse(t, tr.next(nil))
	if len(first) != 2 || len(second) != 2 {
		t.Fatalf("requests of %d and %d events; the third line makes no whole request", len(first), len(second))
	}
	if first[0].Request != first[1].Request || first[0].ID == first[1].ID {
		t.Errorf("an exposure and its click have ids %q, %q and requests %q, %q", first[0].ID, first[1].ID, first[0].Request, first[1].Request)
	}
	for i := range first {
		if first[i].ID == second[i].ID || first[i].Request == second[i].Request {
			t.Errorf("%q comes twice", first[i].ID)
		}
		if first[i].User != "u1" || first[i].Type != second[i].Type || first[i].TS.Before(start) {
			t.Errorf("sent %+v", first[i])
		}
	}
	other := parse(t, newTraffic('b', realLines, 1).next(nil))
	if other[0].ID == first[0].ID {
		t.Errorf("two traffics share the id %q", other[0].ID)
	}
}

func TestAnEventWithoutARequestIsSentWithoutOne(t *testing.T) {
	tr := newTraffic('a', realLines[2:], 1)
	if e := parse(t, tr.next(nil)); len(e) != 1 || e[0].Request != "" || e[0].ID == "e2" {
		t.Errorf("sent %+v", e)
	}
}

func TestShiftedTimesKeepTheirForm(t *testing.T) {
	line := bytes.Clone(realLines[0])
	if err := shiftTime(line, tsKey, 36*time.Hour+time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(line, []byte(`"ts":"2022-05-03T02:06:17.146Z","request"`)) {
		t.Errorf("shifted to %s", line)
	}
	none := []byte(`{"item":"v1"}`)
	if err := shiftTime(none, createdKey, time.Hour); err != nil || string(none) != `{"item":"v1"}` {
		t.Errorf("without a time: %s, %v", none, err)
	}
}

func BenchmarkNextBatch(b *testing.B) {
	lines := make([][]byte, 0, 1000)
	for i := range 1000 {
		lines = append(lines, realLines[i%3])
	}
	tr := newTraffic('a', lines, 1000)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = tr.next(buf[:0])
	}
}
