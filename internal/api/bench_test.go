package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"recsvc/internal/event"
	"recsvc/internal/rank"
)

// deafLog takes everything and keeps nothing.
type deafLog struct{}

func (deafLog) Append(context.Context, []event.Record) (event.Cursor, error) {
	return event.Cursor{{Partition: 0, Offset: 1}}, nil
}
func (deafLog) Wait(context.Context, event.Cursor) error { return nil }

// readyRanker answers with a list made before.
type readyRanker struct {
	Ranker
	list rank.List
}

func (r readyRanker) Rank(_ context.Context, req rank.Request) (rank.List, error) {
	l := r.list
	l.User, l.Time = req.User, req.Now
	return l, nil
}

// sink is a ResponseWriter that costs next to nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

func benchAPI(b *testing.B) *API {
	b.Helper()
	list := sampleList(rank.Request{})
	list.Items = nil
	for i := range 10 {
		list.Items = append(list.Items, rank.Ranked{
			Item: "item-" + strconv.Itoa(i), Position: i + 1, Score: 0.123456789 / float64(i+1), Propensity: 0.9525, Channels: []string{"similar", "trending"},
		})
	}
	reg := prometheus.NewRegistry()
	a, err := New(Rooms{
		Log: deafLog{}, Intake: newIntake(b), Ranker: readyRanker{list: list}, Reader: fakeReader{}, Engine: fakeEngine{}, Metrics: reg,
	}, Options{Registerer: reg, Keys: []Key{{Name: "k", Key: "0123456789abcdef", Roles: RoleAdmin}}})
	if err != nil {
		b.Fatal(err)
	}
	return a
}

// BenchmarkRecommendations is what HTTP adds to a list of ten: routing, key, metrics, the served record, encoding.
func BenchmarkRecommendations(b *testing.B) {
	a := benchAPI(b)
	r := httptest.NewRequest("GET", "/v1/recommendations?user=u1&n=10&context.device=ios", nil)
	r.Header.Set("Authorization", "Bearer 0123456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		a.ServeHTTP(&sink{http.Header{}}, r)
	}
}

// BenchmarkOneEvent is what HTTP adds to taking in one event.
func BenchmarkOneEvent(b *testing.B) {
	a := benchAPI(b)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/v1/events", strings.NewReader(oneEvent))
		r.Header.Set("Authorization", "Bearer 0123456789abcdef")
		a.ServeHTTP(&sink{http.Header{}}, r)
	}
}

func BenchmarkAppendList(b *testing.B) {
	list := benchAPI(b).rooms.Ranker.(readyRanker).list
	cursor := event.Cursor{{Partition: 0, Offset: 1834}}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = appendList(buf[:0], &list, cursor)
	}
}
