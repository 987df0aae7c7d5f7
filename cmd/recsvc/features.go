package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"recsvc/internal/config"
	"recsvc/internal/features"
)

const featuresHelp = `
recsvc features list prints the features of a configuration, a line each. recsvc features explain prints what they compile to: kind,
scope, window and tiles, selections, state, and for those declared in SQL the statement beside it; names choose some of them.`

func featuresCommand(_ context.Context, args []string, std stdio) error {
	fs := flags("features", featuresHelp, std)
	file := fs.String("config", "", "configuration `FILE`; the built-in one when absent")
	asJSON := fs.Bool("json", false, "print JSON")
	if len(args) == 0 || args[0] != "explain" && args[0] != "list" {
		if err := parse(fs, args, nil); err != nil {
			return err
		}
		fs.Usage()
		return errUsage
	}
	var names []string
	if err := parse(fs, args[1:], &names); err != nil {
		return err
	}
	c, err := loadConfig(*file, nil)
	if err != nil {
		return err
	}
	chosen, err := explained(c, names)
	if err != nil {
		return err
	}
	switch {
	case *asJSON:
		e := json.NewEncoder(std.out)
		e.SetIndent("", "  ")
		return e.Encode(chosen)
	case args[0] == "list":
		for _, x := range chosen {
			fmt.Fprintf(std.out, "%-32s %-16s %-40s %s\n", x.Definition.Name, x.Definition.Kind, x.Scope, x.Version)
		}
		return nil
	}
	for _, x := range chosen {
		x.write(std.out)
	}
	return nil
}

// explanation is one compiled feature, and how it was declared.
type explanation struct {
	features.Compiled
	SQL string `json:",omitempty"`
}

// explained are the compiled features of those names, or of all.
func explained(c *config.Config, names []string) ([]explanation, error) {
	s, err := newFeatures(c, nil)
	if err != nil {
		return nil, err
	}
	statements := map[string]string{}
	defs, origin, err := translate(c)
	if err != nil {
		return nil, err
	}
	for i, d := range defs {
		statements[d.Name] = c.Features[origin[i]].SQL
	}
	var out []explanation
	found := map[string]bool{}
	for _, x := range s.Compiled() {
		name := x.Definition.Name
		if len(names) == 0 || slices.Contains(names, name) {
			found[name] = true
			out = append(out, explanation{x, statements[name]})
		}
	}
	for _, name := range names {
		if !found[name] {
			return nil, fmt.Errorf("no feature %q in the configuration; recsvc features list names them", name)
		}
	}
	return out, nil
}

// write prints an explanation as a definition with remarks.
func (x explanation) write(w io.Writer) {
	d := &x.Definition
	if x.SQL != "" {
		fmt.Fprintf(w, "# %s\n", strings.Join(strings.Fields(x.SQL), " "))
	}
	fmt.Fprintf(w, "%s:  # version %s\n", d.Name, x.Version)
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(w, "  %-10s %s\n", key, value)
		}
	}
	line("kind", d.Kind)
	if x.Scope != "none" {
		line("scope", "["+x.Scope+"]")
	}
	for _, s := range []struct {
		key string
		sel features.Selection
	}{{"on", d.On}, {"of", d.Of}, {"over", d.Over}, {"off", d.Off}} {
		if len(s.sel.Types) > 0 {
			line(s.key, selectionText(s.sel))
		}
	}
	line("value", d.Value)
	line("window", windowText(d))
	if d.TTL > 0 {
		line("ttl", d.TTL.String())
	}
	line("as", d.As)
	line("inputs", strings.Join(x.Inputs, ", "))
	line("state", x.state())
	if x.ByItem {
		line("computed", "for each candidate")
	} else {
		line("computed", "once a list")
	}
}

func selectionText(s features.Selection) string {
	text := strings.Join(s.Types, ", ")
	if s.Where != "" {
		text += " where " + s.Where
	}
	return text
}

func windowText(d *features.Definition) string {
	switch {
	case d.HalfLife > 0:
		return fmt.Sprintf("decays by half in %v", d.HalfLife)
	case d.Window == 0:
		return ""
	case d.Slide == 0:
		return fmt.Sprintf("%v, exactly", d.Window)
	}
	return fmt.Sprintf("%v in tiles of %v", d.Window, d.Slide)
}

func (x explanation) state() string {
	switch {
	case x.Scope == "none":
		return "none"
	case x.Shares != "":
		return "that of " + x.Shares
	case x.Definition.Kind == "pattern":
		return "an entry a key, for as long as something is remembered"
	case x.MostWords > x.Words:
		return fmt.Sprintf("%d bytes a key, and up to %d more", 8*x.Words, 8*(x.MostWords-x.Words))
	}
	return fmt.Sprintf("%d bytes a key", 8*x.Words)
}
