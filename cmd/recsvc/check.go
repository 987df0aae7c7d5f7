package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"recsvc/configs"
	"recsvc/internal/config"
	"recsvc/internal/feedback"
	"recsvc/internal/rank"
)

const checkHelp = `
Validates a configuration, down to the features, heads and scenes that it declares, without starting anything. Each mistake
is printed with file, line, column and key; the exit status is then 1.`

func check(_ context.Context, args []string, std stdio) error {
	fs := flags("check", checkHelp, std)
	file := fs.String("config", "", "configuration `FILE`")
	if err := parse(fs, args, nil); err != nil {
		return err
	}
	if *file == "" {
		fmt.Fprintln(std.err, "recsvc check: name the file with -config")
		fs.Usage()
		return errUsage
	}
	c, err := loadConfig(*file, nil)
	if err != nil {
		return err
	}
	heads := 0
	for _, m := range c.Models {
		heads += len(m.Heads)
	}
	fmt.Fprintf(std.out, "%s: %d features, %d heads, %d scenes: valid\n", *file, len(c.Features), heads, len(c.Rank.Scenes))
	return nil
}

// loadConfig reads a configuration, or the built-in one when path is empty, and checks it to the bottom. over holds what
// flags have set, by the path of the key.
func loadConfig(path string, over map[string]string) (*config.Config, error) {
	overrides := config.Overrides{Env: os.LookupEnv, Flags: over}
	var c *config.Config
	var err error
	if path == "" {
		c, err = config.Parse("built-in configuration", configs.Default, overrides)
	} else {
		c, err = config.Load(path, overrides)
	}
	if err != nil {
		return nil, err
	}
	return c, checkRooms(c)
}

type nothing struct{}

func (nothing) Learn(feedback.Step)     {}
func (nothing) Settle(feedback.Settled) {}

// checkRooms builds what can be built without touching the disk, so that every mistake is found before the start.
func checkRooms(c *config.Config) error {
	if len(c.Models) == 0 {
		return c.Errorf("models", "declare at least one model")
	}
	if _, err := scores(c); err != nil {
		return err
	}
	store, err := newFeatures(c, nil)
	if err != nil {
		return err
	}
	if err := checkWatched(c, store); err != nil {
		return err
	}
	if err := checkRetention(c); err != nil {
		return err
	}
	if _, err := feedback.New(feedbackOptions(c), nothing{}); err != nil {
		return c.Errorf("models", "%v", err)
	}
	if _, err := rank.New(rank.FromFeatures(store), nil, rank.Options{Scenes: scenes(c)}); err != nil {
		return c.Errorf("rank.scenes", "%v", err)
	}
	_, err = newEvaluator(c)
	return err
}

// checkRetention refuses windows that reach further back than our own log: nothing could fill them anew when definitions change. Of a
// log in Kafka the brokers decide how far back it reaches.
func checkRetention(c *config.Config) error {
	kept := c.Log.RetainAge
	if kept <= 0 || len(c.Kafka.Brokers) > 0 {
		return nil
	}
	for i, f := range c.Features {
		key, longest := "window", f.Window
		if len(f.Windows) > 0 {
			key, longest = "windows", slices.Max(f.Windows)
		}
		if longest > kept {
			return c.Errorf(fmt.Sprintf("features[%d].%s", i, key),
				"feature %q: %v is longer than log.retain_age (%v): a longer log or a shorter window is needed", f.Name, longest, kept)
		}
	}
	return nil
}
