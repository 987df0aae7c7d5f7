package eval

import (
	"fmt"
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
		var next []Point
		for _, p := range points {
			for value := range strings.SplitSeq(values, ",") {
				if value = strings.TrimSpace(value); value == "" {
					return nil, fmt.Errorf("grid: %s has an empty value", key)
				}
				next = append(next, append(p[:len(p):len(p)], Setting{key, value}))
			}
		}
		if points = next; len(points) > MaxPoints {
			return nil, fmt.Errorf("grid: more than %d points", MaxPoints)
		}
	}
	return points, nil
}
