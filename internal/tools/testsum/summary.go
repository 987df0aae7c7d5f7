package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// line is one line of `go test -json`; see `go doc test2json`.
type line struct {
	Action  string
	Package string
	Test    string
	Elapsed float64 // seconds
	Output  string
}

// summary counts tests (subtests too) and packages.
type summary struct {
	total    counts
	packages map[string]*counts
	ended    int                 // packages that were tested
	broken   int                 // packages of those that failed
	output   map[string][]string // what a running test or package has printed, by key
	skips    []string
	battery  map[string]int // what the crash tests count, by name
}

type counts struct{ passed, failed, skipped int }

func (c *counts) add(action string) {
	switch action {
	case "pass":
		c.passed++
	case "fail":
		c.failed++
	case "skip":
		c.skipped++
	}
}

// ok reports whether something ran and nothing failed.
func (s *summary) ok() bool { return s.ended > 0 && s.total.failed == 0 && s.broken == 0 }

// summarise reads r to its end and prints to w as it goes. What is not JSON is passed on as it is: the go command
// itself prints plain lines when it cannot start.
func summarise(r io.Reader, w io.Writer) (*summary, error) {
	s := &summary{packages: map[string]*counts{}, output: map[string][]string{}, battery: map[string]int{}}
	in := bufio.NewReader(r)
	for {
		text, err := in.ReadString('\n')
		if text != "" {
			var l line
			if json.Unmarshal([]byte(text), &l) != nil || l.Action == "" {
				fmt.Fprint(w, text)
			} else {
				s.add(l, w)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read test output: %w", err)
		}
	}
	s.print(w)
	return s, nil
}

func (s *summary) add(l line, w io.Writer) {
	key := l.Package + " " + l.Test
	switch l.Action {
	case "build-output":
		fmt.Fprint(w, l.Output)
	case "output":
		s.output[key] = append(s.output[key], l.Output)
		s.note(l.Output)
	case "pass", "fail", "skip":
		if l.Test == "" {
			s.endPackage(l, w)
		} else {
			s.endTest(l, w)
		}
		delete(s.output, key)
	}
}

// batteryLine is what a crash test logs of what it has survived: "battery: kills survived 20".
var batteryLine = regexp.MustCompile(`battery: (.+) (\d+)\n$`)

// note adds up what the crash tests count.
func (s *summary) note(output string) {
	if m := batteryLine.FindStringSubmatch(output); m != nil {
		n, _ := strconv.Atoi(m[2]) // digits
		s.battery[m[1]] += n
	}
}

func (s *summary) of(pkg string) *counts {
	c := s.packages[pkg]
	if c == nil {
		c = &counts{}
		s.packages[pkg] = c
	}
	return c
}

func (s *summary) endTest(l line, w io.Writer) {
	s.total.add(l.Action)
	s.of(l.Package).add(l.Action)
	printed := s.output[l.Package+" "+l.Test]
	switch l.Action {
	case "skip":
		s.skips = append(s.skips, fmt.Sprintf("%s %s: %s", l.Package, l.Test, reason(printed)))
	case "fail":
		fmt.Fprint(w, strings.Join(printed, ""))
	}
}

func (s *summary) endPackage(l line, w io.Writer) {
	if l.Action == "skip" { // no test files
		return
	}
	s.ended++
	tests, verdict := s.of(l.Package), "ok  "
	if l.Action == "fail" {
		s.broken++
		verdict = "FAIL"
		if tests.failed == 0 { // a build error, a panic, goleak: it stands in no test's output
			fmt.Fprint(w, strings.Join(s.output[l.Package+" "], ""))
		}
	}
	fmt.Fprintf(w, "%s %-32s %7.2f s  %d tests", verdict, l.Package, l.Elapsed, tests.passed+tests.failed+tests.skipped)
	if tests.skipped > 0 {
		fmt.Fprintf(w, ", %d SKIPPED", tests.skipped)
	}
	fmt.Fprintln(w)
}

func (s *summary) print(w io.Writer) {
	for _, skip := range s.skips {
		fmt.Fprintln(w, "SKIPPED", skip)
	}
	for _, what := range slices.Sorted(maps.Keys(s.battery)) {
		fmt.Fprintf(w, "battery %9d  %s\n", s.battery[what], what)
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped; %d packages, %d of them failed\n",
		s.total.passed, s.total.failed, s.total.skipped, s.ended, s.broken)
	if s.ended == 0 {
		fmt.Fprintln(w, "no package was tested")
	}
}

// reason finds a skipped test's own words in what it printed: the line that `t.Skip` marks with file and line.
func reason(printed []string) string {
	for _, text := range printed {
		text = strings.TrimSpace(text)
		if text != "" && !strings.HasPrefix(text, "=== ") && !strings.HasPrefix(text, "--- ") {
			return text
		}
	}
	return "no reason given"
}
