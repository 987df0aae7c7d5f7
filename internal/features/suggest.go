package features

import (
	"fmt"
	"strings"
)

// orKnown ends a message about an unknown name: with the one that was probably meant, or else with all that there are.
func orKnown(name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "there are " + strings.Join(known, ", ")
}

// nearest is the name that was probably meant; empty: none is near.
func nearest(name string, known []string) string {
	best, at := "", len(name)/3+2
	if len(name) > 64 {
		return ""
	}
	for _, k := range known {
		if d := edits(name, k); d < at {
			best, at = k, d
		}
	}
	return best
}

// edits is Levenshtein's distance of two texts, in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
