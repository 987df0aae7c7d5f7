package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Size is a number of bytes, written 512, 64KiB, 8MiB, 2GiB (powers of 1024) or 10KB, 10MB, 10GB (of 1000).
type Size int64

// Strings is a list of texts, which may be written as one text when there is only one.
type Strings []string

// Durations is a list of durations, which may be written as one text when there is only one.
type Durations []time.Duration

// Buckets are the ascending bounds of a bucketize feature, or none with Log2: one bucket per power of two.
type Buckets struct {
	Bounds []float64
	Log2   bool
}

var sizeUnits = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ParseSize reads a [Size].
func ParseSize(s string) (Size, error) {
	number, unit := s, 1.0
	for _, u := range sizeUnits {
		if n, ok := strings.CutSuffix(s, u.suffix); ok {
			number, unit = strings.TrimSpace(n), u.bytes
			break
		}
	}
	x, err := strconv.ParseFloat(number, 64)
	if err != nil || !(x >= 0) || x*unit > 1<<60 {
		return 0, fmt.Errorf("%s is not a size: write it like 64MiB, 10GB or a number of bytes", quote(s))
	}
	return Size(x * unit), nil
}

// ParseDuration reads what time.ParseDuration does, and weeks (w) and days (d) in front. It refuses what is negative.
func ParseDuration(s string) (time.Duration, error) {
	fail := fmt.Errorf("%s is not a duration: write it like 500ms, 30m, 24h or 7d", quote(s))
	var sum float64
	rest := s
	for {
		i := strings.IndexFunc(rest, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
		if i <= 0 || (rest[i] != 'w' && rest[i] != 'd') {
			break
		}
		x, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil {
			return 0, fail
		}
		if rest[i] == 'w' {
			x *= 7
		}
		sum, rest = sum+x*float64(24*time.Hour), rest[i+1:]
	}
	if rest != "" || s == "" {
		d, err := time.ParseDuration(rest)
		if err != nil {
			return 0, fail
		}
		sum += float64(d)
		if rest == s {
			if d < 0 {
				return 0, fail
			}
			return d, nil // exact beyond 2^53 ns
		}
	}
	if !(sum >= 0 && sum < math.MaxInt64) {
		return 0, fail
	}
	return time.Duration(sum), nil
}

func (s *Strings) decode(d *decoder, n ast.Node, path string) {
	if _, isList := n.(ast.ArrayNode); isList {
		var list []string
		d.list(n, path, &list)
		*s = list
		return
	}
	if t, ok := d.text(n, path); ok {
		*s = Strings{t}
	}
}

func (s *Durations) decode(d *decoder, n ast.Node, path string) {
	if _, isList := n.(ast.ArrayNode); isList {
		var list []time.Duration
		d.list(n, path, &list)
		*s = list
		return
	}
	if t, ok := d.text(n, path); ok {
		x, err := ParseDuration(t)
		if err != nil {
			d.fail(n, path, "%v", err)
		}
		*s = Durations{x}
	}
}

func (s *Selection) decode(d *decoder, n ast.Node, path string) {
	if _, isMap := n.(ast.MapNode); isMap {
		type plain Selection
		d.mapping(n, path, (*plain)(s))
		return
	}
	s.Types.decode(d, n, path)
}

func (b *Buckets) decode(d *decoder, n ast.Node, path string) {
	if _, isList := n.(ast.ArrayNode); isList {
		*b = Buckets{}
		d.list(n, path, &b.Bounds)
		return
	}
	if t, ok := d.text(n, path); ok && t != "log2" {
		d.fail(n, path, "%s is neither a list of numbers nor log2", quote(t))
		return
	}
	*b = Buckets{Log2: true}
}

func (o *Outcome) decode(d *decoder, n ast.Node, path string) {
	if _, isMap := n.(ast.MapNode); isMap {
		type plain Outcome
		d.mapping(n, path, (*plain)(o))
		return
	}
	if t, ok := d.text(n, path); ok {
		o.Type = t
	}
}

// quote shows a value in a message, shortened.
func quote(s string) string {
	if len(s) > 60 {
		s = s[:57] + "…"
	}
	return strconv.Quote(s)
}

// parseInt takes 10000 and 10_000.
func parseInt(s string) (int64, error) {
	return strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, 64)
}

func parseFloat(s string) (float64, error) {
	return strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
}

// Refresh is how often a model publishes what it has learned, in event time; 0: at once. It is written as online, or as a duration.
type Refresh time.Duration

func (r *Refresh) decode(d *decoder, n ast.Node, path string) {
	text, ok := d.text(n, path)
	if !ok || text == "online" {
		return
	}
	x, err := ParseDuration(text)
	if err != nil {
		d.fail(n, path, "must be online, or a duration such as 1m, 1h or 24h, not %s", quote(text))
		return
	}
	*r = Refresh(x)
}
