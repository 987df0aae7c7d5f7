package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

// repeat reads as text, over and over, n bytes of it.
func repeat(text string, n int64) io.Reader { return io.LimitReader(&endless{text: text}, n) }

type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		c := copy(p[n:], e.text[e.at:])
		n, e.at = n+c, (e.at+c)%len(e.text)
	}
	return n, nil
}

func zip(t *testing.T, r io.Reader) []byte {
	t.Helper()
	var out bytes.Buffer
	zw, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(zw, r); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Each poison is answered, counted by its reason, kept as far as it can be, and paid for with bounded memory; what stands
// beside it in a batch is taken, and so is what comes next.
func TestPoisonIsSetAsideAndHoldsNothingUp(t *testing.T) {
	const mib = 1 << 20
	w := newWorld(t, func(r *Rooms, o *Options) {
		v, err := ingest.NewValidator(ingest.ValidatorOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Intake, err = ingest.NewIntake(v, ingest.IntakeOptions{Metrics: ingest.NewMetrics(o.Registerer)}); err != nil {
			t.Fatal(err)
		}
	})
	text := func(s string) io.Reader { return strings.NewReader(s) }
	among := func(s string) io.Reader { return text(oneEvent + "\n" + s + "\n" + oneEvent) }
	between := func(s string) io.Reader { return text("[" + oneEvent + "," + s + "," + oneEvent + "]") }
	deep := func(n int) string {
		return `{"type":"click","user":"u1","item":"i1","context":{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}}`
	}
	at := func(ts string) string { return `{"type":"click","user":"u1","item":"i1","ts":"` + ts + `"}` }
	wide := `{"type":"click","user":"u1","item":"i1","text":"` + strings.Repeat("x", mib) + `"}`
	bomb := zip(t, repeat(oneEvent+"\n", 16*mib))
	flipped := zip(t, io.LimitReader(rand.NewChaCha8([32]byte{1}), mib))
	flipped[len(flipped)-1000] ^= 0x55
	gzipped := []string{"Content-Encoding", "gzip"}

	for _, tc := range []struct {
		name    string
		body    io.Reader
		length  int64 // announced; 0: none is, -1: that of the body
		headers []string
		status  int
		taken   int    // records beside it
		reason  string // counted under; "": nothing came that could be counted
		kept    int64  // bytes of the letter; 0: no letter, -1: all of the body
	}{
		{"half an object", text(`{"type":`), -1, nil, 400, 0, "bad_json", -1},
		{"half an object between good records", between(`{"type":`), -1, nil, 400, 0, "bad_json", -1},
		{"half an object among lines", among(`{"type":`), -1, nil, 202, 2, "bad_json", 8},
		{"zero bytes", repeat("\x00", 1000), -1, nil, 400, 0, "bad_json", -1},
		{"no UTF-8", text("{\"type\":\"click\",\"user\":\"\xff\",\"item\":\"i\"}"), -1, nil, 400, 0, "bad_json", -1},
		{"no UTF-8 among lines", among("{\"type\":\"\xc3(\"}"), -1, nil, 202, 2, "bad_json", 13},
		{"half a surrogate", between(`{"type":"click","user":"\ud800","item":"i"}`), -1, nil, 202, 2, "bad_json", 43},
		{"50 MB announced", repeat("x", 50e6), 50e6, nil, 413, 0, "too_large", 64 << 10},
		{"50 MB not announced", repeat("x", 50e6), 0, nil, 413, 0, "too_large", 64 << 10},
		{"a record of a megabyte", text(wide), -1, nil, 422, 0, "too_large", 64 << 10},
		{"a record of a megabyte between others", between(wide), -1, nil, 202, 2, "too_large", 64 << 10},
		{"nested 1,000 deep", text(deep(1000)), -1, nil, 422, 0, "bad_json", -1},
		{"nested 1,000 deep between others", between(deep(1000)), -1, nil, 202, 2, "bad_json", int64(len(deep(1000)))},
		{"nested 100,000 deep among lines", among(deep(100_000)), -1, nil, 202, 2, "bad_json", 64 << 10},
		{"a million brackets", repeat("[", mib), -1, nil, 400, 0, "bad_json", 64 << 10},
		{"a million braces", repeat(`{"a":`, mib), -1, nil, 400, 0, "bad_json", 64 << 10},
		{"too many records", text("[" + strings.Repeat("{},", 10_000) + "{}]"), -1, nil, 413, 0, "too_large", -1},
		{"a bomb", bytes.NewReader(bomb), -1, gzipped, 413, 0, "too_large", 64 << 10},
		{"a bomb of nothing", bytes.NewReader(zip(t, repeat(" ", 16*mib))), -1, gzipped, 413, 0, "too_large", 64 << 10},
		{"empty members without end", repeat(string(zip(t, text(""))), 50e6), 0, gzipped, 413, 0, "too_large", 64 << 10},
		{"gzip that is none", text(oneEvent), -1, gzipped, 400, 0, "bad_json", -1},
		{"gzip that is cut", bytes.NewReader(zip(t, text(oneEvent))[:40]), -1, gzipped, 400, 0, "bad_json", -1},
		{"gzip with a flipped byte", bytes.NewReader(flipped), 0, gzipped, 400, 0, "bad_json", 64 << 10},
		{"gzip of nothing", text(""), 0, gzipped, 400, 0, "", 0},
		{"ten years ahead", text(at("2036-11-23T12:00:00Z")), -1, nil, 422, 0, "future", -1},
		{"ten years ahead between others", between(at("2036-11-23T12:00:00Z")), -1, nil, 202, 2, "future", 68},
		{"ten years ago", text(at("2016-11-23T12:00:00Z")), -1, nil, 422, 0, "late", 0},
		{"ten years ago between others", between(at("2016-11-23T12:00:00Z")), -1, nil, 202, 2, "late", 0},
		{"the year 9999", between(at("9999-12-31T23:59:59Z")), -1, nil, 202, 2, "bad_time", 68},
		{"before 1970", between(`{"type":"click","user":"u1","item":"i1","ts":-1}`), -1, nil, 202, 2, "bad_time", 48},
		{"no number", text(`{"type":"dwell","user":"u1","item":"i1","value":NaN}`), -1, nil, 400, 0, "bad_json", -1},
		{"an infinite number", between(`{"type":"dwell","user":"u1","item":"i1","value":-1e999}`), -1, nil, 202, 2, "out_of_range", 55},
		{"no number as a text", between(`{"type":"dwell","user":"u1","item":"i1","value":"NaN"}`), -1, nil, 202, 2, "wrong_type", 54},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.t = t
			whole, ok := tc.body.(interface{ Len() int })
			var size int64
			if ok {
				size = int64(whole.Len())
			} else if tc.length < 0 {
				size = tc.body.(*io.LimitedReader).N
			}
			length := tc.length
			switch {
			case length < 0:
				length = size
			case length == 0:
				length = -1
			}
			reasons := w.rejections()
			logged := len(w.records())

			r := httptest.NewRequest("POST", "/v1/events", tc.body)
			r.Host, r.ContentLength = "127.0.0.1:8080", length
			for i := 0; i < len(tc.headers); i += 2 {
				r.Header.Add(tc.headers[i], tc.headers[i+1])
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rec := serve(w, r)
			runtime.ReadMemStats(&after)
			w.want(rec, tc.status)
			if spent := after.TotalAlloc - before.TotalAlloc; spent > 48*mib { // twice the body's bound, grown by doubling, and its records
				t.Errorf("%d MiB were allocated", spent>>20)
			}
			if used := w.api.bodies.used.Load(); used != 0 {
				t.Errorf("%d bytes of the budget are gone", used)
			}
			for reason, n := range w.rejections() {
				if n -= reasons[reason]; reason == tc.reason && n != 1 || reason != tc.reason && n != 0 {
					t.Errorf("counted %v times as %s", n, reason)
				}
			}
			letters, taken := 0, 0
			for _, got := range w.records()[logged:] {
				if got.Kind == event.KindEvent {
					taken++
					continue
				}
				letters++
				l := got.DeadLetter
				kept := tc.kept
				if kept < 0 {
					kept = size
				}
				if l.Source != "http" || !strings.HasPrefix(l.Place, "/v1/events") || l.Reason != tc.reason || l.Detail == "" || got.Received != event.FromTime(now) ||
					int64(len(l.Bytes)) != kept || l.Size < kept || kept == 64<<10 && l.Size <= kept {
					t.Errorf("the letter is of %s at %s for %s: %q, and holds %d of %d bytes", l.Source, l.Place, l.Reason, l.Detail, len(l.Bytes), l.Size)
				}
			}
			if letters > 1 || (letters == 1) != (tc.kept != 0) || taken != tc.taken {
				t.Errorf("%d letters and %d records were logged, want %d records", letters, taken, tc.taken)
			}
			w.want(w.do("POST", "/v1/events", oneEvent), http.StatusAccepted)
		})
	}
}

// rejections are the counts by reason.
func (w *world) rejections() map[string]float64 {
	w.t.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "recsvc_ingest_rejected_total" {
			for _, m := range f.GetMetric() {
				out[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	return out
}
