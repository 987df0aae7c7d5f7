package lexical

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestVectorsAreReadFromTexts(t *testing.T) {
	for text, want := range map[string][]float32{
		"0.1,0.2":       {0.1, 0.2},
		" [ 1 , -2e-1]": {1, -0.2},
		"7":             {7},
		"3.4e38,-0":     {3.4e38, 0},
		"1e-60":         {0},
	} {
		if got, ok := ParseVector(nil, text); !ok || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, ok, want)
		}
		if got, ok := ParseVectorList(nil, []string{text}); !ok || !slices.Equal(got, want) {
			t.Errorf("a list of %q: %v, %v; want %v", text, got, ok, want)
		}
	}
	if got, ok := ParseVectorList([]float32{9}, []string{"0.1", " 2 "}); !ok || !slices.Equal(got, []float32{9, 0.1, 2}) {
		t.Errorf("appended to 9: %v, %v", got, ok)
	}
}

func TestWhatIsNoVectorLeavesTheDestinationAlone(t *testing.T) {
	for _, text := range []string{
		"", "[]", ",", "1,", "1,,2", "[1", "1]", "[[1]]", "NaN", "1,Inf", "-inf", "1e39", "0x10", "1_000", "one", "1 2", "\xff",
		strings.Repeat("1,", MaxVector) + "1",
	} {
		if got, ok := ParseVector([]float32{9}, text); ok || !slices.Equal(got, []float32{9}) {
			t.Errorf("%.40q was taken: %v", text, got)
		}
	}
	for _, list := range [][]string{nil, {""}, {"1", ""}, {"1", "2,3"}, {"1", "NaN"}, slices.Repeat([]string{"1"}, MaxVector+1)} {
		if got, ok := ParseVectorList([]float32{9}, list); ok || !slices.Equal(got, []float32{9}) {
			t.Errorf("%.40q was taken: %v", list, got)
		}
	}
}

func TestTheLongestVectorIsRead(t *testing.T) {
	list := slices.Repeat([]string{"1"}, MaxVector)
	if got, ok := ParseVectorList(nil, list); !ok || len(got) != MaxVector {
		t.Errorf("list: %d entries, %v", len(got), ok)
	}
	if got, ok := ParseVector(nil, strings.Join(list, ",")); !ok || len(got) != MaxVector {
		t.Errorf("text: %d entries, %v", len(got), ok)
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add("0.1,0.2")
	f.Add("[1e5,-3]")
	f.Add("\xff,")
	f.Fuzz(func(t *testing.T, text string) {
		if p, ok := ParsePoint(text); ok && !(math.Abs(p.Lat) <= 90 && math.Abs(p.Lon) <= 180) {
			t.Fatalf("%q became %v", text, p)
		}
		v, ok := ParseVector(nil, text)
		if ok != (len(v) > 0) || len(v) > MaxVector {
			t.Fatalf("%q became %d entries, %v", text, len(v), ok)
		}
		for _, x := range v {
			if x-x != 0 {
				t.Fatalf("%q became %v", text, v)
			}
		}
		if again, ok := ParseVector(nil, strings.ReplaceAll(fmt.Sprint(v), " ", ",")); len(v) > 0 && (!ok || !slices.Equal(again, v)) {
			t.Fatalf("%q: %v reads back as %v", text, v, again)
		}
	})
}
