package main

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"

	"recsvc/internal/features"
)

// The guide around the kinds.
//
//go:embed features.md.tmpl
var guide string

const kindsMark = "{{kinds}}\n"

// featuresPage is the guide with the kinds in it.
func featuresPage() ([]byte, error) {
	before, after, ok := strings.Cut(guide, kindsMark)
	if !ok {
		return nil, errors.New("the guide has no place for the kinds")
	}
	var b strings.Builder
	b.WriteString("<!-- Made by `make docs` from internal/tools/docs/features.md.tmpl and the table of kinds: change those. -->\n\n")
	b.WriteString(before)
	writeKinds(&b, features.Kinds())
	b.WriteString(after)
	return []byte(b.String()), nil
}

func writeKinds(b *strings.Builder, kinds []features.Kind) {
	b.WriteString("## Kinds\n\n")
	for _, g := range groups(kinds) {
		var links []string
		for _, k := range g.kinds {
			links = append(links, fmt.Sprintf("[`%s`](#%s)", k.Name, k.Name))
		}
		fmt.Fprintf(b, "- **%s**: %s\n", g.name, strings.Join(links, ", "))
	}
	shared := sharedKeys(kinds)
	b.WriteString("\nEvery definition has a `name` and a `kind`. Keys that mean the same to many kinds stand here once; each kind names those that it reads.\n\n| key | |\n|---|---|\n")
	for _, key := range shared {
		fmt.Fprintf(b, "| `%s` | %s |\n", key.Name, cell(key.Doc))
	}
	for _, g := range groups(kinds) {
		fmt.Fprintf(b, "\n### %s\n", g.name)
		for _, k := range g.kinds {
			writeKind(b, k, shared)
		}
	}
	b.WriteString("\n")
}

// manyKinds is from how many kinds on a key that means the same to all of them is told once.
const manyKinds = 6

// sharedKeys are the keys that mean the same to many kinds, in order of their first mention.
func sharedKeys(kinds []features.Kind) (shared []features.Key) {
	uses := map[features.Key]int{}
	for _, k := range kinds {
		for _, key := range k.Keys {
			uses[key]++
			told := slices.ContainsFunc(shared, func(s features.Key) bool { return s.Name == key.Name })
			if uses[key] == manyKinds && !told { // what some kinds mean by it otherwise stands with them
				shared = append(shared, key)
			}
		}
	}
	return shared
}

// cell escapes what would end a cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// group is the kinds that stand under one heading.
type group struct {
	name  string
	kinds []features.Kind
}

// groups gathers the kinds by heading, headings in order of their first kind.
func groups(kinds []features.Kind) (out []group) {
	at := map[string]int{}
	for _, k := range kinds {
		i, ok := at[k.Group]
		if !ok {
			i = len(out)
			at[k.Group] = i
			out = append(out, group{name: k.Group})
		}
		out[i].kinds = append(out[i].kinds, k)
	}
	return out
}

func writeKind(b *strings.Builder, k features.Kind, shared []features.Key) {
	fmt.Fprintf(b, "\n#### %s\n\n%s\n", k.Name, k.Doc)
	var also, rows []string
	for _, key := range k.Keys {
		name := "`" + key.Name + "`"
		if slices.Contains(shared, key) {
			also = append(also, name)
			continue
		}
		if key.Required {
			name += ", required"
		}
		rows = append(rows, fmt.Sprintf("| %s | %s |\n", name, cell(key.Doc)))
	}
	for i, f := range k.As {
		name := "`as: " + f.Name + "`"
		if i == 0 {
			name += ", the default"
		}
		rows = append(rows, fmt.Sprintf("| %s | %s |\n", name, cell(f.Doc)))
	}
	if len(rows) > 0 {
		b.WriteString("\n| key | |\n|---|---|\n" + strings.Join(rows, ""))
	}
	if len(also) > 0 {
		fmt.Fprintf(b, "\nAlso %s.\n", strings.Join(also, ", "))
	}
	b.WriteString("\n```yaml\n" + k.Features() + "```\n")
}
