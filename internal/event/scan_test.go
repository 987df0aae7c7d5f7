package event

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestScannerAgreesWithTheStandardLibrary(t *testing.T) {
	for _, text := range []string{
		`{}`, `{ }`, ` {"a" : 1 , "b":[ ] } `, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1 "b":2}`, `{a:1}`, `{"a":01}`, `{"a":-}`,
		`{"a":-0}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":1e+}`, `{"a":1E-5}`, `{"a":+1}`, `{"a":0x1}`, `{"a":NaN}`, `{"a":tru}`, `{"a":nulll}`,
		`{"a":[1,]}`, `{"a":[1 2]}`, `{"a":[}`, `{"a":[1}`, `{"a":"x}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\u12G4"}`, "{\"a\":\"\n\"}", "{\"a\":\"\x00\"}",
		`{"a":"\`, `{"a":"\u`, `{"a":1}}`, `{"a":1}{`, `{"a":1}x`, "\ufeff{}", `{"a":"\/\b\f"}`, "{\v}", `{"a":1e5,"b":2E+7}`, `{"a":--1}`, `{"a":1-1}`,
	} {
		var d Decoder
		_, err := d.DecodeEvent([]byte(text))
		if got, want := !malformed(err), json.Valid([]byte(text)); got != want {
			t.Errorf("%q: well formed %v, want %v (%v)", text, got, want, err)
		}
	}
}

func malformed(err error) bool {
	refusal, ok := err.(*Error)
	return ok && refusal.Reason == ReasonBadJSON
}

func TestScannerIsStricterAboutText(t *testing.T) {
	for _, text := range []string{"{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `{"a":"\ud800\u0041"}`, `{"a":"\udc00"}`, "{\"a\\n\xff\":1}"} {
		var d Decoder
		if _, err := d.DecodeEvent([]byte(text)); !malformed(err) {
			t.Errorf("%q: %v, want it refused", text, err)
		}
	}
}

func TestDeepNestingIsRefusedNotFollowed(t *testing.T) {
	var d Decoder
	deep := `{"a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`
	if _, err := d.DecodeEvent([]byte(deep)); !malformed(err) {
		t.Errorf("error %v", err)
	}
}

func TestNumbersAreRoundedCorrectly(t *testing.T) {
	for _, text := range []string{
		"0", "-0", "1", "49.866", "61.802", "0.087125", "-0.49917162609493676", "0.1", "123456789012345", "1234567890123456",
		"12345678901234567890123", "0.30000000000000004", "1e22", "1e23", "2.5e-8", "9007199254740993", "4.35", "0.000001", "1.7976931348623157e308",
	} {
		s := scanner{buf: []byte(text)}
		var want float64
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if got := s.number(); got != want || s.fault != "" {
			t.Errorf("%s is %v, %s; want %v", text, got, s.fault, want)
		}
	}
}

// FuzzDecodeJSON: the decoder takes exactly what the standard library takes, less what is not UTF-8, has lone
// surrogates or is nested too deeply; and what it takes, it writes so that it reads back the same.
func FuzzDecodeJSON(f *testing.F) {
	for kind, lines := range map[Kind][]string{KindEvent: sampleEvents, KindItem: sampleItems, KindUser: sampleUsers} {
		for _, line := range lines {
			f.Add(uint8(kind), []byte(line))
		}
	}
	for _, rec := range sampleRecords(f) {
		f.Add(uint8(rec.Kind), AppendJSON(nil, &rec))
	}
	f.Fuzz(func(t *testing.T, kind uint8, raw []byte) {
		var d Decoder
		var rec Record
		err := d.DecodeJSON(Kind(kind), raw, &rec)
		if kind == 0 || Kind(kind) > KindDeadLetter {
			if err == nil {
				t.Fatalf("kind %d was decoded", kind)
			}
			return
		}
		strict := utf8.Valid(raw) && !bytes.Contains(raw, []byte(`\u`)) && bytes.Count(raw, []byte(`[`))+bytes.Count(raw, []byte(`{`)) < maxDepth
		if valid := json.Valid(raw); malformed(err) && valid && strict || !malformed(err) && !valid {
			t.Fatalf("%q: %v, but the standard library says valid: %v", raw, err, valid)
		}
		if err == nil {
			readsBack(t, &rec)
		}
	})
}

func readsBack(t *testing.T, rec *Record) {
	t.Helper()
	text := AppendJSON(nil, rec)
	var d Decoder
	again := Record{}
	if err := d.DecodeJSON(rec.Kind, text, &again); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if second := AppendJSON(nil, &again); !bytes.Equal(text, second) {
		t.Fatalf("%s reads back as %s", text, second)
	}
	if !bytes.Equal(AppendRecord(nil, rec), AppendRecord(nil, &again)) {
		t.Fatalf("%s loses something", text)
	}
}
