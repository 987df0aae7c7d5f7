package autofeature

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"recsvc/internal/config"
	"recsvc/internal/event"
)

var update = flag.Bool("update", false, "write the golden file anew")

func TestFieldsGetTheRoleThatTheyAreGoodForOrAReason(t *testing.T) {
	p := propose(t, stream(6000))
	for _, tc := range []struct {
		field  string
		role   Role
		reason string
	}{
		{"context.device", Category, "feature device"},
		{"item.price", Number, "feature price, price_bucket"},
		{"item.shape[0]", LeftOut, "tells nothing beyond chance"},
		{"item.shape[1]", LeftOut, "tells nothing beyond chance"},
		{"context.noise", LeftOut, "tells nothing beyond chance"},
		{"context.fixed", LeftOut, "constant"},
		{"context.trace", LeftOut, "an id"},
		{"item.serial", LeftOut, "an id: 200 values for 200 items"},
		{"context.watched", LeftOut, "leak: on 100 % of exposures with a click, on 0.0 % of those without"},
		{"context.button", LeftOut, "after the exposure have it"},
		{"context.rank", LeftOut, "the place in the list"},
		{"item.title", LeftOut, "a text"},
		{"item.vector", LeftOut, "a vector"},
		{"context.agent", LeftOut, "a user agent: the kind user_agent tells device, browser and system, which tells nothing"},
		{"context.link", LeftOut, "an address"},
		{"context.came_by", Category, "feature came_by_medium"},
		{"context.place", LeftOut, "a point on the globe"},
		{"item.created", LeftOut, "tells nothing beyond chance"},
		{"time.weekday", LeftOut, "tells nothing beyond chance"},
	} {
		t.Run(tc.field, func(t *testing.T) {
			f := p.field(t, tc.field)
			if f.Role != tc.role || !strings.Contains(f.Reason, tc.reason) {
				t.Errorf("role %s, reason %q; want %s, %q", f.Role, f.Reason, tc.role, tc.reason)
			}
			if used := p.holds("field: " + f.Name); used != (f.Role != LeftOut) {
				t.Errorf("used: %v, with role %s", used, f.Role)
			}
		})
	}
}

func TestWhatIsProposedFollowsTheSample(t *testing.T) {
	p := propose(t, stream(6000))
	if len(p.Heads) != 1 || p.Heads[0].Type != "click" || p.Heads[0].Window != 10*time.Minute {
		t.Errorf("heads %+v", p.Heads)
	}
	for _, want := range [][]string{
		{"kind: rate", "scope: item,", "of: click, over: exposure"},
		{"kind: rate", "scope: context.device,", "of: click, over: exposure"},
		{"field: item.price, as: log"}, // it is skewed
	} {
		if !p.holds(want...) {
			t.Errorf("nothing with %v among %v", want, p.Features)
		}
	}
	if p.holds("position") || p.holds("rank") {
		t.Error("a place in the list became a feature")
	}
}

func TestEqualSamplesMakeEqualProposals(t *testing.T) {
	text := func() string {
		var b bytes.Buffer
		p := propose(t, stream(3000))
		if err := errors.Join(p.WriteYAML(&b), p.WriteTable(&b)); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if a, b := text(), text(); a != b {
		t.Errorf("two proposals of one sample:\n%s\n%s", a, b)
	}
}

// A difference means that the proposal for the same sample has changed: look at whether it is better, then run with -update.
func TestAProposalIsAsItWas(t *testing.T) {
	var got bytes.Buffer
	p := propose(t, stream(2000))
	if err := errors.Join(p.WriteYAML(&got), p.WriteTable(&got)); err != nil {
		t.Fatal(err)
	}
	const path = "testdata/proposal.txt"
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestListsLeaveOutWhatCountsThePlacesAbove(t *testing.T) {
	s := NewSample(1 << 30)
	at := event.FromTime(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	for i := range 800 { // lists of five; the first is clicked mostly, so that the place tells nearly all
		at = at.Add(time.Minute)
		user, request := fmt.Sprint("u", i%40), fmt.Sprint("r", i)
		for place := range 5 {
			e := event.Event{Type: "exposure", User: user, Item: fmt.Sprint("i", (7*i+place)%60), Request: request, Time: at, Position: int32(place + 1)}
			s.Add(&event.Record{Kind: event.KindEvent, Event: &e})
		}
		c := event.Event{Type: "click", User: user, Item: fmt.Sprint("i", (7*i+i%10/9)%60), Request: request, Time: at.Add(time.Second)}
		s.Add(&event.Record{Kind: event.KindEvent, Event: &c})
	}
	p := propose(t, s)
	for _, f := range p.Features {
		if strings.Contains(f.Body, "scope: user,") && strings.Contains(f.Body, "exposure") {
			t.Errorf("%s counts places: %s", f.Name, f.Body)
		}
	}
	if !strings.Contains(strings.Join(p.Notes, "\n"), "exposures come in lists") {
		t.Errorf("notes %q do not say so", p.Notes)
	}
}

func TestRatingsStandForExposuresWhereThereAreNone(t *testing.T) {
	s := NewSample(1 << 30)
	at := event.FromTime(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	for i := range 3000 {
		at = at.Add(time.Second)
		item := i * 7 % 31
		e := event.Event{Type: "rating", User: fmt.Sprint("u", i%43), Item: fmt.Sprint("i", item), Time: at, HasValue: true, Value: float64(1 + (item+i%2)%5)}
		s.Add(&event.Record{Kind: event.KindEvent, Event: &e})
	}
	p := propose(t, s)
	if h := p.Heads[0]; h.Type != "rating" || !h.HasMin || h.Min != 3 {
		t.Errorf("head %+v: want ratings of 3 and more", h)
	}
	if !p.holds("scope: item,", `of: {types: rating, where: "value >= 3"}, over: rating`) {
		t.Errorf("no rate of good ratings by item: %v", p.Features)
	}
}

func TestSamplesThatTellNothingAreRefused(t *testing.T) {
	at := event.FromTime(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	only := func(typ string) *Sample {
		s := NewSample(100)
		for i := range 100 {
			s.Add(&event.Record{Kind: event.KindEvent, Event: &event.Event{Type: typ, User: "u", Item: fmt.Sprint(i), Time: at}})
		}
		return s
	}
	for _, tc := range []struct {
		name   string
		sample *Sample
		want   error
	}{
		{"nothing at all", NewSample(10), ErrNoExposures},
		{"clicks alone", only("click"), ErrNoExposures},
		{"exposures alone", only("exposure"), ErrNoOutcome},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := tc.sample.Propose(); !errors.Is(err, tc.want) {
				t.Errorf("%v; want %v", err, tc.want)
			}
		})
	}
}

func TestNamesThatYAMLWouldMisreadAreQuotedOrLeftOut(t *testing.T) {
	keys := []string{"a: b", "on", "#x", "new\nline", "价格", `quo"te`, "br[0]", "null", "1", "x, y", "{z}"}
	s := NewSample(1 << 30)
	at := event.FromTime(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	for i := range 4000 {
		at = at.Add(time.Second)
		e := event.Event{Type: "exposure", User: fmt.Sprint("u", i%11), Item: fmt.Sprint("i", i%13), Time: at}
		for j, key := range keys { // each tells something: whether i is divisible by a number of its own
			e.Context = append(e.Context, event.Attribute{Key: key, Value: str(fmt.Sprint(i % (j + 2)))})
		}
		s.Add(&event.Record{Kind: event.KindEvent, Event: &e})
		for j := range keys {
			if i%(j+2) == 0 && i%(3*j+5) < 2 {
				c := event.Event{Type: "like, \"it\"", User: e.User, Item: e.Item, Time: at}
				s.Add(&event.Record{Kind: event.KindEvent, Event: &c})
			}
		}
	}
	p := propose(t, s)
	var b bytes.Buffer
	if err := p.WriteYAML(&b); err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("proposal", b.Bytes(), config.Overrides{})
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if len(c.Features) != len(p.Features) {
		t.Fatalf("%d features were read of %d", len(c.Features), len(p.Features))
	}
	read := make(map[string]bool)
	for _, f := range c.Features {
		read[f.Field] = true
	}
	for _, key := range keys {
		f := p.field(t, "context."+key)
		if f.Role != LeftOut && !read[f.Name] {
			t.Errorf("field %q was not read back from\n%s", f.Name, b.String())
		}
	}
	for _, key := range []string{`quo"te`, "br[0]"} {
		if f := p.field(t, "context."+key); !strings.Contains(f.Reason, "cannot name") {
			t.Errorf("field %q: %q", f.Name, f.Reason)
		}
	}
}
