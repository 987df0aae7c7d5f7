package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// group is a run of features under one comment of a configuration.
type group struct {
	name     string
	features []string
}

var (
	groupComment = regexp.MustCompile(`^  # (.+)$`)
	featureName  = regexp.MustCompile(`^  - \{?name: ([A-Za-z0-9_]+)`)
)

// groupsOf reads the groups of a configuration: below `features:`, each comment begins one.
func groupsOf(config []byte) (groups []group, err error) {
	_, below, found := bytes.Cut(config, []byte("\nfeatures:\n"))
	if !found {
		return nil, errors.New("no features in it")
	}
	for line := range strings.Lines(string(below)) {
		line = strings.TrimRight(line, "\n")
		if m := groupComment.FindStringSubmatch(line); m != nil {
			groups = append(groups, group{name: m[1]})
		}
		m := featureName.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if len(groups) == 0 {
			return nil, fmt.Errorf("feature %s stands under no comment", m[1])
		}
		g := &groups[len(groups)-1]
		g.features = append(g.features, m[1])
	}
	return groups, nil
}

// only returns the configuration with a model that sees the features of these groups alone.
func only(config []byte, groups []group) []byte {
	var names []string
	for _, g := range groups {
		names = append(names, g.features...)
	}
	const head = "\n    score: click"
	return bytes.Replace(config, []byte(head), []byte("\n    features: ["+strings.Join(names, ", ")+"]"+head), 1)
}

// groups measures what each group of features adds on kuairand: to those before it, and to all the others.
func (b *bench) groups(ctx context.Context) error {
	config, err := os.ReadFile(b.kuairand.config)
	if err != nil {
		return err
	}
	groups, err := groupsOf(config)
	if err != nil {
		return fmt.Errorf("%s: %w", b.kuairand.config, err)
	}
	for i := range groups {
		if err := b.group(ctx, config, groups[:i+1], "up to: "+groups[i].name); err != nil {
			return err
		}
	}
	for i := range groups {
		without := append(append([]group{}, groups[:i]...), groups[i+1:]...)
		if err := b.group(ctx, config, without, "all but: "+groups[i].name); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) group(ctx context.Context, config []byte, groups []group, what string) error {
	b.say("features of kuairand, %s", what)
	d := b.kuairand
	d.config = filepath.Join(b.work, "groups.yaml")
	if err := os.WriteFile(d.config, only(config, groups), 0o600); err != nil {
		return err
	}
	r, err := b.replay(ctx, d.replayArgs())
	if err != nil {
		return err
	}
	b.figures.add(what+", log-loss", "", noGoal, r.Heads["click"].LogLoss)
	b.figures.add(what+", AUC", "", noGoal, r.Heads["click"].AUC)
	return nil
}
