package expression

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"recsvc/internal/event"
)

// guide is the event that docs/expressions.md speaks of.
var guide = &visit{value: num(42), user: "ann", item: event.Attributes{
	{Key: "brand", Value: str("Acme")},
	{Key: "price", Value: num(80)},
	{Key: "sale", Value: truth(true)},
	{Key: "sizes", Value: strs("36", "36.5")},
	{Key: "tags", Value: strs("sport", "shoes")},
}}

// row is a line of a table of two columns.
type row struct{ left, right string }

// page returns docs/expressions.md and the rows of its tables by their heading.
func page(t *testing.T) (string, map[string][]row) {
	t.Helper()
	data, err := os.ReadFile("../../docs/expressions.md")
	if err != nil {
		t.Fatal(err)
	}
	tables := map[string][]row{}
	heading := ""
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "|-") {
			continue
		}
		cells, ok := strings.CutPrefix(strings.TrimSpace(line), "| ")
		if !ok {
			heading = ""
			continue
		}
		left, right, _ := strings.Cut(strings.TrimSuffix(cells, " |"), " | ")
		switch {
		case heading == "":
			heading = left + "|" + right
		default:
			tables[heading] = append(tables[heading], row{left, right})
		}
	}
	return string(data), tables
}

func TestExamplesOfTheGuideYieldWhatItSays(t *testing.T) {
	_, tables := page(t)
	examples := tables["expression|yields"]
	if len(examples) < 40 {
		t.Fatalf("%d examples were found in the guide", len(examples))
	}
	for _, r := range examples {
		text := strings.Trim(r.left, "`")
		x, err := Compile(text, visitNames, Options{})
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := show(x.Value(new(State), guide)); got != r.right {
			t.Errorf("%s yields %s, the guide says %s", text, got, r.right)
		}
	}
}

func show(v event.Value) string {
	switch v.Kind {
	case event.Number:
		return strconv.FormatFloat(v.Num, 'g', 12, 64)
	case event.Bool:
		return fmt.Sprint(v.Num != 0)
	case event.String:
		return strconv.Quote(v.Str)
	case event.List:
		return fmt.Sprintf("%q", v.List)
	}
	return "missing"
}

func TestMistakesOfTheGuideSayWhatItSays(t *testing.T) {
	_, tables := page(t)
	mistakes := tables["expression|says"]
	if len(mistakes) == 0 {
		t.Fatal("no mistakes were found in the guide")
	}
	for _, r := range mistakes {
		text := strings.Trim(r.left, "`")
		if _, err := CompileCondition(text, visitNames, Options{}); err == nil || err.Error() != r.right {
			t.Errorf("%s: got %v, the guide says %s", text, err, r.right)
		}
	}
}

func TestTheGuideListsEveryFunctionAndNoOther(t *testing.T) {
	_, tables := page(t)
	call := regexp.MustCompile("`([a-z0-9]+)\\(")
	var listed []string
	for _, r := range tables["function|yields"] {
		for _, m := range call.FindAllStringSubmatch(r.left, -1) {
			listed = append(listed, m[1])
		}
	}
	slices.Sort(listed)
	if want := builtin(); !slices.Equal(listed, want) {
		t.Errorf("the guide lists %q, there are %q", listed, want)
	}
	var examples strings.Builder
	for _, r := range tables["expression|yields"] {
		examples.WriteString(r.left)
	}
	for _, name := range builtin() {
		if !strings.Contains(examples.String(), name+"(") {
			t.Errorf("the guide has no example of %s", name)
		}
	}
}

func TestTheFirstExamplesOfTheGuideCompile(t *testing.T) {
	text, _ := page(t)
	block := strings.Split(text, "```")[1]
	n := 0
	for line := range strings.Lines(strings.TrimSpace(block)) {
		if _, err := Compile(strings.TrimSpace(line), visitNames, Options{}); err != nil {
			t.Errorf("%s: %v", strings.TrimSpace(line), err)
		}
		n++
	}
	if n < 5 {
		t.Errorf("%d examples were found", n)
	}
}

func TestTheGuideStatesTheLimits(t *testing.T) {
	text, _ := page(t)
	o := Options{}.withDefaults()
	for _, want := range []string{
		fmt.Sprintf("%d,%03d bytes", o.MaxBytes/1000, o.MaxBytes%1000), fmt.Sprintf("%d parts", o.MaxNodes),
		fmt.Sprintf("%d,%03d steps", o.MaxSteps/1000, o.MaxSteps%1000), fmt.Sprintf("%d bytes of text", stepBytes),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the guide does not say %q", want)
		}
	}
}
