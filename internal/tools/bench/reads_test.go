package main

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestReadsAskForSoManyPairsInTurn(t *testing.T) {
	pairs, err := pairsOf([][]byte{[]byte(`{"user":"a","item":"x"}`), []byte(`{"user":"b","item":"y"}`), []byte(`{"user":"c","item":"z"}`)})
	if err != nil {
		t.Fatal(err)
	}
	next, err := readRequestsOf(pairs, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][2]string{{"c", "a"}, {"b", "c"}} { // the second request, and the one behind it
		_, body, ok := bytes.Cut(next(nil), []byte("\r\n\r\n"))
		var in struct{ Entities []pair }
		if err := json.Unmarshal(body, &in); !ok || err != nil || len(in.Entities) != 2 || in.Entities[0].User != want[0] || in.Entities[1].User != want[1] {
			t.Errorf("got %s, want users %q: %v", body, want, err)
		}
	}
}
