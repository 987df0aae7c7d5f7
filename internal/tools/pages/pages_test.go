// Package pages holds no code, only the test that the project's pages speak of things that exist.
package pages

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"recsvc/internal/config"
)

const (
	root         = "../../.."
	architecture = "docs/ARCHITECTURE.md"
)

// pages are all Markdown pages that the project wrote, by their path from its root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	out := make(map[string]string, len(names))
	for _, name := range names {
		if strings.HasPrefix(filepath.Base(name), ".") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimPrefix(filepath.ToSlash(name), root+"/")] = string(text)
	}
	return out
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced  = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```")
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the names that a page's headings get.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		out[strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	return out
}

func TestEveryLinkLeadsToAFileAndAHeadingThatExist(t *testing.T) {
	for name, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(m[1], "#")
			target := name
			if path != "" {
				target = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, m[1])
				continue
			}
			if anchor == "" {
				continue
			}
			if page, err := os.ReadFile(filepath.Join(root, target)); err != nil || !anchors(string(page))[anchor] {
				t.Errorf("%s links to %s: %s has no such heading", name, m[1], target)
			}
		}
	}
}

func TestTheArchitectureLinksEveryDecision(t *testing.T) {
	text := pages(t)[architecture]
	decisions, err := filepath.Glob(root + "/docs/adr/*.md")
	if err != nil || len(decisions) == 0 {
		t.Fatalf("no decisions found: %v", err)
	}
	numbers := map[string]string{}
	for _, d := range decisions {
		if !strings.Contains(text, "](adr/"+filepath.Base(d)+")") {
			t.Errorf("%s does not link %s", architecture, d)
		}
		number := filepath.Base(d)[:4]
		if other := numbers[number]; other != "" {
			t.Errorf("%s and %s have the same number", d, other)
		}
		numbers[number] = d
	}
}

// secrets is an environment in which the secrets that examples name are set.
func secrets(name string) (string, bool) {
	return "a secret of more than sixteen characters", !strings.HasPrefix(name, "RECSVC_")
}

func TestEveryExampleOfAConfigurationIsValid(t *testing.T) {
	examples := 0
	for name, text := range pages(t) {
		for _, m := range fenced.FindAllStringSubmatch(text, -1) {
			if m[1] != "yaml" || strings.HasPrefix(m[2], " ") { // an indented block is part of another
				continue
			}
			examples++
			if _, err := config.Parse(name, []byte(m[2]), config.Overrides{Env: secrets}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if examples == 0 {
		t.Error("no examples found")
	}
}

// code names a method as the pages do: (*Engine).apply.
var code = regexp.MustCompile("\\(\\*(?:[a-z]+\\.)?([A-Za-z]+)\\)\\.([A-Za-z]+)`")

func TestEveryMethodThatTheArchitectureNamesExists(t *testing.T) {
	var source strings.Builder
	for _, pattern := range []string{"internal/*/*.go", "cmd/recsvc/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	named := code.FindAllStringSubmatch(pages(t)[architecture], -1)
	if len(named) < 10 {
		t.Fatalf("only %d methods found", len(named))
	}
	for _, m := range named {
		method := regexp.MustCompile(`func \(\w+ \*` + m[1] + `(\[[^]]*\])?\) ` + m[2] + `\(`)
		if !method.MatchString(source.String()) {
			t.Errorf("there is no method (*%s).%s", m[1], m[2])
		}
	}
}
