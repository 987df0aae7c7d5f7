package event

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compileSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile("../../docs/schema/" + name + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The published schemas and the decoder must say the same about what both can express. What needs the rules of
// validation (a required user, an item for a click) is left to the test of those.
func TestPublishedSchemasAgreeWithTheDecoder(t *testing.T) {
	schemas := map[Kind]*jsonschema.Schema{
		KindEvent: compileSchema(t, "event"), KindItem: compileSchema(t, "item"), KindUser: compileSchema(t, "user"),
	}
	samples := map[Kind][]string{
		KindEvent: append([]string{
			`{"type":"click","user":"u","item":"i","id":null,"ts":null,"request":null,"position":null,"propensity":null,"value":null,"text":null,"session":null,"context":null}`,
			`{"type":"click","user":"u","item":"i","position":0}`,
			`{"type":"click","user":"u","item":"i","position":1.0}`,
			`{"type":"click","user":"u","item":"i","position":1.5}`,
			`{"type":"click","user":"u","item":"i","position":2147483648}`,
			`{"type":"click","user":"u","item":"i","propensity":0}`,
			`{"type":"click","user":"u","item":"i","propensity":1}`,
			`{"type":"click","user":"u","item":"i","propensity":1.1}`,
			`{"type":"click","user":"u","item":"i","value":"1"}`,
			`{"type":"click","user":"u","item":"i","ts":"2022-04-24"}`,
			`{"type":"click","user":"u","item":"i","ts":"2022-04-24T15:05:41+02:00"}`,
			`{"type":"click","user":"u","item":"i","ts":0}`,
			`{"type":"click","user":"u","item":"i","ts":1e30}`,
			`{"type":"click","user":"u","item":"i","ts":true}`,
			`{"type":"click","user":"","item":"i"}`,
			`{"type":"click","user":"u\u0007","item":"i"}`,
			`{"type":"click","user":"u\u0090","item":"i"}`,
			`{"type":"click","user":7,"item":"i"}`,
			`{"type":"click","user":"u","item":"i","context":{"odd":{"x":1},"list":[1]},"more":[]}`,
			`{"type":"click","user":"u","item":"i","context":"ios"}`,
			`{"type":"click","user":"u","item":"i","session":5}`,
			`[]`,
		}, sampleEvents...),
		KindItem: append([]string{`{}`, `{"item":5}`, `{"item":null}`, `{"item":"i","$deleted":1}`, `{"item":"i","any":{"x":1}}`, `{"item":"i","tags":["a",1,-0.5]}`, `{"item":"i","vector":[0.1,"0.2"]}`}, sampleItems...),
		KindUser: append([]string{`{}`, `{"user":5}`, `{"user":"u","any":[1]}`}, sampleUsers...),
	}
	for kind, lines := range samples {
		for _, line := range lines {
			instance, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(line)))
			if err != nil {
				t.Fatal(err)
			}
			bySchema := schemas[kind].Validate(instance)
			var d Decoder
			byDecoder := d.DecodeJSON(kind, []byte(line), &Record{})
			if (bySchema == nil) != (byDecoder == nil) {
				t.Errorf("%s: schema says %v, decoder says %v", line, bySchema, byDecoder)
			}
		}
	}
}
