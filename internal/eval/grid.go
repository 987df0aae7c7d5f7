package eval

import (
	"fmt"
	"slices"
	"strings"
)

// MaxPoints bounds a grid.
const MaxPoints = 64

// Setting gives a key of a configuration a value.
type Setting struct{ Key, Value string }

// Point is one point of a grid: a setting for each of its keys.
type Point []Setting

// String is how a point is named: alpha=0.03 l1=1.
func (p Point) String() string {
	var words []string
	for _, s := range p {
		words = append(words, s.Key+"="+s.Value)
	}
	return strings.Join(words, " ")
}

// ParseGrid reads a grid such as "alpha=0.01,0.03;l1=0,1": each key with its values, of which all combinations are points, the last
// key varying fastest. Nothing is one point without settings.
func ParseGrid(text string) ([]Point, error) {
	points := []Point{nil}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, values, ok := strings.Cut(part, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return nil, fmt.Errorf("grid: %q is not key=value,value", part)
		}
		if seen[key] {
			return nil, fmt.Errorf("grid: %s is there twice", key)
		}
		seen[key] = true
		list, err := parseValues(key, values)
		if err != nil {
			return nil, err
		}
		var next []Point
		for _, p := range points {
			for _, value := range list {
				next = append(next, append(p[:len(p):len(p)], Setting{key, value}))
			}
		}
		if points = next; len(points) > MaxPoints {
			return nil, fmt.Errorf("grid: more than %d points", MaxPoints)
		}
	}
	return points, nil
}

func parseValues(key, text string) (values []string, err error) {
	for value := range strings.SplitSeq(text, ",") {
		switch value = strings.TrimSpace(value); {
		case value == "":
			return nil, fmt.Errorf("grid: %s has an empty value", key)
		case slices.Contains(values, value):
			return nil, fmt.Errorf("grid: %s has the value %s twice", key, value)
		}
		values = append(values, value)
	}
	return values, nil
}
