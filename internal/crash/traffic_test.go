package crash

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/ingest"
	"recsvc/internal/model"
)

// post is what a client sends, again and again until it is acknowledged.
type post struct {
	kind  event.Kind     // of the body's records
	body  []byte         // as it comes over HTTP
	recs  []event.Record // what the server itself writes: lists, ticks, controls; it has no body
	once  bool           // never sent again: its events have no id, or nobody would know
	count int            // records in the body
}

// traffic makes posts with everything in them: catalogue and profiles, lists that were served and lists ranked elsewhere,
// outcomes in and out of time and order, repetitions, late events, what cannot be read.
type traffic struct {
	rng   *rand.Rand
	now   event.Time
	ids   int
	lists int
	sent  []fields // events with an id: any of them may come again
}

type fields map[string]any

func newTraffic(seed uint64) *traffic {
	return &traffic{rng: rand.New(rand.NewPCG(seed, 1)), now: event.FromTime(time.Date(2026, 3, 1, 23, 40, 0, 0, time.UTC))}
}

func (g *traffic) user() string { return fmt.Sprintf("u%d", g.rng.IntN(20)) }
func (g *traffic) item() string { return fmt.Sprintf("i%d", g.rng.IntN(30)) } // some of them not in the catalogue

// pass lets up to so much time pass.
func (g *traffic) pass(most time.Duration) {
	g.now = g.now.Add(time.Duration(g.rng.Int64N(int64(most))))
}

// catalogue is the first post.
func (g *traffic) catalogue() post {
	var items []fields
	for i := range 25 {
		items = append(items, fields{"item": fmt.Sprintf("i%d", i), "categories": []string{fmt.Sprintf("c%d", i%5)}, "created": "2026-02-01T00:00:00Z", "price": 1 + i*3})
	}
	return body(event.KindItem, items)
}

func body(kind event.Kind, records []fields) post {
	b, err := json.Marshal(records)
	if err != nil {
		panic(err)
	}
	return post{kind: kind, body: b, count: len(records)}
}

// event is a behaviour event as it stands on the wire.
func (g *traffic) event(kind, user, item string, at event.Time) fields {
	g.ids++
	f := fields{
		"type": kind, "user": user, "item": item, "id": fmt.Sprint(g.ids), "ts": at.Time().Format(time.RFC3339Nano),
		"context": fields{"tab": g.rng.IntN(3)},
	}
	if kind == "dwell" {
		f["value"] = g.rng.IntN(30)
	}
	g.sent = append(g.sent, f)
	return f
}

// next is a post of behaviour events, or one of the catalogue or of profiles.
func (g *traffic) next() post {
	g.pass(2 * time.Second)
	switch g.rng.IntN(20) {
	case 0:
		return body(event.KindItem, []fields{{"item": g.item(), "price": g.rng.IntN(200)}})
	case 1:
		return body(event.KindUser, []fields{{"user": g.user(), "age": g.rng.IntN(80)}})
	case 2:
		return body(event.KindItem, []fields{{"item": g.item(), "available": g.rng.IntN(2) == 0}})
	case 3:
		return post{kind: event.KindEvent, body: []byte(g.poison()), count: 1}
	case 4: // without an id: sent once
		g.ids++
		p := body(event.KindEvent, []fields{{"type": "view", "user": g.user(), "item": g.item(), "session": fmt.Sprint(g.ids), "ts": g.now.Time().Format(time.RFC3339Nano)}})
		p.once = true
		return p
	}
	var events []fields
	for range 1 + g.rng.IntN(4) {
		events = append(events, g.some()...)
	}
	return body(event.KindEvent, events)
}

// some is one event, or a few that belong together.
func (g *traffic) some() []fields {
	switch x := g.rng.IntN(20); {
	case x < 6:
		return g.shown("", g.user(), []string{g.item(), g.item()})
	case x < 9 && len(g.sent) > 0: // once more
		return []fields{g.sent[g.rng.IntN(len(g.sent))]}
	case x < 11: // late, but it counts
		return []fields{g.event("click", g.user(), g.item(), g.now.Add(-time.Duration(g.rng.Int64N(int64(30*time.Minute)))))}
	case x < 12: // beyond the horizon
		return []fields{g.event("click", g.user(), g.item(), g.now.Add(-horizon-time.Minute))}
	case x < 15:
		return []fields{g.event("dwell", g.user(), g.item(), g.now)}
	case x < 16: // refused by the rules
		return []fields{{"type": "click", "user": g.user(), "item": g.item(), "propensity": 2, "session": fmt.Sprint(g.rng.Int())}}
	default:
		return []fields{g.event("view", g.user(), g.item(), g.now)}
	}
}

// shown are the exposures of a list and what came of them.
func (g *traffic) shown(request, user string, items []string) (list []fields) {
	for i, item := range items {
		g.pass(300 * time.Millisecond)
		exposure := g.event("exposure", user, item, g.now)
		exposure["position"] = i + 1
		list = append(list, exposure)
		if g.rng.IntN(3) == 0 {
			list = append(list, g.event("click", user, item, g.now.Add(time.Duration(g.rng.Int64N(int64(time.Second))))))
		}
	}
	if request != "" {
		for _, f := range list {
			f["request"] = request
		}
	}
	if n := len(list); n > 1 && g.rng.IntN(5) == 0 { // an outcome overtakes its exposure
		list[n-1], list[n-2] = list[n-2], list[n-1]
	}
	return list
}

// poison is what cannot be read; a number makes each one of its kind.
func (g *traffic) poison() string {
	n := g.rng.Int()
	switch g.rng.IntN(4) {
	case 0:
		return fmt.Sprintf(`{"broken %d`, n)
	case 1:
		return fmt.Sprintf(`{"type":"click","user":"u%d"}`, n)
	case 2:
		return fmt.Sprintf("{\"type\":\"click\",\"user\":\"u\xff\",\"item\":\"%d\"}", n)
	default:
		return fmt.Sprintf(`{"type":"view","user":"u1","item":"%d","ts":"1999-13-41"}`, n)
	}
}

// list is a list that the server answers with, scored as it stands now.
func (g *traffic) list(score func(user, item string, now event.Time) float64) (served post, items []string, user, request string) {
	g.lists++
	user, request = g.user(), fmt.Sprintf("r%d", g.lists)
	record := event.Served{Request: request, User: user, Scene: []string{"default", "default", "auto"}[g.rng.IntN(3)], Time: g.now, Model: "ctr"}
	for range 1 + g.rng.IntN(3) {
		item := g.item()
		items = append(items, item)
		record.Items = append(record.Items, event.ServedItem{Item: item, Score: score(user, item, g.now), Propensity: 0.5})
	}
	return post{recs: []event.Record{{Kind: event.KindServed, Received: g.now, Served: &record}}, once: true}, items, user, request
}

// score is the prediction that lists are ranked by.
func (s *server) score(user, item string, now event.Time) float64 {
	q := s.features.NewQuery()
	s.features.RLock()
	defer s.features.RUnlock()
	ref, ok := s.features.LookupItem(item)
	if !ok {
		return 0.5
	}
	q.Begin(user, nil, now)
	var own features.Vector
	shared := model.Vector(q.Shared())
	q.Item(&own, ref)
	p := make([]float32, len(s.model.Heads()))
	s.model.Predict(p, shared, model.Vector(own))
	return float64(p[0])
}

// tick says that so much time has passed.
func (g *traffic) tick(after time.Duration) post {
	g.now = g.now.Add(after)
	return post{recs: []event.Record{{Kind: event.KindTick, Received: g.now, Tick: &event.Tick{Time: g.now}}}}
}

// judged are the records that a post puts into the log when it comes now: all of its own, but for those that are too late.
func (p *post) judged(in *ingest.Intake, now event.Time) ([]event.Record, error) {
	if p.body == nil {
		return p.recs, nil
	}
	j, err := in.Judge(ingest.Body{Kind: p.kind, Place: "/v1/" + p.kind.String() + "s", Received: now, Bytes: p.body})
	if err != nil {
		return nil, err
	}
	late := 0
	for _, r := range j.Rejected {
		if r.Label == ingest.ReasonLate {
			late++
		}
	}
	if got := len(j.Records) + late; got != p.count {
		return nil, fmt.Errorf("of %d records, %d were accepted or became dead letters and %d are too late: %s", p.count, len(j.Records), late, p.body)
	}
	return j.Records, nil
}
