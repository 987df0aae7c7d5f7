package expression

import (
	"errors"
	"math"
	"strings"
	"testing"

	"recsvc/internal/event"
)

// extras are functions as another room might add them.
var extras = map[string]Function{
	"words": OfText("words(text)", func(s string) float64 {
		n := 0
		for range strings.FieldsSeq(s) {
			n++
		}
		return float64(n)
	}),
	"phrase": OfPhrases(`phrase(text, "a", …)`, event.Bool, func(phrases []string) (func(string) float64, error) {
		for _, p := range phrases {
			if p == "" {
				return nil, errors.New("a phrase is empty")
			}
		}
		return func(s string) float64 {
			found := 0.0
			for _, p := range phrases {
				found += float64(strings.Count(s, p))
			}
			return found
		}, nil
	}),
	"inverse": OfNumber("inverse(x)", func(x float64) float64 { return 1 / x }),
}

func TestFunctionsCanBeAdded(t *testing.T) {
	missing := math.NaN()
	for _, tc := range []struct {
		text string
		want float64
	}{
		{`words("three little words")`, 3}, {`words(user)`, 1}, {`words(item.gone)`, missing}, {`words(item.price)`, missing},
		{`phrase(item.brand, "x", "cm")`, 1}, {`phrase(item.brand, "x")`, 0}, {`phrase(item.gone, "x")`, missing},
		{`phrase(item.brand, "cm") and value > 1 ? 3 : 4`, 3}, {`user | phrase("nn")`, 1},
		{`inverse(4)`, 0.25}, {`inverse(0)`, missing}, {`inverse(item.brand)`, missing},
	} {
		x, err := CompileNumber(tc.text, visitNames, Options{Functions: extras})
		if err != nil {
			t.Errorf("%s: %v", tc.text, err)
			continue
		}
		got, ok := x.Number(new(State), shoe)
		if ok != !math.IsNaN(tc.want) || ok && got != tc.want {
			t.Errorf("%s: got %v %v, want %v", tc.text, got, ok, tc.want)
		}
	}
}

func TestConstantArgumentsAreSeenOnce(t *testing.T) {
	prepared := 0
	opts := Options{Functions: map[string]Function{"pick": {
		Usage: "pick(tags, n, how)", Of: event.List, Result: event.String,
		Prepare: func(constants []event.Value) (func(event.Value) event.Value, error) {
			prepared++
			at := int(constants[0].Num)
			return func(v event.Value) event.Value { return elementOf(v, at) }, nil
		},
	}}}
	x, err := Compile(`pick(tags, -1, ["a", "b"], true)`, visitNames, opts)
	if err != nil {
		t.Fatal(err)
	}
	s := new(State)
	for range 3 {
		if got := x.Value(s, shoe); got.Str != "red" {
			t.Errorf("got %+v, want red", got)
		}
	}
	if prepared != 1 || x.Kind() != event.String {
		t.Errorf("prepared %d times for the kind %v, want once for a string", prepared, x.Kind())
	}
}

func TestAFunctionThatBreaksItsWordYieldsNothing(t *testing.T) {
	opts := Options{Functions: map[string]Function{"odd": {Usage: "odd(x)", Of: event.Number, Result: event.Number,
		Prepare: func([]event.Value) (func(event.Value) event.Value, error) {
			return func(v event.Value) event.Value {
				if v.Num == 1 {
					return str("not a number")
				}
				return num(math.Inf(1))
			}, nil
		},
	}}}
	for _, text := range []string{`odd(1)`, `odd(2)`} {
		x, err := Compile(text, visitNames, opts)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Value(new(State), shoe); got.Kind != event.Null {
			t.Errorf("%s: got %+v, want a missing value", text, got)
		}
	}
}

func TestALongTextCostsAFunctionSteps(t *testing.T) {
	x, err := Compile(`words(user)`, visitNames, Options{MaxSteps: 10, Functions: extras})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := x.Number(new(State), &visit{user: strings.Repeat("a ", 50)}); !ok {
		t.Error("100 bytes are too many for 10 steps")
	}
	if got, ok := x.Number(new(State), &visit{user: strings.Repeat("a ", 100)}); ok {
		t.Errorf("got %v of 200 bytes with 10 steps", got)
	}
}

func TestWhatIsBuiltInCannotBeReplaced(t *testing.T) {
	opts := Options{Functions: map[string]Function{"log": extras["words"]}}
	if _, err := Compile(`value`, visitNames, opts); err == nil || !strings.Contains(err.Error(), "a function log is built in") {
		t.Errorf("got %v, want log refused", err)
	}
}
