package main

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"

	"recsvc/internal/config"
	"recsvc/internal/features"
)

// object is a piece of a JSON Schema.
type object = map[string]any

// reference is where each key is described, in the words that the schema repeats.
const reference = "docs/configuration.md"

// configSchema is the JSON Schema of the configuration: keys and types from the structs, descriptions from the reference, and
// from the table of kinds which keys each kind of feature has.
func configSchema() ([]byte, error) {
	text, err := os.ReadFile(reference)
	if err != nil {
		return nil, err
	}
	w := walker{describe: descriptions(string(text))}
	schema := w.structure(reflect.TypeFor[config.Config](), "")
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["$id"] = "https://recsvc.example/schema/config.schema.json"
	schema["title"] = "Configuration of recsvc"
	out, err := json.MarshalIndent(schema, "", "  ")
	return append(out, '\n'), err
}

var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*?) \\| (.*) \\|$")

// descriptions are the meanings of keys, with their defaults, by path.
func descriptions(text string) map[string]string {
	out := map[string]string{}
	for _, m := range row.FindAllStringSubmatch(text, -1) {
		meaning := strings.TrimSpace(m[3])
		if d := strings.TrimSpace(m[2]); d != "" && d != "–" && d != "required" {
			meaning = strings.TrimSpace(meaning + " Default: " + d + ".")
		}
		out[m[1]] = strings.ReplaceAll(meaning, "`", "")
	}
	return out
}

// walker makes schemas of types.
type walker struct{ describe map[string]string }

const durationPattern = `^([0-9]+(\.[0-9]*)?(w|d|h|m|s|ms|us|µs|ns))+$|^0$`

func (w walker) duration() object {
	return object{"anyOf": []any{object{"type": "string", "pattern": durationPattern}, object{"const": 0}}}
}

// text is any scalar that is read as a text: YAML writes 42 without quotes.
func (w walker) text() object { return object{"type": []any{"string", "number"}} }

// oneOrMany is a list that may be written as its only element.
func oneOrMany(of object) object {
	return object{"anyOf": []any{of, object{"type": "array", "items": of}}}
}

// of is the schema of a type; path is where it stands, as the reference writes it.
func (w walker) of(t reflect.Type, path string) object {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return w.duration()
	case reflect.TypeFor[config.Size]():
		return object{"anyOf": []any{object{"type": "integer", "minimum": 0}, object{"type": "string", "pattern": `^[0-9.]+ *([KMGT]i?B|B)?$`}}}
	case reflect.TypeFor[config.Strings]():
		return oneOrMany(w.text())
	case reflect.TypeFor[config.Durations]():
		return oneOrMany(w.duration())
	case reflect.TypeFor[config.Buckets]():
		return object{"anyOf": []any{object{"const": "log2"}, object{"type": "array", "items": object{"type": "number"}}}}
	case reflect.TypeFor[config.Selection]():
		return object{"anyOf": []any{oneOrMany(w.text()), w.structure(t, path)}}
	case reflect.TypeFor[config.Outcome]():
		return object{"anyOf": []any{w.text(), w.structure(t, path)}}
	case reflect.TypeFor[config.Feature]():
		return w.feature(path)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return w.of(t.Elem(), path)
	case reflect.Struct:
		return w.structure(t, path)
	case reflect.Slice:
		return object{"type": "array", "items": w.of(t.Elem(), path+"[]")}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": w.of(t.Elem(), path+".NAME")}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return w.text()
	case reflect.Float64:
		return object{"type": "number"}
	}
	return object{"type": "integer"}
}

func (w walker) structure(t reflect.Type, path string) object {
	properties := object{}
	for i := range t.NumField() {
		key := t.Field(i).Tag.Get("yaml")
		if key == "" {
			continue
		}
		at := strings.TrimPrefix(path+"."+key, ".")
		s := w.of(t.Field(i).Type, at)
		if d := w.describe[at]; d != "" {
			s["description"] = d
		}
		properties[key] = s
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

// feature adds what each kind reads to the keys that features have.
func (w walker) feature(path string) object {
	s := w.structure(reflect.TypeFor[config.Feature](), path)
	var kinds, rules []any
	for _, k := range features.Kinds() {
		kinds = append(kinds, k.Name)
		rules = append(rules, object{
			"if":   object{"properties": object{"kind": object{"const": k.Name}}, "required": []any{"kind"}},
			"then": ofKind(k),
		})
	}
	s["properties"].(object)["kind"] = object{"enum": kinds, "description": "See docs/features.md."}
	s["required"] = []any{"name"}
	s["allOf"] = rules
	return s
}

// ofKind is what a definition of one kind must and may have.
func ofKind(k features.Kind) object {
	names, required := []any{"name", "kind"}, []any{}
	properties := object{}
	for _, key := range k.Keys {
		names = append(names, key.Name)
		properties[key.Name] = object{"description": key.Doc}
		switch {
		case key.Name == "inputs": // a single one may be written as input
			names = append(names, "input")
		case key.Required:
			required = append(required, key.Name)
		}
	}
	if len(k.As) > 0 {
		names = append(names, "as")
		var forms []any
		for _, f := range k.As {
			forms = append(forms, f.Name)
		}
		properties["as"] = object{"enum": forms}
	}
	return object{"description": k.Doc, "propertyNames": object{"enum": names}, "properties": properties, "required": required}
}
