package features

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"recsvc/internal/event"
)

func TestAnEntityHasTheFeaturesThatAreKeptUnderItsScope(t *testing.T) {
	s := readoutStore(t)
	fillReadouts(s)
	clickIn(s, "v7")
	for _, tc := range []struct {
		scope, key string
		want       map[string]any // some of the values
		only       int            // features in all; 0: not counted
	}{
		{"user", "ann", map[string]any{"clicks_1m": 5.0, "clicks_1h": 5.0, "spent": 0.0}, 0},
		{"item", "mug", map[string]any{"item_ctr": nil}, 1},
		{"user,item.categories[0]", "ann,desk", map[string]any{"user_cat_ctr": nil}, 1},
		{"item.categories[0],user", "desk,ann", map[string]any{"user_cat_ctr": nil}, 1},
		{"user,item", "ann,mug", map[string]any{"pair": 4.0}, 1},
		{"item.categories[0]", "kitchen", map[string]any{"heat": 4.0}, 1},
		{"item.categories[0]", "desk", map[string]any{"heat": 1.0}, 1},
		{"context.device", "ios", map[string]any{"device_ctr": nil}, 1},
		{"user.city,context.device", "Oslo,ios", map[string]any{"cohort": 5.0}, 1},
		{"session", "v7", map[string]any{"visit": 1.0}, 1},
		{"global", "global", map[string]any{"all": 5.0}, 1},
	} {
		got, err := s.Entity(strings.Split(tc.scope, ","), strings.Split(tc.key, ","), t0.Add(20*time.Second))
		if err != nil {
			t.Errorf("%s/%s: %v", tc.scope, tc.key, err)
			continue
		}
		if tc.only > 0 && len(got) != tc.only {
			t.Errorf("%s/%s: %d features, want %d", tc.scope, tc.key, len(got), tc.only)
		}
		values := map[string]EntityFeature{}
		for _, f := range got {
			values[f.Name] = f
		}
		for name, want := range tc.want {
			f, ok := values[name]
			if !ok || want != nil && f.Any() != want || f.Any() == nil || len(f.Version) != 12 || f.Kind == "" {
				t.Errorf("%s/%s: %s is %+v, want %v", tc.scope, tc.key, name, f, want)
			}
		}
	}
}

// clickIn applies one click of a session.
func clickIn(s *Store, session string) {
	q := s.NewQuery()
	e := event.Event{Type: "click", User: "ann", Item: "mug", Session: session, Context: device("ios"), Time: t0.Add(5 * time.Second)}
	q.Begin(e.User, e.Context, e.Time)
	s.Apply(q, &e, s.EnsureItem(e.Item))
}

func TestAnEntitysRateIsThatOfItsOwnKey(t *testing.T) {
	s := readoutStore(t)
	fillReadouts(s)
	at := t0.Add(20 * time.Second)
	for _, category := range []string{"kitchen", "desk"} {
		item := map[string]string{"kitchen": "mug", "desk": "pen"}[category]
		got, err := s.Entity([]string{"user", "item.categories[0]"}, []string{"ann", category}, at)
		if err != nil {
			t.Fatal(err)
		}
		if want := value(t, s, "ann", item, "user_cat_ctr", at); got[0].Number != want {
			t.Errorf("%s: %v, want %v", category, got[0].Number, want)
		}
	}
}

func TestAWindowOfAnEntityIsTold(t *testing.T) {
	s := readoutStore(t)
	fillReadouts(s)
	got, err := s.Entity([]string{"user"}, []string{"ann"}, t0.Add(2*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	var hour, minute EntityFeature
	for _, f := range got {
		switch f.Name {
		case "clicks_1h":
			hour = f
		case "clicks_1m":
			minute = f
		}
	}
	if hour.Window != "1h" || minute.Window != "1m" || hour.Number != 4 || minute.Number != 0 {
		t.Errorf("hour %+v, minute %+v: a window decays as it is read", hour, minute)
	}
}

func TestWhatIsNoEntityIsSaidToBeNone(t *testing.T) {
	s := readoutStore(t)
	fillReadouts(s)
	for _, tc := range []struct{ scope, key string }{
		{"user", "bob"},
		{"item", "lamp"},
		{"user,item.categories[0]", "ann,garden"},
		{"user,item.categories[0]", "bob,desk"},
		{"user,item", "ann,lamp"},
		{"item.categories[0]", "garden"},
		{"context.device", "tv"},
		{"user.city,context.device", "Bergen,ios"},
		{"session", "v7"},
	} {
		if _, err := s.Entity(strings.Split(tc.scope, ","), strings.Split(tc.key, ","), t0); !errors.Is(err, ErrNeverSeen) {
			t.Errorf("%s/%s: %v", tc.scope, tc.key, err)
		}
	}
	_, err := s.Entity([]string{"user", "item.brand"}, []string{"ann", "x"}, t0)
	var scope *NoScopeError
	if !errors.As(err, &scope) || !strings.Contains(err.Error(), "user,item.categories[0]; ") || !strings.Contains(err.Error(), "global") {
		t.Errorf("an unknown scope: %v", err)
	}
	_, err = s.Entity([]string{"user", "item"}, []string{"ann"}, t0)
	var key *KeyError
	if !errors.As(err, &key) || key.Want != 2 || key.Got != 1 {
		t.Errorf("a key of one part: %v", err)
	}
}

func TestAPatternIsAFeatureOfItsScope(t *testing.T) {
	s, err := New(definitions()[:1], Options{Patterns: []Pattern{{
		Name: "keen", Scope: []string{"user", "context.device"}, Within: time.Minute,
		Steps: []Step{{On: On("click"), Times: 2}}, Emit: Emit{Feature: &MatchFeature{TTL: time.Hour}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	q := s.NewQuery()
	do(s, q, "click", "ann", "mug", t0)
	do(s, q, "click", "ann", "mug", t0.Add(time.Second))
	scope := []string{"user", "context.device"}
	got, err := s.Entity(scope, []string{"ann", "ios"}, t0.Add(time.Minute))
	if err != nil || len(got) != 1 || got[0].Name != "keen" || got[0].Kind != "pattern" || got[0].Number != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := s.Entity(scope, []string{"ann", "tv"}, t0.Add(time.Minute)); !errors.Is(err, ErrNeverSeen) {
		t.Errorf("another device: %v", err)
	}
	if c := s.Compiled(); len(c) != 2 || c[0].Definition.Name != "keen" || c[0].Version != got[0].Version {
		t.Errorf("compiled to %+v", c)
	}
}

func TestADefinitionIsWrittenByKeyAsInTheConfiguration(t *testing.T) {
	mean := 0.5
	for _, tc := range []struct {
		keys map[string]any
		want string
	}{
		{Definition{
			Name: "ctr", Kind: "rate", Scope: []string{"user"}, Of: On("click"), Over: Selection{Types: []string{"*"}, Where: "value > 1"},
			Windows: []time.Duration{time.Minute, 48 * time.Hour}, Prior: Prior{Strength: 2, Mean: &mean},
		}.Keys(), `{"kind":"rate","name":"ctr","of":{"types":["click"]},"over":{"types":["*"],"where":"value \u003e 1"},` +
			`"prior":{"mean":0.5,"strength":2},"scope":["user"],"windows":["1m","2d"]}`},
		{Pattern{
			Name: "keen", Within: 90 * time.Second, Steps: []Step{{On: On("click"), Times: 3}}, Emit: Emit{Feature: &MatchFeature{TTL: time.Hour}},
		}.Keys(), `{"emit":{"feature":{"ttl":"1h"}},"name":"keen","steps":[{"on":{"types":["click"]},"times":3}],"within":"90s"}`},
	} {
		if got, err := json.Marshal(tc.keys); err != nil || string(got) != tc.want {
			t.Errorf("got  %s, %v\nwant %s", got, err, tc.want)
		}
	}
}
