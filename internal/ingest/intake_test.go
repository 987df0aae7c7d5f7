package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"recsvc/internal/event"
)

// receipt is when the bodies of these tests arrive: 2022-04-25T00:00:00Z.
const receipt = event.Time(1650844800e9)

func newTestValidator() *Validator {
	return must(NewValidator(ValidatorOptions{ItemlessTypes: []string{"heartbeat"}}))
}

func newTestIntake() *Intake { return must(NewIntake(newTestValidator(), IntakeOptions{})) }

func judge(t *testing.T, in *Intake, body string, ndjson bool) *Judgement {
	t.Helper()
	j, err := in.Judge(Body{Kind: event.KindEvent, Place: "/v1/events", NDJSON: ndjson, Received: receipt, Bytes: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestValidatorRules(t *testing.T) {
	v := newTestValidator()
	live := func(e event.Event) error {
		return v.Live(&event.Record{Kind: event.KindEvent, Received: receipt, Event: &e})
	}
	for _, tc := range []struct {
		name, want string
		event      event.Event
	}{
		{"whole", "", event.Event{Type: "click", User: "u", Item: "i"}},
		{"no type", "type: is required", event.Event{User: "u", Item: "i"}},
		{"no user", "user: is required", event.Event{Type: "click", Item: "i"}},
		{"no item", "item: is required", event.Event{Type: "click", User: "u"}},
		{"search needs none", "", event.Event{Type: "search", User: "u"}},
		{"a configured type needs none", "", event.Event{Type: "heartbeat", User: "u"}},
		{"served", "type: served is written by the server alone", event.Event{Type: "served", User: "u", Item: "i"}},
		{"tick", "type: tick is written by the server alone", event.Event{Type: "tick", User: "u", Item: "i"}},
		{"just not too far ahead", "", event.Event{Type: "enter", User: "u", Time: receipt.Add(5 * time.Minute)}},
		{"too far ahead", "ts: more than 5m0s ahead of its receipt", event.Event{Type: "enter", User: "u", Time: receipt.Add(5*time.Minute + 1)}},
		{"just not too old", "", event.Event{Type: "enter", User: "u", Time: receipt.Add(-24 * time.Hour)}},
		{"too old", "ts: older than the horizon of 24h0m0s", event.Event{Type: "enter", User: "u", Time: receipt.Add(-24*time.Hour - 1)}},
	} {
		err := live(tc.event)
		if got := fmt.Sprint(err); (err == nil) != (tc.want == "") || err != nil && got != tc.want {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	old := event.Record{Kind: event.KindEvent, Received: receipt, Event: &event.Event{Type: "enter", User: "u", Time: 1}}
	if err := v.Stream(&old); err != nil {
		t.Errorf("a stream leaves lateness to the clock: %v", err)
	}
	ahead := event.Record{Kind: event.KindEvent, Received: 1, Event: &event.Event{Type: "enter", User: "u", Time: receipt}}
	if err := v.Replay(&ahead); err != nil {
		t.Errorf("replay knows no receipt: %v", err)
	}
}

func TestAnEventWithoutATimeGetsThatOfItsReceipt(t *testing.T) {
	j := judge(t, newTestIntake(), `{"type":"click","user":"u","item":"i"}`, false)
	if j.Accepted != 1 || j.Records[0].Event.Time != receipt || j.Records[0].Received != receipt {
		t.Errorf("judgement %+v", j)
	}
}

func TestItemsWhoseKnownAttributesCannotWorkAreRefused(t *testing.T) {
	in := newTestIntake()
	for body, want := range map[string]string{
		`{"item":"i","available":true,"created":"2022-04-10T00:00:00Z","price":9.5,"tags":["a"],"categories":"c","text":"t","x":1}`: "",
		`{"item":"i","available":null,"created":1650844800000,"price":null}`:                                                        "",
		`{"item":"i","available":"yes"}`:     "available: must be true or false",
		`{"item":"i","created":"yesterday"}`: `created: time "yesterday" is not RFC 3339`,
		`{"item":"i","price":"9.5"}`:         "price: must be a number",
		`{"item":"i","tags":7}`:              "tags: must be a list of strings",
	} {
		j, err := in.Judge(Body{Kind: event.KindItem, Place: "/v1/items", Received: receipt, Bytes: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		if want == "" && j.Accepted != 1 || want != "" && (len(j.Rejected) != 1 || j.Rejected[0].Reason != want || j.Rejected[0].ID != "i") {
			t.Errorf("%s: %+v", body, j)
		}
	}
}

func TestABatchIsJudgedRecordByRecord(t *testing.T) {
	good := func(id string) string { return `{"id":"` + id + `","type":"click","user":"u","item":"i"}` }
	records := []string{
		good("a"), `{"id":"b","type":"click","user":"u","item":"i","position":0}`, good("c"), `17`,
		`{"id":"e","type":"click","user":"u","item":"i","ts":"2021-01-01T00:00:00Z"}`,
	}
	for name, body := range map[string]string{
		"array":           "\n[ " + strings.Join(records, " ,\t") + " ]\r\n",
		"NDJSON":          strings.Join(records, "\r\n\n"),
		"NDJSON with \\n": strings.Join(records, "\n") + "\n",
	} {
		j := judge(t, newTestIntake(), body, strings.HasPrefix(name, "NDJSON"))
		if j.Malformed != nil || j.Accepted != 2 {
			t.Fatalf("%s: %+v", name, j)
		}
		want := []Rejection{
			{Index: 1, ID: "b", Reason: "position: must be at least 1", Pointer: "/position", Label: event.ReasonOutOfRange},
			{Index: 3, Reason: "want a JSON object", Label: event.ReasonNotObject},
			{Index: 4, ID: "e", Reason: "late", Hint: lateHint, Pointer: "/ts", Label: ReasonLate},
		}
		if !reflect.DeepEqual(j.Rejected, want) {
			t.Errorf("%s: rejected %+v, want %+v", name, j.Rejected, want)
		}
		var kinds []event.Kind
		for _, rec := range j.Records {
			kinds = append(kinds, rec.Kind)
		}
		if !slices.Equal(kinds, []event.Kind{event.KindEvent, event.KindDeadLetter, event.KindEvent, event.KindDeadLetter}) {
			t.Errorf("%s: records of kinds %v: the late one must not be there", name, kinds)
		}
		letter := j.Records[1].DeadLetter
		if string(letter.Bytes) != records[1] || letter.Place != "/v1/events[1]" || letter.Source != "http" || letter.Reason != event.ReasonOutOfRange || letter.Size != int64(len(records[1])) {
			t.Errorf("%s: dead letter %+v", name, letter)
		}
	}
}

func TestRejectionsHaveTheShapeOfTheInterface(t *testing.T) {
	got, err := json.Marshal(Rejection{Index: 17, ID: "e17", Reason: "position: must be at least 1", Pointer: "/position", Label: "x"})
	if want := `{"index":17,"id":"e17","reason":"position: must be at least 1"}`; err != nil || string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestABodyThatIsNotJSONIsOneDeadLetter(t *testing.T) {
	good := `{"type":"click","user":"u","item":"i"}`
	for _, tc := range []struct {
		body   string
		ndjson bool
	}{
		{"hello", false}, {"hello\nworld", true}, {"<html>", false}, {`{"type":`, false}, {"[" + good, false}, {"[" + good + ",]", false},
		{"[" + good + "]]", false}, {"[" + good + " " + good + "]", false}, {"[" + good + `,{"a":tru}]`, false}, {good + "x", false},
		{"[,]", false}, {"\xff\xfe", false}, {`["` + good, true}, {"\x1f\x8b\x08", false}, {`[{"a":1]}`, false},
	} {
		j := judge(t, newTestIntake(), tc.body, tc.ndjson)
		if j.Malformed == nil || j.Accepted != 0 || len(j.Rejected) != 0 || len(j.Records) != 1 {
			t.Errorf("%q: %+v", tc.body, j)
			continue
		}
		letter := j.Records[0].DeadLetter
		if string(letter.Bytes) != tc.body || letter.Reason != event.ReasonBadJSON || letter.Place != "/v1/events" {
			t.Errorf("%q: dead letter %+v", tc.body, letter)
		}
	}
	if j := judge(t, newTestIntake(), " \n", true); j.Malformed == nil {
		t.Errorf("a blank body: %+v", j)
	}
	if j := judge(t, newTestIntake(), "", false); j.Malformed == nil || len(j.Records) != 0 {
		t.Errorf("an empty body: %+v", j)
	}
}

func TestALongBodyIsKeptInPart(t *testing.T) {
	body := strings.Repeat("x", 200_000)
	letter := judge(t, newTestIntake(), body, false).Records[0].DeadLetter
	if len(letter.Bytes) != event.MaxDeadLetterBytes || letter.Size != 200_000 {
		t.Errorf("%d of %d bytes", len(letter.Bytes), letter.Size)
	}
}

func TestFormsAreToldByWhatTheyAre(t *testing.T) {
	good := `{"type":"click","user":"u","item":"i","context":{"a":"]}\\\""}}`
	for _, tc := range []struct {
		name, body string
		ndjson     bool
		want       int
	}{
		{"one object", good, false, 1},
		{"one object called NDJSON", good, true, 1},
		{"a spread object", strings.ReplaceAll(good, ",", ",\n"), false, 1},
		{"objects on lines called JSON", good + "\n" + good, false, 2},
		{"an array called NDJSON", "[" + good + ",\n" + good + "]", true, 2},
		{"an empty array", "[ ]", false, 0},
		{"one bad line among good ones", good + "\n{bad\n" + good, true, 2},
	} {
		j := judge(t, newTestIntake(), tc.body, tc.ndjson)
		if j.Malformed != nil || j.Accepted != tc.want {
			t.Errorf("%s: %+v", tc.name, j)
		}
	}
}

func TestABodyIsBounded(t *testing.T) {
	in := must(NewIntake(newTestValidator(), IntakeOptions{MaxRecords: 3, MaxRecordBytes: 100}))
	good := `{"type":"click","user":"u","item":"i"}`
	for _, body := range []string{"[" + strings.Repeat(good+",", 3) + good + "]", strings.Repeat(good+"\n", 4)} {
		if _, err := in.Judge(Body{Kind: event.KindEvent, Bytes: []byte(body)}); !errors.Is(err, ErrTooManyRecords) {
			t.Errorf("error %v", err)
		}
	}
	j := judge(t, in, `[`+good+`,{"id":"long","type":"click","user":"u","item":"i","text":"`+strings.Repeat("x", 100)+`"}]`, false)
	if j.Accepted != 1 || len(j.Rejected) != 1 || j.Rejected[0].Label != event.ReasonTooLarge || j.Rejected[0].ID != "long" {
		t.Errorf("judgement %+v", j)
	}
	if _, err := in.Judge(Body{Kind: event.KindServed, Bytes: []byte("{}")}); err == nil {
		t.Error("served records were taken from a client")
	}
}

func TestMetricsCountWhatPassesThrough(t *testing.T) {
	reg := prometheus.NewRegistry()
	in := must(NewIntake(newTestValidator(), IntakeOptions{Metrics: NewMetrics(reg)}))
	judge(t, in, `[{"type":"click","user":"u","item":"i","context":{"odd":{}},"extra":1},{"type":"click"},7]`, false)
	judge(t, in, `nonsense`, false)
	for i := range 100 {
		judge(t, in, fmt.Sprintf(`{"type":"t%d","user":"u","item":"i"}`, i), false)
	}
	want := `
# HELP recsvc_ingest_accepted_total Records that were accepted, by kind.
# TYPE recsvc_ingest_accepted_total counter
recsvc_ingest_accepted_total{kind="event"} 101
recsvc_ingest_accepted_total{kind="item"} 0
recsvc_ingest_accepted_total{kind="user"} 0
# HELP recsvc_ingest_dropped_values_total Values of context and attributes of a type that cannot be kept.
# TYPE recsvc_ingest_dropped_values_total counter
recsvc_ingest_dropped_values_total 1
# HELP recsvc_ingest_received_total Records that arrived, by kind; not those of the log itself.
# TYPE recsvc_ingest_received_total counter
recsvc_ingest_received_total{kind="event"} 104
recsvc_ingest_received_total{kind="item"} 0
recsvc_ingest_received_total{kind="user"} 0
# HELP recsvc_ingest_rejected_total Records that were refused, by reason.
# TYPE recsvc_ingest_rejected_total counter
recsvc_ingest_rejected_total{reason="bad_json"} 1
recsvc_ingest_rejected_total{reason="missing_field"} 1
recsvc_ingest_rejected_total{reason="not_object"} 1
# HELP recsvc_ingest_unknown_fields_total Fields that records of the kind do not have.
# TYPE recsvc_ingest_unknown_fields_total counter
recsvc_ingest_unknown_fields_total 1
`
	err := testutil.GatherAndCompare(reg, strings.NewReader(want), "recsvc_ingest_accepted_total", "recsvc_ingest_dropped_values_total",
		"recsvc_ingest_received_total", "recsvc_ingest_rejected_total", "recsvc_ingest_unknown_fields_total")
	if err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(in.opts.Metrics.events); n != maxTypeLabels+1 {
		t.Errorf("%d types are counted by name, want %d and other", n, maxTypeLabels)
	}
}

// FuzzJudge: whatever the body, each record of it is accepted or rejected, once and in order; a body that the standard
// library cannot read is never taken for JSON.
func FuzzJudge(f *testing.F) {
	good := `{"id":"a","type":"click","user":"u","item":"i"}`
	for _, body := range []string{good, "[" + good + "]", good + "\n" + good, "[]", "[1,{}]", "hello", `[{"a":"\"]"},{}]`, "{}{}", "[[1],[{}]]", "\f", "\u00a0\n{}"} {
		f.Add([]byte(body), true)
		f.Add([]byte(body), false)
	}
	in := must(NewIntake(newTestValidator(), IntakeOptions{MaxRecords: 50}))
	f.Fuzz(func(t *testing.T, body []byte, ndjson bool) {
		j, err := in.Judge(Body{Kind: event.KindEvent, NDJSON: ndjson, Received: receipt, Bytes: body})
		if err != nil {
			return
		}
		if j.Malformed != nil {
			if j.Accepted != 0 || len(j.Rejected) != 0 || len(j.Records) > 1 {
				t.Fatalf("%q is malformed, and judged: %+v", body, j)
			}
			return
		}
		letters := len(j.Records) - j.Accepted
		if letters > len(j.Rejected) || !slices.IsSortedFunc(j.Rejected, func(a, b Rejection) int { return a.Index - b.Index }) {
			t.Fatalf("%q: %+v", body, j)
		}
		var array []json.RawMessage
		trimmed := bytes.TrimLeft(body, " \t\r\n")
		if len(trimmed) > 0 && trimmed[0] == '[' {
			if err := json.Unmarshal(body, &array); err != nil {
				t.Fatalf("%q was taken for an array: %v", body, err)
			}
			if len(array) != j.Accepted+len(j.Rejected) {
				t.Fatalf("%q has %d elements, judged %+v", body, len(array), j)
			}
		}
	})
}

func BenchmarkJudge1000(b *testing.B) {
	in := newTestIntake()
	line := `{"id":"e0","type":"exposure","user":"u712","item":"v5239","ts":"2022-04-24T15:05:41.436Z","request":"r0","context":{"tab":1,"duration":49.866}}`
	body := []byte("[" + strings.Repeat(line+",", 999) + line + "]")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := in.Judge(Body{Kind: event.KindEvent, Place: "/v1/events", Received: receipt, Bytes: body}); err != nil {
			b.Fatal(err)
		}
	}
}
