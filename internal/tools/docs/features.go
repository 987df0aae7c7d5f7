package main

import (
	_ "embed"
	"errors"
	"fmt"
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
	b.WriteString("\nAny kind may have `name`, which is required, and `kind`. Every key is also listed in [configuration.md](configuration.md#features).\n")
	for _, g := range groups(kinds) {
		fmt.Fprintf(b, "\n### %s\n", g.name)
		for _, k := range g.kinds {
			writeKind(b, k)
		}
	}
	b.WriteString("\n")
}

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

func writeKind(b *strings.Builder, k features.Kind) {
	fmt.Fprintf(b, "\n#### %s\n\n%s\n\n", k.Name, k.Doc)
	b.WriteString("| key | |\n|---|---|\n")
	for _, key := range k.Keys {
		name := "`" + key.Name + "`"
		if key.Required {
			name += ", required"
		}
		fmt.Fprintf(b, "| %s | %s |\n", name, key.Doc)
	}
	if len(k.As) > 0 {
		var forms []string
		for i, f := range k.As {
			form := "`" + f.Name + "`: " + f.Doc
			if i == 0 {
				form = "`" + f.Name + "` (the default): " + f.Doc
			}
			forms = append(forms, form)
		}
		fmt.Fprintf(b, "| `as` | %s |\n", strings.Join(forms, "; "))
	}
	b.WriteString("\n```yaml\nfeatures:\n")
	for line := range strings.Lines(strings.Trim(k.Example, "\n") + "\n") {
		b.WriteString("  " + line)
	}
	b.WriteString("```\n")
}
