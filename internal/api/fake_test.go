package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zaptest"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/ingest"
	"recsvc/internal/rank"
)

// now is the fakes' clock.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// world is a whole server of fakes. Its fields may be changed before a request, never during one.
type world struct {
	t   *testing.T
	api *API
	reg *prometheus.Registry

	mu      sync.Mutex
	logged  []event.Record
	durable int64

	appendErr, waitErr, gateErr, readyErr, applyErr, rankErr error
	gateWait                                                 time.Duration
	asked                                                    rank.Request // the last
	ranked                                                   func(rank.Request) rank.List
	snapshots                                                map[string]Snapshot
	letters                                                  []ingest.Letter
	selected                                                 ingest.LetterSelection // the last
	lettersErr                                               error
	backup                                                   func(context.Context, io.Writer) error
	read                                                     []string    // entities whose features were asked for
	closed                                                   int         // readouts
	changed                                                  ModelChange // the last
}

func newWorld(t *testing.T, change ...func(*Rooms, *Options)) *world {
	t.Helper()
	w := &world{t: t, reg: prometheus.NewRegistry(), snapshots: map[string]Snapshot{}}
	rooms := Rooms{
		Log: w, Intake: newIntake(t), Gate: w, Ranker: w, Reader: fakeReader{}, Engine: fakeEngine{w},
		Models: fakeModels{w}, Snapshots: fakeSnapshots{w}, DeadLetters: fakeLetters{w}, Backup: w, Features: w, Metrics: w.reg,
	}
	opts := Options{Clock: func() time.Time { return now }, Registerer: w.reg, Version: "test", Log: zaptest.NewLogger(t)}
	for _, c := range change {
		c(&rooms, &opts)
	}
	var err error
	if w.api, err = New(rooms, opts); err != nil {
		t.Fatal(err)
	}
	return w
}

func withKeys(keys ...Key) func(*Rooms, *Options) {
	return func(_ *Rooms, o *Options) { o.Keys = keys }
}

// do sends a request and returns the whole answer.
func (w *world) do(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	var src io.Reader
	if body != "" {
		src = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, src)
	r.Host = "127.0.0.1:8080"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	return rec
}

// want fails unless the answer has the status, and checks what every answer must have.
func (w *world) want(rec *httptest.ResponseRecorder, status int) *httptest.ResponseRecorder {
	w.t.Helper()
	if rec.Code != status {
		w.t.Fatalf("status %d, want %d; body %s", rec.Code, status, rec.Body)
	}
	if rec.Header().Get("X-Request-Id") == "" {
		w.t.Error("no X-Request-Id")
	}
	if status >= 400 {
		var p Problem
		decodeStrict(w.t, rec.Body.Bytes(), &p)
		if got := rec.Header().Get("Content-Type"); got != "application/problem+json" {
			w.t.Errorf("content type %q", got)
		}
		if p.Status != status || p.Title == "" && status != statusClientGone || p.Type == "" || p.Detail == "" {
			w.t.Errorf("incomplete problem %+v", p)
		}
	}
	return rec
}

func decodeStrict(t *testing.T, b []byte, v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		t.Fatalf("decode %s: %v", b, err)
	}
}

func (w *world) records() []event.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.logged)
}

// The log.

func (w *world) Append(ctx context.Context, recs []event.Record) (event.Cursor, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.appendErr != nil {
		return nil, w.appendErr
	}
	for i := range recs {
		recs[i].Offset = int64(len(w.logged))
		w.logged = append(w.logged, recs[i])
	}
	return event.Cursor{{Partition: 0, Offset: int64(len(w.logged))}}, ctx.Err()
}

func (w *world) Wait(_ context.Context, c event.Cursor) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.durable = max(w.durable, c.Offset(0))
	return w.waitErr
}

func (w *world) Admit() (time.Duration, error) { return w.gateWait, w.gateErr }

// The ranker.

func (w *world) Rank(_ context.Context, req rank.Request) (rank.List, error) {
	w.mu.Lock()
	w.asked = req
	w.mu.Unlock()
	if w.rankErr != nil {
		return rank.List{}, w.rankErr
	}
	if w.ranked != nil {
		return w.ranked(req), nil
	}
	return sampleList(req), nil
}

func sampleList(req rank.Request) rank.List {
	scene := req.Scene
	if scene == "" {
		scene = "default"
	}
	l := rank.List{
		Request: "r-01J", User: req.User, Scene: scene, Model: "ctr@1834", Time: req.Now, Context: req.Context,
		Variants: []rank.Variant{{Name: "ranker", Arm: "control"}},
		Items: []rank.Ranked{
			{Item: "i9", Position: 1, Score: 0.0831, Propensity: 0.91, Channels: []string{"similar", "trending"}},
			{Item: "i\"2", Position: 2, Score: 1e-9, Propensity: 1, Channels: []string{}},
		},
	}
	if req.Explain {
		l.Items[0].Explain = &rank.Explanation{
			Channels: map[string]float64{"similar": 0.8},
			Heads: map[string]rank.HeadExplanation{"click": {P: 0.083, Bias: -1.2, Contributions: []rank.Contribution{
				{Feature: "user_ctr_5m", Value: 0.4, Weight: 0.7, Product: 0.28},
			}}},
			Rules: []string{},
		}
	}
	return l
}

func (w *world) Similar(item string, n int) ([]rank.Ranked, error) {
	if item == "unknown" {
		return nil, fmt.Errorf("similar to %q: %w", item, rank.ErrUnknownItem)
	}
	return sampleList(rank.Request{}).Items[:min(n, 2)], nil
}

func (w *world) Trending(string, time.Duration, event.Time, int) []rank.Ranked {
	return sampleList(rank.Request{}).Items[:1]
}

// The engine.

type fakeEngine struct{ *world }

func (e fakeEngine) Applied() event.Cursor { return event.Cursor{{Partition: 0, Offset: 1834}} }
func (e fakeEngine) Ready() error          { return e.readyErr }

func (e fakeEngine) Wait(ctx context.Context, c event.Cursor) error {
	for _, p := range c {
		if p.Partition > 0 {
			return fmt.Errorf("partition %d: %w", p.Partition, ErrMisdirected)
		}
	}
	if e.applyErr != nil {
		return e.applyErr
	}
	if e.Applied().Covers(c) {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (e fakeEngine) Status() Status {
	at, auc := event.FromTime(now), 0.73
	return Status{
		Cursor: "0-1834", Watermark: &at, LagRecords: 2, LagSeconds: 0.01, MemoryBytes: 1 << 20,
		Checkpoint: CheckpointStatus{Epoch: 7, AgeSeconds: 3, Bytes: 100, Seconds: 0.1},
		Scrub:      ScrubStatus{Running: true, Finished: &now, Result: "ok", Entries: 100, Bytes: 1000, Seconds: 2.5},
		Memory:     MemoryStatus{BudgetBytes: 2 << 20, Rooms: map[string]int64{"features": 1000}},
		Disk:       DiskStatus{FreeBytes: 3 << 20, NeededBytes: 64 << 20, Held: true},
		Sources: []Source{
			{Name: "kafka:behaviour", State: "running", Next: "0-1834", Partitions: []Partition{
				{Applied: 1834, End: 1836, State: PartitionRunning},
				{Partition: 1, Applied: 7, End: 9, State: PartitionHeld, Reason: "the disk is full"},
			}},
			{Name: "embedded"},
		},
		Counts:   Counts{Received: 10, Applied: 8, Duplicate: 1, Late: 1},
		Feedback: FeedbackStatus{Exposures: 9, Implied: 1, Heads: []HeadFeedback{{Model: "ctr", Head: "click", Positive: 4, Negative: 3, Pending: 2, StalledSince: &at}}},
		Models: []ModelStatus{{Name: "ctr", Role: "champion", Version: "ctr@1834", Refresh: "online", Heads: map[string]HeadMetrics{
			"click": {Metrics: Metrics{N: 10, Positives: 4, AUC: &auc}},
		}}},
	}
}

func (e fakeEngine) Checkpoint(context.Context) (CheckpointStatus, error) {
	return CheckpointStatus{Epoch: 8, Bytes: 100, Seconds: 0.1}, nil
}

type fakeReader struct{}

func (fakeReader) Item(id string, _ event.Time) (ItemView, error) {
	if id == "unknown" {
		return ItemView{}, fmt.Errorf("item %q: %w", id, ErrNotFound)
	}
	return ItemView{
		Item: event.Item{ID: id, Attrs: event.Attributes{
			{Key: "categories", Value: event.Value{Kind: event.List, List: []string{"tag39"}}},
			{Key: "features", Value: event.Value{Kind: event.Bool, Num: 1}},
			{Key: "live", Value: event.Value{Kind: event.String, Str: "an attribute of that name"}},
			{Key: "price", Value: event.Value{Kind: event.Number, Num: 9.5}},
		}},
		Live: map[string]float64{"exposures": 120, "clicks": 9},
		Features: []features.NamedValue{
			{Name: "item_ctr", Number: 0.075}, {Name: "age", Number: math.NaN()}, {Name: "lately", Number: math.NaN(), List: []string{"ann"}},
		},
	}, nil
}

func (fakeReader) User(id string, at event.Time) (UserView, error) {
	if id == "unknown" {
		return UserView{}, fmt.Errorf("user %q: %w", id, ErrNotFound)
	}
	return UserView{
		User: id, Attributes: event.Attributes{{Key: "age", Value: event.Value{Kind: event.Number, Num: 24}}},
		Features: map[string]any{"clicks_1h": 3.0, "lately": []string{"i9"}},
		Recent:   []RecentEvent{{Type: "click", Item: "i9", Time: at}},
	}, nil
}

type fakeSnapshots struct{ *world }

func (s fakeSnapshots) List(context.Context) (out []Snapshot, err error) {
	for _, x := range s.world.snapshots {
		out = append(out, x)
	}
	return out, nil
}

func (s fakeSnapshots) Create(_ context.Context, note string) (Snapshot, error) {
	x := Snapshot{ID: "s1", Created: now, Cursor: "0-1834", Models: []string{"ctr@1834"}, Bytes: 10, SHA256: "ab", Note: note}
	s.world.snapshots[x.ID] = x
	return x, nil
}

func (s fakeSnapshots) Get(_ context.Context, id string) (Snapshot, error) {
	if x, ok := s.world.snapshots[id]; ok {
		return x, nil
	}
	return Snapshot{}, fmt.Errorf("snapshot %q: %w", id, ErrNotFound)
}

func (s fakeSnapshots) Delete(ctx context.Context, id string) error {
	_, err := s.Get(ctx, id)
	delete(s.world.snapshots, id)
	return err
}

func (s fakeSnapshots) Content(ctx context.Context, id string) (Snapshot, io.ReadCloser, error) {
	x, err := s.Get(ctx, id)
	if err != nil {
		return x, nil, err
	}
	sum := sha256.Sum256([]byte(fakeContent))
	x.Bytes, x.SHA256 = int64(len(fakeContent)), hex.EncodeToString(sum[:])
	return x, io.NopCloser(strings.NewReader(fakeContent)), nil
}

const fakeContent = "weights of a model"

func (s fakeSnapshots) Import(_ context.Context, want string, content io.Reader) (Snapshot, bool, error) {
	b, err := io.ReadAll(content)
	if err != nil {
		return Snapshot{}, false, err
	}
	sum := sha256.Sum256(b)
	x := Snapshot{ID: "imported", SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(b))}
	if string(b) != fakeContent || want != "" && want != x.SHA256 {
		return Snapshot{}, false, fmt.Errorf("%w: it is damaged", ErrBadRequest)
	}
	_, there := s.world.snapshots[x.ID]
	s.world.snapshots[x.ID] = x
	return x, !there, nil
}

func (s fakeSnapshots) Restore(ctx context.Context, id string) (string, error) {
	_, err := s.Get(ctx, id)
	return "ctr@1841", err
}

type fakeLetters struct{ *world }

func (l fakeLetters) List(before int64, n int) (out []ingest.Letter) {
	for i := len(l.letters) - 1; i >= 0 && len(out) < n; i-- {
		if before == 0 || l.letters[i].Seq < before {
			out = append(out, l.letters[i])
		}
	}
	return out
}

func (l fakeLetters) Retry(_ context.Context, sel ingest.LetterSelection) (ingest.Retried, error) {
	l.world.selected = sel
	return ingest.Retried{Letters: 1, Records: 2, Refused: []ingest.LetterRefusal{
		{Place: event.PartitionOffset{Offset: 8}, Index: -1, Reason: "item: is required"},
		{Place: event.PartitionOffset{Partition: 1, Offset: 9}, Index: 0, Reason: "late"},
	}}, l.lettersErr
}

func (l fakeLetters) Purge(_ context.Context, sel ingest.LetterSelection) (ingest.Purged, error) {
	l.world.selected = sel
	return ingest.Purged{Letters: 3}, l.lettersErr
}

// Backup implements Backup.
func (w *world) Backup(ctx context.Context, out io.Writer) error { return w.backup(ctx, out) }

// newIntake is the real one: it has no state and does no I/O.
func newIntake(t testing.TB) *ingest.Intake {
	t.Helper()
	v, err := ingest.NewValidator(ingest.ValidatorOptions{})
	if err != nil {
		t.Fatal(err)
	}
	in, err := ingest.NewIntake(v, ingest.IntakeOptions{MaxRecords: 20})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func (w *world) counter(name string) float64 {
	w.t.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// The rooms themselves fit.
var (
	_ Ranker      = (*rank.Ranker)(nil)
	_ Intake      = (*ingest.Intake)(nil)
	_ DeadLetters = (*ingest.LetterOffice)(nil)
	_ Log         = ingest.Log(nil)
)

// Features implements Features.
func (w *world) Features() []FeatureVersion {
	return []FeatureVersion{
		{Name: "clicks_1h", Kind: "count", Scope: []string{"user"}, Version: "0123456789ab", State: "live", Progress: 1, Definition: features.Definition{
			On: features.On("click"), Windows: []time.Duration{time.Hour},
		}.Keys()},
		{Name: "clicks", Kind: "count", Version: "ba9876543210", State: "backfilling", Progress: 0.25},
	}
}
