package lexical

import (
	"strconv"
	"strings"
)

// MaxVector is how many entries a vector may have.
const MaxVector = 1024

// ParseVector appends to dst the entries of a vector that is written as decimal numbers between commas, in brackets or
// without, and with white space wherever one likes: "0.1, 0.2". Not ok, and dst as it was: there are none or more than
// MaxVector, or one of them is no number that float32 can hold. It allocates nothing but what dst needs.
func ParseVector(dst []float32, text string) ([]float32, bool) {
	text = strings.TrimSpace(text)
	if inner, found := strings.CutPrefix(text, "["); found {
		if text, found = strings.CutSuffix(inner, "]"); !found {
			return dst, false
		}
	}
	start := len(dst)
	for more := true; more; {
		var entry string
		entry, text, more = strings.Cut(text, ",")
		x, ok := decimal(entry, 32)
		if !ok || len(dst)-start == MaxVector {
			return dst[:start], false
		}
		dst = append(dst, float32(x))
	}
	return dst, true
}

// ParseVectorList appends to dst the entries of a vector that is a list of decimal numbers, by the rules of ParseVector;
// a list of one text may hold them all.
func ParseVectorList(dst []float32, list []string) ([]float32, bool) {
	if len(list) == 1 {
		return ParseVector(dst, list[0])
	}
	if len(list) == 0 || len(list) > MaxVector {
		return dst, false
	}
	start := len(dst)
	for _, entry := range list {
		x, ok := decimal(entry, 32)
		if !ok {
			return dst[:start], false
		}
		dst = append(dst, float32(x))
	}
	return dst, true
}

// decimal parses a finite decimal number, with white space around it; none of the other forms that strconv takes.
func decimal(text string, bits int) (float64, bool) {
	text = strings.TrimSpace(text)
	if len(text) > 64 {
		return 0, false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c-'0' <= 9, c == '+', c == '-', c == '.', c == 'e', c == 'E':
		default:
			return 0, false
		}
	}
	x, err := strconv.ParseFloat(text, bits) // an error also for what is too great
	return x, err == nil
}
