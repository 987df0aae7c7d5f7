package engine

import (
	"fmt"
	"math/rand/v2"
	"time"

	"recsvc/internal/event"
)

// start is the time of the first record of a test's log: an hour before midnight, so that streams span two days.
var start = event.FromTime(time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC))

// at is an instant so many seconds after the start.
func at(seconds float64) event.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

func behaviour(kind, user, item string, t event.Time) event.Record {
	return event.Record{Kind: event.KindEvent, Received: t, Event: &event.Event{Type: kind, User: user, Item: item, Time: t}}
}

func itemRecord(id string, attrs ...event.Attribute) event.Record {
	return event.Record{Kind: event.KindItem, Received: start, Item: &event.Item{ID: id, Attrs: attrs}}
}

func tick(t event.Time) event.Record {
	return event.Record{Kind: event.KindTick, Received: t, Tick: &event.Tick{Time: t}}
}

func servedRecord(request, user, scene string, t event.Time, items ...event.ServedItem) event.Record {
	return event.Record{Kind: event.KindServed, Received: t, Served: &event.Served{
		Request: request, User: user, Scene: scene, Time: t, Items: items,
	}}
}

func letterRecord(text string, t event.Time) event.Record {
	return event.Record{Kind: event.KindDeadLetter, Received: t, DeadLetter: &event.DeadLetter{
		Source: "test", Reason: "bad_json", Detail: "no object", Place: "/v1/events[0]", Bytes: []byte(text), Size: int64(len(text)),
	}}
}

func words(list ...string) event.Value { return event.Value{Kind: event.List, List: list} }
func text(s string) event.Value        { return event.Value{Kind: event.String, Str: s} }
func number(x float64) event.Value     { return event.Value{Kind: event.Number, Num: x} }

// traffic makes a log with everything in it: catalogue and profiles, lists that were served and lists ranked elsewhere,
// outcomes in and out of time and order, duplicates, late events, dead letters, quiet times and ticks.
type traffic struct {
	rng   *rand.Rand
	log   []event.Record
	now   event.Time
	lists int
	ids   int
	sent  []event.Record // with an id: any of them may come again
}

// makeTraffic returns n records or a few more; the same for the same seed.
func makeTraffic(seed uint64, n int) []event.Record {
	g := &traffic{rng: rand.New(rand.NewPCG(seed, 1)), now: start}
	for i := range 40 {
		g.add(itemRecord(fmt.Sprintf("i%d", i),
			event.Attribute{Key: "categories", Value: words(fmt.Sprintf("c%d", i%6))},
			event.Attribute{Key: "created", Value: text("2026-02-01T00:00:00Z")},
			event.Attribute{Key: "price", Value: number(float64(1 + i*3))}))
	}
	for len(g.log) < n {
		g.now = g.now.Add(time.Duration(g.rng.IntN(1500)) * time.Millisecond)
		g.step()
	}
	g.add(tick(g.now.Add(dwellWindow + lateness + time.Second)))
	return g.log
}

func (g *traffic) add(recs ...event.Record) { g.log = place(g.log, recs...) }

func (g *traffic) user() string { return fmt.Sprintf("u%d", g.rng.IntN(25)) }
func (g *traffic) item() string { return fmt.Sprintf("i%d", g.rng.IntN(45)) } // some of them not in the catalogue

// event adds a behaviour event, most of them with an id.
func (g *traffic) event(r event.Record) {
	r.Received = g.now
	r.Event.Context = event.Attributes{{Key: "tab", Value: number(float64(g.rng.IntN(3)))}}
	if g.rng.IntN(10) > 0 {
		g.ids++
		r.Event.ID = fmt.Sprint(g.ids)
		g.sent = append(g.sent, r)
	}
	g.add(r)
}

func (g *traffic) step() {
	switch x := g.rng.IntN(100); {
	case x < 45:
		g.list(x < 20)
	case x < 60:
		g.event(behaviour("view", g.user(), g.item(), g.now))
	case x < 70 && len(g.sent) > 0:
		r := g.sent[g.rng.IntN(len(g.sent))]
		r.Received = g.now
		g.add(r)
	case x < 75: // late, but it counts
		g.event(behaviour("click", g.user(), g.item(), g.now.Add(-time.Duration(g.rng.IntN(int(30*time.Minute))))))
	case x < 79: // beyond the horizon
		g.event(behaviour("click", g.user(), g.item(), g.now.Add(-horizon-time.Minute)))
	case x < 82:
		g.add(letterRecord(fmt.Sprintf(`{"broken %d`, g.rng.IntN(9)), g.now))
	case x < 85:
		g.add(itemRecord(g.item(), event.Attribute{Key: "price", Value: number(float64(g.rng.IntN(200)))}))
	case x < 88:
		g.add(event.Record{Kind: event.KindUser, Received: g.now, User: &event.User{ID: g.user(), Attrs: event.Attributes{{Key: "age", Value: number(float64(g.rng.IntN(80)))}}}})
	case x < 90:
		g.now = g.now.Add(3 * time.Minute)
		g.add(tick(g.now))
	case x < 91:
		g.add(event.Record{Kind: event.KindItem, Received: g.now, Item: &event.Item{ID: g.item(), Deleted: true}})
	default:
		g.event(behaviour("dwell", g.user(), g.item(), g.now))
		g.log[len(g.log)-1].Event.Value, g.log[len(g.log)-1].Event.HasValue = float64(g.rng.IntN(30)), true
	}
}

// list adds a list of a few items with its exposures and outcomes; served says whether this server made it.
func (g *traffic) list(served bool) {
	g.lists++
	user, request := g.user(), fmt.Sprintf("r%d", g.lists)
	items := make([]event.ServedItem, 1+g.rng.IntN(4))
	for i := range items {
		items[i] = event.ServedItem{Item: g.item(), Score: 0.5, Propensity: 0.5}
	}
	if served {
		scene := "default"
		if g.rng.IntN(4) == 0 {
			scene = "auto"
		}
		g.add(servedRecord(request, user, scene, g.now, items...))
	}
	for i, item := range items {
		g.now = g.now.Add(time.Duration(g.rng.IntN(400)) * time.Millisecond)
		exposure := behaviour("exposure", user, item.Item, g.now)
		exposure.Event.Request, exposure.Event.Position = request, int32(i+1)
		click := behaviour("click", user, item.Item, g.now.Add(time.Duration(g.rng.IntN(1500))*time.Millisecond))
		click.Event.Request = request
		clicked := g.rng.IntN(3) == 0
		switch {
		case clicked && g.rng.IntN(6) == 0: // the outcome overtakes its exposure
			g.event(click)
			g.event(exposure)
			continue
		case clicked && g.rng.IntN(6) == 0: // the exposure never comes
			g.event(click)
			continue
		}
		g.event(exposure)
		if clicked {
			g.event(click)
		}
	}
}
