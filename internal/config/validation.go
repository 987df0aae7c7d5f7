package config

import (
	"fmt"
	"strings"
	"time"
)

// Validation says how progressive metrics are kept.
type Validation struct {
	Slices  Strings   `yaml:"slices"`  // by which they are also kept: scene, variant, context.KEY, user.KEY; at most 7; none
	Values  int       `yaml:"values"`  // of a slice that are told apart: the first that come; others are counted together; 32
	Windows Durations `yaml:"windows"` // stretches of event time over which they are also kept, ascending, at most 4; 1h, 24h
}

func defaultValidation() Validation {
	return Validation{Values: 32, Windows: Durations{time.Hour, 24 * time.Hour}}
}

func (k *checker) validation() {
	v := k.c.Validation
	k.that(len(v.Slices) <= 7, "validation.slices", "%d of them: 7 are the most", len(v.Slices))
	seen := map[string]bool{}
	for i, name := range v.Slices {
		path := fmt.Sprintf("validation.slices[%d]", i)
		source, key, _ := strings.Cut(name, ".")
		k.that(name == "scene" || name == "variant" || (source == "context" || source == "user") && key != "", path,
			"%s is none of scene, variant, context.KEY and user.KEY", quote(name))
		k.unique(path, name, seen)
	}
	k.within("validation.values", v.Values, 1, 250)
	k.that(len(v.Windows) <= 4, "validation.windows", "%d of them: 4 are the most", len(v.Windows))
	for i, w := range v.Windows {
		path := fmt.Sprintf("validation.windows[%d]", i)
		k.that(w >= time.Minute, path, "must be at least 1m")
		k.that(i == 0 || w > v.Windows[i-1], path, "must be longer than the one before")
	}
}
