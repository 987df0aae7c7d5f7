package main

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"recsvc/configs"
	"recsvc/internal/config"
	"recsvc/internal/event"
	"recsvc/internal/features"
)

// liveRoom plays a stream to the features of configs/live.yaml.
type liveRoom struct {
	t      *testing.T
	store  *features.Store
	query  *features.Query
	offset int64
	now    event.Time
}

var liveStart = event.FromTime(time.Date(2026, 11, 11, 20, 0, 0, 0, time.UTC))

func newLiveRoom(t *testing.T) *liveRoom {
	t.Helper()
	c, err := config.Parse("live.yaml", configs.Live, config.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newFeatures(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for id, category := range map[string]string{"boots": "shoes", "sandals": "shoes", "mug": "kitchen"} {
		s.UpsertItem(&event.Item{ID: id, Attrs: event.Attributes{{Key: "categories", Value: exampleList(category)}}})
	}
	return &liveRoom{t: t, store: s, query: s.NewQuery()}
}

// at lets an event happen some seconds after the start: "enter", "click boots".
func (l *liveRoom) at(seconds float64, what, room, channel string) {
	typ, item, _ := strings.Cut(what, " ")
	l.now = liveStart + event.Time(seconds*1e9)
	e := &event.Event{Type: typ, User: "ann", Item: item, Time: l.now, Context: event.Attributes{
		{Key: "channel", Value: exampleText(channel)}, {Key: "room", Value: exampleText(room)},
	}}
	l.store.At(0, l.offset)
	l.offset++
	l.store.Advance(l.now - 5e9)
	l.query.Begin(e.User, e.Context, e.Time)
	l.store.Apply(l.query, e, l.store.EnsureItem(e.Item))
}

// value is a feature for an item in a room, some seconds after the last event.
func (l *liveRoom) value(name, item, room string, after time.Duration) float64 {
	l.t.Helper()
	ref, _ := l.store.LookupItem(item)
	context := event.Attributes{{Key: "room", Value: exampleText(room)}}
	for _, v := range l.store.Values("ann", context, ref, l.now.Add(after)) {
		if v.Name == name {
			return v.Number
		}
	}
	l.t.Fatalf("no feature %q", name)
	return 0
}

func (l *liveRoom) want(name, item, room string, after time.Duration, want float64) {
	l.t.Helper()
	if got := l.value(name, item, room, after); got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
		l.t.Errorf("%s for %s in %s, %v after the last event, is %v, want %v", name, item, room, after, got, want)
	}
}

func TestThreeClicksInOneCategoryWithinFiveMinutesShowForTenMinutes(t *testing.T) {
	l := newLiveRoom(t)
	l.at(0, "click boots", "r1", "ad")
	l.at(100, "click mug", "r1", "ad")
	l.at(200, "click sandals", "r1", "ad")
	l.want("high_intent", "boots", "r1", 0, 0)
	l.at(299, "click boots", "r1", "ad")
	l.want("high_intent", "boots", "r1", 0, 1)
	l.want("high_intent", "sandals", "r2", 10*time.Minute-1, 1)
	l.want("high_intent", "mug", "r1", 0, 0)
	l.want("intent_now", "boots", "r1", 0, 1)
	l.want("high_intent", "boots", "r1", 10*time.Minute, 0)

	l = newLiveRoom(t)
	for _, at := range []float64{0, 200, 300} {
		l.at(at, "click boots", "r1", "ad")
	}
	l.want("high_intent", "boots", "r1", 0, 0)
	l.at(400, "click boots", "r1", "ad") // 200, 300 and 400
	l.want("high_intent", "boots", "r1", 0, 1)
}

func TestAVisitWithACommentAndAClickCountsWhenItEndsWithinTenMinutes(t *testing.T) {
	for _, tc := range []struct {
		name   string
		events []string
		exit   float64
		want   float64
	}{
		{"in order, with others between", []string{"enter", "like", "comment", "comment", "click boots"}, 599, 1},
		{"ten minutes are too long", []string{"enter", "comment", "click boots"}, 600, 0},
		{"no comment before the click", []string{"enter", "click boots", "comment"}, 100, 0},
		{"never entered", []string{"comment", "click boots"}, 100, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLiveRoom(t)
			for i, what := range tc.events {
				l.at(float64(i), what, "r1", "ad")
			}
			l.at(tc.exit, "exit", "r1", "ad")
			l.want("engaged_visit", "boots", "r1", 0, tc.want)
			l.want("engaged_visit", "boots", "r2", 0, 0)
			l.want("engaged_categories", "boots", "r2", 0, math.Log(1+tc.want)) // the event carries the product
			l.want("engaged_categories", "mug", "r2", 0, 0)
		})
	}
}

func TestAnInteractionCountsAfterTenSecondsInTheRoom(t *testing.T) {
	l := newLiveRoom(t)
	l.at(0, "enter", "r1", "ad")
	l.at(9, "like boots", "r1", "ad")
	l.want("warmed_up", "boots", "r1", 0, math.NaN())
	l.at(10, "comment", "r1", "ad")
	l.want("warmed_up", "boots", "r1", 3*time.Second, 3)

	l = newLiveRoom(t)
	l.at(0, "enter", "r1", "ad")
	l.at(5, "exit", "r1", "ad")
	l.at(15, "like boots", "r1", "ad")
	l.want("warmed_up", "boots", "r1", 0, math.NaN())
}

func TestACartThatIsNotBoughtShowsWhenItsTimeIsOver(t *testing.T) {
	l := newLiveRoom(t)
	l.at(0, "cart boots", "r1", "ad")
	l.at(1, "cart mug", "r1", "ad")
	l.at(60, "purchase boots", "r1", "ad")
	l.at(904, "like boots", "r1", "ad")
	l.want("cart_left", "mug", "r1", 0, 0)
	l.at(906, "like boots", "r1", "ad") // the watermark stands at 901 s
	l.want("cart_left", "mug", "r1", 0, 1)
	l.want("cart_left", "boots", "r1", 0, 0)
}

// The channel distribution of the last three stays over 30 s.
func TestTheChannelsOfTheLastThreeStaysOverHalfAMinute(t *testing.T) {
	l := newLiveRoom(t)
	for i, stay := range []struct {
		channel string
		seconds float64
	}{{"search", 100}, {"ad", 31}, {"friend", 30}, {"friend", 5}, {"ad", 40}, {"feed", 3600}} {
		begin := float64(i) * 10_000
		l.at(begin, "enter", "r1", stay.channel)
		l.at(begin+stay.seconds, "exit", "r1", "unknown") // the channel is that of the enter
	}
	n := l.store.NewNamer()
	q := l.store.NewQuery()
	got := map[string]float64{}
	// Texts of channels are at hand where the context has one.
	for _, channel := range []string{"search", "ad", "friend", "feed"} {
		q.Begin("ann", event.Attributes{{Key: "channel", Value: exampleText(channel)}}, l.now)
		q.Shared()
		for _, v := range n.Named(q, nil) {
			for i, text := range v.List {
				if v.Name == "stay_channels" && text == channel {
					got[channel] = math.Round(v.Weights[i] * 300)
				}
			}
		}
	}
	if want := map[string]float64{"ad": 200, "feed": 100}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("hundredths of three: %v, want %v", got, want)
	}
	stays := (100 + 31 + 30 + 5 + 40 + 3600) / 6.0
	if got := l.value("stay_mean_30d", "boots", "r1", 0); math.Abs(got-math.Log(1+stays)) > 1e-6 {
		t.Errorf("the mean stay is %v in logarithms, want that of %v", got, stays)
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(patterns:.*?)```")

func TestThePatternsOfTheGuideCompile(t *testing.T) {
	text, err := os.ReadFile("../../docs/patterns.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
	secret := config.Overrides{Env: func(name string) (string, bool) { return hookSecret, name == "CART_SECRET" }}
	if len(blocks) < 3 {
		t.Errorf("only %d examples", len(blocks))
	}
	for _, b := range blocks {
		c, err := config.Parse("patterns.md", []byte("models: [{name: m, heads: [{name: click, positive: [click]}]}]\n"+b[1]), secret)
		if err == nil {
			_, err = newFeatures(c, nil)
		}
		if err != nil {
			t.Errorf("%v in\n%s", err, b[1])
		}
	}
}

func TestAWrongPatternIsShownAtItsPlaceInTheFile(t *testing.T) {
	const head = "models: [{name: m, heads: [{name: click, positive: [click]}]}]\npatterns:\n  - name: p\n    within: 5m\n"
	for _, tc := range []struct{ name, text, want string }{
		{"a condition", head + "    steps:\n      - {name: x, on: a}\n      - {followed_by: {types: b, where: \"valu > 1\"}}\n    emit: {feature: {ttl: 1m}}\n",
			`p.yaml:7:41: patterns[0].steps[1].followed_by.where: pattern "p": 1:1: no "valu" here`},
		{"a step", head + "    steps:\n      - {name: x, next: a}\n    emit: {feature: {ttl: 1m}}\n",
			`p.yaml:6:25: patterns[0].steps[0].next: pattern "p": the first step follows nothing: write on`},
		{"an output", head + "    steps:\n      - {on: a}\n    emit: {feature: {as: count}}\n",
			`p.yaml:7:22: patterns[0].emit.feature.ttl: pattern "p": must be longer than 0`},
		{"no output", head + "    steps:\n      - {on: a}\n", `p.yaml:3:5: patterns[0].emit: pattern "p": give feature, event or webhook`},
		{"a circle", head + "    steps:\n      - {on: a}\n    emit: {event: {type: a}}\n",
			`p.yaml:7:26: patterns[0].emit.event.type: pattern "p": a match would lead to itself: p -> p`},
		{"a feature of the same name", head + "    steps:\n      - {on: a}\n    emit: {feature: {ttl: 1m}}\nfeatures:\n  - {name: p, kind: count, on: a}\n",
			`p.yaml:9:12: features[0].name: feature "p": "p" is defined twice`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := config.Parse("p.yaml", []byte(tc.text), config.Overrides{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err = newFeatures(c, nil); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}
