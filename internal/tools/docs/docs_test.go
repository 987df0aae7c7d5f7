package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"recsvc/internal/config"
	"recsvc/internal/features"
)

func TestMain(m *testing.M) {
	if err := os.Chdir("../../.."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestWhatIsMadeFromTheCodeIsUpToDate(t *testing.T) {
	for _, p := range pages {
		want, err := p.make()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(p.path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the code says: run `make docs`", p.path)
		}
	}
}

// exampleConfig is a configuration with the example of one kind as its features.
func exampleConfig(k features.Kind) []byte {
	return []byte("models: [{name: ctr, heads: [{name: click, positive: [click]}]}]\n" + k.Features())
}

func TestEveryKindHasAGroupATextAndAnExampleThatUsesIt(t *testing.T) {
	for _, k := range features.Kinds() {
		c, err := config.Parse(k.Name, exampleConfig(k), config.Overrides{})
		if err != nil {
			t.Errorf("%s: %v", k.Name, err)
			continue
		}
		used := false
		for _, f := range c.Features {
			used = used || f.Kind == k.Name
		}
		if !used || k.Group == "" || len(k.Doc) < 20 {
			t.Errorf("%s: group %q, doc %q, example uses it: %v", k.Name, k.Group, k.Doc, used)
		}
		for _, key := range k.Keys {
			if key.Doc == "" {
				t.Errorf("%s: key %s is not explained", k.Name, key.Name)
			}
		}
	}
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	made, err := configSchema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(made))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *jsonschema.Schema, text []byte) error {
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return err
	}
	// Through JSON, for the types that the validator knows.
	j, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(j))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestShippedConfigurationsAndExamplesMeetTheSchema(t *testing.T) {
	s := schema(t)
	files, err := filepath.Glob("configs/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v: %v", files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, text); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	for _, k := range features.Kinds() {
		if err := validate(s, exampleConfig(k)); err != nil {
			t.Errorf("the example of %s: %v", k.Name, err)
		}
	}
}

func TestTheSchemaRefusesWhatTheServerRefuses(t *testing.T) {
	s := schema(t)
	for name, text := range map[string]string{
		"an unknown key":                  "lisen: 127.0.0.1:8080",
		"an unknown kind":                 "features: [{name: a, kind: cuont, on: click}]",
		"a key that the kind lacks":       "features: [{name: a, kind: count, on: click, inputs: [b]}]",
		"a key that the kind needs":       "features: [{name: a, kind: count}]",
		"a form that the kind lacks":      "features: [{name: a, kind: count, on: click, as: ratio}]",
		"a duration without a unit":       "features: [{name: a, kind: count, on: click, window: 5}]",
		"a number where there is a text":  "request_deadline: true",
		"a size with an unknown unit":     "log: {segment_bytes: 5 parsecs}",
		"a list where there is one value": "listen: [a, b]",
	} {
		if err := validate(s, []byte(text+"\n")); err == nil {
			t.Errorf("%s was not refused", name)
		}
		if _, err := config.Parse(name, []byte(text+"\n"), config.Overrides{}); err == nil && !strings.Contains(text, "kind: count") && !strings.Contains(text, "cuont") {
			t.Errorf("%s: the server takes it", name)
		}
	}
}
