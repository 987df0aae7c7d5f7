package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, yaml string) (*Config, error) {
	t.Helper()
	return Parse("test.yaml", []byte(yaml), Overrides{})
}

func mustParse(t *testing.T, yaml string) *Config {
	t.Helper()
	c, err := parse(t, yaml)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return c
}

const whole = `# a comment first
listen: 127.0.0.1:9090
horizon: 7d
log: {segment_bytes: 8MiB, retain_age: 1d12h}
kafka:
  brokers: a:9092
features:
  - name: clicks
    kind: count
    scope: [user, "item.tags[0]"]
    on: click
    window: 1h
    slide: 5m
  - &rate
    name: rate
    kind: rate
    of: click
    over: [exposure]
    prior: {strength: 20}
    as: log_odds
  - <<: *rate
    name: rate_half
    half_life: 24h
    prior: {strength: 5, mean: 0.25}
  - {name: b, kind: bucketize, input: clicks, buckets: log2}
  - {name: c, kind: bucketize, input: clicks, buckets: [0, 1, 5.5]}
models:
  - name: ctr
    heads:
      - name: click
        positive: [click]
      - name: long_dwell
        positive: [long_view, {type: dwell, min: 30}]
        window: 2h
recall: {weights: {click: 1, like: 2.5}}
rank:
  scenes:
    home:
      epsilon: 0
      channels: [{name: trending, quota: 20}, {name: new}]
      seen: {policy: hide}
`

func TestAWholeFileIsReadAndWhatIsAbsentKeepsItsDefault(t *testing.T) {
	c := mustParse(t, whole)
	half, thirty := 0.25, 30.0
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"listen", c.Listen, "127.0.0.1:9090"},
		{"horizon in days", c.Horizon, 7 * 24 * time.Hour},
		{"lateness", c.Lateness, 5 * time.Second},
		{"segment", c.Log.SegmentBytes, Size(8 << 20)},
		{"mixed duration", c.Log.RetainAge, 36 * time.Hour},
		{"one broker as text", c.Kafka.Brokers, Strings{"a:9092"}},
		{"the rest of a section", c.Kafka.Topic, "recsvc"},
		{"scope", c.Features[0].Scope, Strings{"user", "item.tags[0]"}},
		{"one event type as text", c.Features[0].On, Selection{Types: Strings{"click"}}},
		{"slide", c.Features[0].Slide, 5 * time.Minute},
		{"prior without a mean", c.Features[1].Prior, Prior{Strength: 20}},
		{"merged key", c.Features[2].Over, Selection{Types: Strings{"exposure"}}},
		{"own key wins over a merged one", c.Features[2].Name, "rate_half"},
		{"own section wins over a merged one", c.Features[2].Prior, Prior{Strength: 5, Mean: &half}},
		{"log2 buckets", c.Features[3].Buckets, Buckets{Log2: true}},
		{"listed buckets", c.Features[4].Buckets, Buckets{Bounds: []float64{0, 1, 5.5}}},
		{"bits", c.Models[0].Bits, 22},
		{"score is the first head", c.Models[0].Score, "click"},
		{"head's window", c.Models[0].Heads[0].Window, 30 * time.Minute},
		{"outcome as text", c.Models[0].Heads[1].Positive, []Outcome{{Type: "long_view"}, {Type: "dwell", Min: &thirty}}},
		{"explicit zero", c.Rank.Scenes["home"].Epsilon, 0.0},
		{"scene default", c.Rank.Scenes["home"].MinPool, 100},
		{"weights", c.Recall.Weights, map[string]float64{"click": 1, "like": 2.5}},
		{"recall default", c.Recall.Neighbours, 64},
		{"listed channels replace the default ones", c.Rank.Scenes["home"].Channels, []Channel{{Name: "trending", Quota: 20}, {Name: "new", Quota: 50}}},
		{"seen keeps the rest", c.Rank.Scenes["home"].Seen, Seen{Policy: "hide", Times: 3, Within: 24 * time.Hour, Acted: true}},
		{"default scene", c.Rank.Scenes["default"].Epsilon, 0.05},
	} {
		if !reflect.DeepEqual(tc.got, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, tc.got, tc.want)
		}
	}
}

func TestAnEmptyFileIsTheDefaultConfiguration(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment\n", "---\n", "features:\nmodels:\n"} {
		c := mustParse(t, text)
		if c.Listen != "127.0.0.1:8080" || c.RequestDeadline != time.Second || c.Limits.BodyBytes != 8<<20 {
			t.Errorf("%q: defaults are gone: %+v", text, c)
		}
	}
}

func TestEveryMistakeIsNamedWithItsPlaceAndAWayOut(t *testing.T) {
	for _, tc := range []struct{ name, yaml, want string }{
		{"unknown key", "lissten: x\n", `test.yaml:1:1: lissten: unknown key; did you mean "listen"?`},
		{"unknown nested key", "features:\n  - name: a\n    kind: count\n    windw: 5m\n", `test.yaml:4:5: features[0].windw: unknown key; did you mean "window"?`},
		{"nothing near", "prior:\n", `test.yaml:1:1: prior: unknown key; known are listen, data`},
		{"no unit", "lateness: 30\n", `test.yaml:1:11: lateness: "30" is not a duration: write it like 500ms, 30m, 24h or 7d`},
		{"bad size", "limits:\n  body_bytes: 8 megs\n", `test.yaml:2:15: limits.body_bytes: "8 megs" is not a size`},
		{"fraction for a whole number", "models: [{name: m, bits: 1.5}]\n", `test.yaml:1:26: models[0].bits: "1.5" is not a whole number`},
		{"list for a text", "listen: [a]\n", `test.yaml:1:9: listen: must be one value, not a list`},
		{"text for a mapping", "kafka: yes\n", `test.yaml:1:8: kafka: must be a mapping (key: value), not "yes"`},
		{"mapping for a list", "features: {}\n", `test.yaml:1:11: features: must be a list (- a, or [a, b]), not a mapping`},
		{"text for a bool", "rank: {scenes: {a: {seen: {acted: yep}}}}\n", `rank.scenes.a.seen.acted: must be true or false, not "yep"`},
		{"not finite", "models: [{heads: [{alpha: .nan}]}]\n", `models[0].heads[0].alpha: ".nan" is not a finite number`},
		{"twice", "listen: a\nlisten: b\n", `test.yaml:2:1: mapping key "listen" already defined`},
		{"not YAML", "listen: {\n", `test.yaml:1:9: `},
		{"two documents", "listen: 127.0.0.1:1\n---\nlisten: 127.0.0.1:2\n", `test.yaml:3:7: a second document`},
		{"out of range", "models:\n- name: m\n  heads:\n  - name: h\n    positive: click\n", `models[0].heads[0].positive: must be a list`},
		{"alpha", "models: [{name: m, heads: [{name: h, positive: [click], alpha: 0}]}]\n", `test.yaml:1:64: models[0].heads[0].alpha: must be above 0`},
		{"learner", "models: [{name: m, heads: [{name: h, positive: [click], learner: svm}]}]\n", `models[0].heads[0].learner: unknown word "svm"`},
		{"factors", "models: [{name: m, heads: [{name: h, positive: [click], learner: fm, factors: 64}]}]\n", `models[0].heads[0].factors: `},
		{"latent vectors of none", "models: [{name: m, heads: [{name: h, positive: [click], latent: {alpha: 0.1}}]}]\n", `write learner: fm`},
		{"decay of none", "models: [{name: m, heads: [{name: h, positive: [click], decay: 1000}]}]\n", `write learner: sgd`},
		{"two admissions", "models: [{name: m, heads: [{name: h, positive: [click], admit: {after: 2, share: 0.5}}]}]\n", `models[0].heads[0].admit: give after or share, not both`},
		{"admitted too late", "models: [{name: m, heads: [{name: h, positive: [click], admit: {after: 16}}]}]\n", `models[0].heads[0].admit.after: must lie between 1 and 15`},
		{"short eviction", "models: [{name: m, heads: [{name: h, positive: [click], evict: {examples: 10}}]}]\n", `models[0].heads[0].evict.examples: must be at least 1000, or be left out`},
		{"two half-lives", "models: [{name: m, heads: [{name: h, positive: [click], forget: {examples: 5000, time: 1h}}]}]\n", `models[0].heads[0].forget: give examples or time, not both`},
		{"nothing to forget", "models: [{name: m, heads: [{name: h, positive: [click], learner: sgd, forget: {time: 1h}}]}]\n", `models[0].heads[0].forget: plain descent has nothing to forget`},
		{"two of a name", "features: [{name: a, kind: count}, {name: a, kind: count}]\n", `features[1].name: "a" is defined twice`},
		{"weak key", "keys: [{name: a, key: secret, roles: read}]\n", `keys[0].key: must have at least 16 characters`},
		{"no role", "keys: [{name: a, key: 0123456789abcdef}]\n", `keys[0].roles: needs at least one of read, write, admin`},
		{"two patterns of a name", "patterns: [{name: p}, {name: p}]\n", `patterns[1].name: "p" is defined twice`},
		{"unknown key of a step", "patterns:\n  - name: p\n    steps:\n      - {on: a, time: 3}\n", `test.yaml:4:17: patterns[0].steps[0].time: unknown key; did you mean "times"?`},
		{"webhook to nowhere", "patterns: [{name: p, emit: {webhook: {url: 'ftp://x', secret_env: NOPE}}}]\n", `patterns[0].emit.webhook.url: must be an address such as https://`},
		{"webhook without a secret", "patterns: [{name: p, emit: {webhook: {url: 'https://x/y'}}}]\n", `patterns[0].emit.webhook.secret_env: is missing`},
		{"secret from nowhere", "patterns: [{name: p, emit: {webhook: {url: 'https://x/y', secret_env: NOPE}}}]\n", `patterns[0].emit.webhook.secret_env: environment variable NOPE is not set`},
		{"no requests at a time", "outbox: {parallel: 0}\n", `outbox.parallel: must lie between 1 and 1000`},
		{"key from nowhere", "keys: [{name: a, key_env: NOPE, roles: read}]\n", `keys[0].key_env: environment variable NOPE is not set`},
		{"listen", "listen: here\n", `test.yaml:1:9: listen: "here" is not host:port`},
		{"position", "feedback: {positions: [1, 0]}\n", `test.yaml:1:27: feedback.positions[1]: must lie in (0, 1]`},
		{"no anchor", "data: *x\n", `data`},
		{"channel", "rank: {scenes: {default: {channels: [{name: trendy}]}}}\n", `rank.scenes.default.channels[0].name: unknown word "trendy"; did you mean "trending"?`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parse(t, tc.yaml)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("no *Error in %T", err)
			}
		})
	}
}

func TestAllMistakesAreReportedInTheOrderOfTheFile(t *testing.T) {
	_, err := parse(t, "horizon: soon\nlateness: later\nqqqqqqq: 1\n")
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], ":1:") || !strings.Contains(lines[2], ":3:") {
		t.Errorf("got %q", lines)
	}
}

func TestFlagsWinOverTheEnvironmentWhichWinsOverTheFile(t *testing.T) {
	env := map[string]string{"RECSVC_LISTEN": "127.0.0.1:2", "RECSVC_DATA": "/env", "RECSVC_KAFKA_BROKERS": "a:1, b:2", "RECSVC_LATENESS": ""}
	c, err := Parse("f.yaml", []byte("listen: 127.0.0.1:1\ndata: /file\nlateness: 7s\n"), Overrides{
		Env:   func(k string) (string, bool) { v, ok := env[k]; return v, ok },
		Flags: map[string]string{"listen": "127.0.0.1:3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:3" || c.Data != "/env" || c.Lateness != 7*time.Second || !slices.Equal(c.Kafka.Brokers, []string{"a:1", "b:2"}) {
		t.Errorf("got %s %s %v %v", c.Listen, c.Data, c.Lateness, c.Kafka.Brokers)
	}
}

func TestAMistakeInTheEnvironmentOrAFlagNamesIt(t *testing.T) {
	env := map[string]string{"RECSVC_LATENESS": "soon"}
	_, err := Parse("", nil, Overrides{Env: func(k string) (string, bool) { v, ok := env[k]; return v, ok }})
	if want := `environment: RECSVC_LATENESS: "soon" is not a duration`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = Parse("", nil, Overrides{Flags: map[string]string{"listen": "x"}})
	if want := `command line: -listen: "x" is not host:port`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestKeysMayComeFromTheEnvironment(t *testing.T) {
	env := map[string]string{"READER": "reader-key-0123456", "RECSVC_KEY": "admin-key-01234567"}
	c, err := Parse("f.yaml", []byte("keys: [{name: r, key_env: READER, roles: [read]}]\n"),
		Overrides{Env: func(k string) (string, bool) { v, ok := env[k]; return v, ok }})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Keys) != 2 || c.Keys[0].Key != env["READER"] || c.Keys[1].Key != env["RECSVC_KEY"] || c.Keys[1].Roles[0] != "admin" {
		t.Errorf("got %+v", c.Keys)
	}
}

func TestLaterStagesFindTheLineOfAPath(t *testing.T) {
	c := mustParse(t, whole)
	for _, tc := range []struct {
		path         string
		line, column int
	}{
		{"features[0].window", 12, 13},
		{"features[0].scope[1]", 10, 19},
		{"features[1]", 14, 5},
		{"features[1].window", 14, 5}, // absent: its feature
		{"models[0].heads[1].window", 34, 17},
		{"rank.scenes.home.seen.policy", 41, 22},
		{"nowhere", 0, 0},
	} {
		file, line, column := c.Position(tc.path)
		if file != "test.yaml" || line != tc.line || column != tc.column {
			t.Errorf("%s: got %s:%d:%d, want %d:%d", tc.path, file, line, column, tc.line, tc.column)
		}
	}
	if got := c.Errorf("features[0].window", "too %s", "long").Error(); got != "test.yaml:12:13: features[0].window: too long" {
		t.Errorf("got %s", got)
	}
}

func TestDurationsAndSizes(t *testing.T) {
	for s, want := range map[string]time.Duration{"0": 0, "90s": 90 * time.Second, "7d": 168 * time.Hour, "1w": 168 * time.Hour, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, "250ms": 250 * time.Millisecond} {
		if got, err := ParseDuration(s); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "d", "-1h", "5", "1h1d", "9999999999d", "NaNd", "..d"} {
		if got, err := ParseDuration(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
	for s, want := range map[string]Size{"0": 0, "512": 512, "1KiB": 1024, "64 MiB": 64 << 20, "1.5GiB": 3 << 29, "10MB": 10_000_000} {
		if got, err := ParseSize(s); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "MiB", "-1", "1QB", "NaN", "9999999TiB"} {
		if got, err := ParseSize(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
}

func TestLoadReadsAFileAndSaysWhichOneIsMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	if _, err := Load(path, Overrides{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(path, []byte("data: /x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(path, Overrides{}); err != nil || c.Data != "/x" {
		t.Errorf("got %v, %v", c, err)
	}
}

// keysOf lists every key of the structs as docs/configuration.md writes them: features[].window, rank.scenes.NAME.epsilon.
func keysOf(t reflect.Type, prefix string, out *[]string) {
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("yaml")
		if tag == "" {
			continue
		}
		path, ft := prefix+tag, t.Field(i).Type
		switch {
		case ft.Kind() == reflect.Struct && ft != reflect.TypeFor[Buckets]():
			keysOf(ft, path+".", out)
		case ft.Kind() == reflect.Map && ft.Elem().Kind() != reflect.Struct:
			*out = append(*out, path+".NAME")
		case ft.Kind() == reflect.Map:
			keysOf(ft.Elem(), path+".NAME.", out)
		case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct:
			keysOf(ft.Elem(), path+"[].", out)
		default:
			*out = append(*out, path)
		}
	}
}

func TestTheReferenceDocumentsEveryKeyAndNoOther(t *testing.T) {
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var keys, documented []string
	keysOf(reflect.TypeFor[Config](), "", &keys)
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, m[1])
	}
	for _, k := range keys {
		if !slices.Contains(documented, k) {
			t.Errorf("%s is not documented", k)
		}
	}
	for _, k := range documented {
		if !slices.Contains(keys, k) {
			t.Errorf("%s is documented but unknown", k)
		}
	}
}

func TestEnvironmentNamesAreUniqueAndDocumented(t *testing.T) {
	seen := map[string]string{}
	for path := range Default().settings {
		name := EnvName(path)
		if seen[name] != "" {
			t.Errorf("%s stands for both %s and %s", name, seen[name], path)
		}
		seen[name] = path
	}
	for _, name := range []string{"RECSVC_LISTEN", "RECSVC_DATA", "RECSVC_KAFKA_BROKERS", "RECSVC_LIMITS_BODY_BYTES"} {
		if seen[name] == "" {
			t.Errorf("%s sets nothing", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("a: &x [*x]\nkafka: *x\n"))
	f.Add([]byte("features: [&a {<<: *a}]\n"))
	f.Add([]byte("<<: {listen: 127.0.0.1:1}\n? [a]\n: b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Parse("f", data, Overrides{}); err != nil {
			_ = err.Error()
		}
	})
}
