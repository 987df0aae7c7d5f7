package crash

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

// accepted is the label of what is no poison after all.
const accepted = "accepted"

// poisons are bodies of one record each, and what becomes of them: the reason of the refusal, or accepted.
func poisons(now event.Time) []struct {
	kind       event.Kind
	text, want string
} {
	years := func(n int) string { return now.Time().AddDate(n, 0, 0).Format(time.RFC3339) }
	with := func(more string) string {
		return fmt.Sprintf(`{"type":"dwell","user":"u1","item":"i1","ts":%q,%s}`, now.Time().Format(time.RFC3339Nano), more)
	}
	exposure := func(more string) string {
		return fmt.Sprintf(`{"type":"exposure","user":"u1","item":"i1","ts":%q,%s}`, now.Time().Format(time.RFC3339Nano), more)
	}
	const e, i, u = event.KindEvent, event.KindItem, event.KindUser
	return []struct {
		kind       event.Kind
		text, want string
	}{
		{e, `{"type":"click","user":"u1","item":`, event.ReasonBadJSON},
		{e, `nonsense`, event.ReasonBadJSON},
		{e, "\x00\x01\x02", event.ReasonBadJSON},
		{e, `[[]]`, event.ReasonNotObject},
		{e, `[null]`, event.ReasonNotObject},
		{e, strings.Repeat(`[`, 100_000), event.ReasonBadJSON},
		{e, strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000), event.ReasonBadJSON},
		{e, with(`"context":` + strings.Repeat(`{"a":`, 500) + `1` + strings.Repeat(`}`, 500)), event.ReasonBadJSON}, // too deep
		{e, with(`"context":{"a":{"b":[1,{}]}}`), accepted},                                                          // the value is dropped and counted
		{e, with(`"text":"` + strings.Repeat("x", 50<<20) + `"`), event.ReasonTooLarge},
		{e, with("\"text\":\"\xff\xfe\""), event.ReasonBadJSON},
		{e, "{\"type\":\"view\",\"user\":\"u\xc3\x28\",\"item\":\"i1\"}", event.ReasonBadJSON},
		{e, `{"type":"view","user":"` + strings.Repeat("u", 257) + `","item":"i1"}`, event.ReasonBadID},
		{e, `{"type":"view","user":"u\u0000","item":"i1"}`, event.ReasonBadID},
		{e, `{"type":"view","user":"u1","user":"u2","item":"i1"}`, event.ReasonDuplicateKey},
		{e, `{"type":"view","user":"u1","item":"i1","ts":"` + years(10) + `"}`, ingest.ReasonFuture},
		{e, `{"type":"view","user":"u1","item":"i1","ts":"` + years(-10) + `"}`, ingest.ReasonLate},
		{e, `{"type":"view","user":"u1","item":"i1","ts":9223372036854775807}`, event.ReasonBadTime},
		{e, `{"type":"view","user":"u1","item":"i1","ts":-1}`, event.ReasonBadTime},
		{e, `{"type":"view","user":"u1","item":"i1","ts":"0001-01-01T00:00:00Z"}`, event.ReasonBadTime},
		{e, `{"type":"tick","user":"u1","item":"i1"}`, ingest.ReasonReservedType},
		{e, with(`"value":NaN`), event.ReasonBadJSON},
		{e, with(`"value":"NaN"`), event.ReasonWrongType},
		{e, with(`"value":Infinity`), event.ReasonBadJSON},
		{e, with(`"value":1e999`), event.ReasonOutOfRange},
		{e, with(`"value":1.7e308`), accepted},
		{e, with(`"value":1.7e308,"id":"again"`), accepted}, // their sum is infinite
		{e, with(`"value":-1.7e308,"id":"below"`), accepted},
		{e, with(`"value":5e-324,"id":"next to nothing"`), accepted},
		{e, exposure(`"propensity":0`), event.ReasonOutOfRange},
		{e, exposure(`"propensity":-0.5`), event.ReasonOutOfRange},
		{e, exposure(`"propensity":1.0000001`), event.ReasonOutOfRange},
		{e, exposure(`"propensity":1e-12`), accepted},
		{e, exposure(`"propensity":5e-324,"position":2`), accepted},
		{e, exposure(`"position":-1`), event.ReasonOutOfRange},
		{e, exposure(`"position":1e30`), event.ReasonOutOfRange},
		{e, with(`"context":{"tab":1e308}`), accepted},
		{i, `{"item":"i1","price":1.7e308}`, accepted},
		{i, `{"item":"i2","price":-1e300}`, accepted},
		{i, `{"item":"i3","price":"NaN"}`, event.ReasonWrongType},
		{i, `{"item":"i4","created":"9999-12-31T23:59:59Z"}`, event.ReasonBadTime},
		{i, `{"item":"i5","categories":[1,{"a":[]}]}`, accepted}, // without them,
		{u, `{"user":"u1","age":1e308}`, accepted},
		{u, `{"user":""}`, event.ReasonBadID},
	}
}

// Poison between the records of a stream is refused for what it is, or taken and does no harm: every prediction stays a
// probability, nothing is lost, and the stream goes on.
func TestPoisonIsCountedForWhatItIsAndHarmsNothing(t *testing.T) {
	s := &simulation{
		t: t, machine: newMachine(t), rng: rand.New(rand.NewPCG(7, 2)), traffic: newTraffic(7), ledger: newLedger(),
	}
	defer func() {
		if s.server != nil {
			_ = s.abandon()
		}
	}()
	s.start()
	s.deliver(s.traffic.catalogue())
	for range 30 {
		s.deliver(s.traffic.next())
	}
	for _, p := range poisons(s.traffic.now) {
		s.swallow(p.kind, p.text, p.want)
		s.deliver(s.traffic.next())
	}
	for range 30 {
		s.deliver(s.traffic.next())
		s.serve()
	}
	s.restart(nil) // what it has left in the state can be read
	s.await(s.log.End())
	for user := range 20 {
		for item := range 30 {
			if p := s.score(fmt.Sprintf("u%d", user), fmt.Sprintf("i%d", item), s.traffic.now); !(p > 0 && p < 1) {
				t.Errorf("u%d, i%d: prediction %v", user, item, p)
			}
		}
	}
	for _, h := range s.model.Heads() {
		if m := h.Validation().Total(); m.N == 0 || math.IsNaN(m.LogLoss) || math.IsInf(m.LogLoss, 0) {
			t.Errorf("head %s: %+v", h.Name(), m)
		}
	}
	s.settle()
	Count(t, "poisons swallowed", len(poisons(s.traffic.now)))
}

// swallow gives the server a body and checks what becomes of it.
func (s *simulation) swallow(kind event.Kind, text, want string) {
	s.t.Helper()
	j, err := s.intake.Judge(ingest.Body{Kind: kind, Place: "/v1/" + kind.String() + "s", Received: s.traffic.now, Bytes: []byte(text)})
	if err != nil {
		s.t.Fatalf("%.80q: %v", text, err)
	}
	got := accepted
	var refusal *event.Error
	switch {
	case errors.As(j.Malformed, &refusal):
		got = refusal.Reason
	case len(j.Rejected) > 0:
		got = j.Rejected[0].Label
	}
	if got != want {
		s.t.Errorf("%.80q is %s, want %s: %v %+v", text, got, want, j.Malformed, j.Rejected)
	}
	for _, r := range j.Records {
		if l := r.DeadLetter; l != nil && (len(l.Bytes) > event.MaxDeadLetterBytes || l.Size < int64(len(l.Bytes)) || l.Reason != got) {
			s.t.Errorf("%.80q: a letter for %s of %d bytes, %d of them kept", text, l.Reason, l.Size, len(l.Bytes))
		}
	}
	if (got == ingest.ReasonLate) != (len(j.Records) == 0) {
		s.t.Errorf("%.80q: %d records", text, len(j.Records))
	}
	if !s.send(post{recs: j.Records}) {
		s.t.Errorf("%.80q is not acknowledged", text)
	}
}
