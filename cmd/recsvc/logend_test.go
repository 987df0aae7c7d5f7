package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"recsvc/internal/api"
	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

// Whoever asks for a place that cannot come is told at once, and not by the deadline.
func TestAPlaceBeyondTheEndOfTheTopicIsRefused(t *testing.T) {
	text, _ := kafkaConfig(t)
	s := startServer(t, text, t.TempDir())
	cursor := s.events(fields{"type": "view", "user": "u1", "item": "i1"})
	for after, want := range map[string]int{
		cursor: http.StatusOK, "0-1000": http.StatusBadRequest, "0-0.1-1000": http.StatusBadRequest, "2-0": http.StatusMisdirectedRequest,
	} {
		s.want(want, nil, "GET", "/v1/recommendations?dry_run=true&after="+after, "")
	}
	// A place of which the consumer has not heard yet is no place beyond the end: read what was just written, often.
	for range 100 {
		s.after(s.events(fields{"type": "view", "user": "u1", "item": "i1"}, fields{"type": "view", "user": "u2", "item": "i1"}))
	}
}

func TestAPartitionThatAnotherInstanceReadsIsMisdirected(t *testing.T) {
	text, _ := kafkaConfig(t)
	first := startServer(t, text, t.TempDir())
	second := startServer(t, text, t.TempDir()) // of the same group: each gets one of two partitions
	claims := func(s *inProcess) (n int) {
		status := s.server.kafka.Status()
		for _, p := range status.Partitions {
			if status.Connected && p.Claimed {
				n++
			}
		}
		return n
	}
	for start := time.Now(); claims(first) != 1 || claims(second) != 1; time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatal("the partitions were not shared out")
		}
	}
	for _, after := range []string{"0-0", "1-0"} {
		query := "/v1/recommendations?dry_run=true&after=" + after
		one, _ := first.do("GET", query, "")
		two, _ := second.do("GET", query, "")
		if one+two != http.StatusOK+http.StatusMisdirectedRequest {
			t.Errorf("after %s: %d and %d", after, one, two)
		}
	}
}

func TestOnlyAPlaceThatIsStillToComeHereIsWaitedFor(t *testing.T) {
	status := ingest.KafkaStatus{Connected: true, Partitions: []ingest.KafkaPartition{
		{Partition: 0, Start: 100, Next: 100, End: 100, Claimed: true}, {Partition: 1, Start: 5, Next: 7, End: 9, Claimed: true}, {Partition: 2},
	}}
	for _, tc := range []struct {
		cursor, want string
		err          error
	}{
		{"", "", nil},
		{"0-100", "", nil}, // removed by retention before this state began
		{"0-101.1-6", "0-101.1-6", nil},
		{"2-1", "", api.ErrMisdirected},
		{"0-101.3-1", "", api.ErrMisdirected},
	} {
		c, err := event.ParseCursor(tc.cursor)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ours(status, c); got.String() != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%s: %s, %v", tc.cursor, got, err)
		}
	}
	if got, err := ours(ingest.KafkaStatus{}, event.Cursor{{Partition: 7, Offset: 1}}); err != nil || len(got) != 1 {
		t.Errorf("while nobody knows: %v, %v", got, err)
	}
}

func TestKafkaOutOfReachIsSaidWithItsReason(t *testing.T) {
	for err, want := range map[error]string{nil: "kafka is out of reach", errors.New("no route"): "kafka is out of reach: no route"} {
		if got := kafkaDown(ingest.KafkaStatus{Err: err}); got == nil || got.Error() != want || strings.Contains(got.Error(), "%!") {
			t.Errorf("%v", got)
		}
	}
	if err := kafkaDown(ingest.KafkaStatus{Connected: true}); err != nil {
		t.Error(err)
	}
}
