package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// learning are the keys of a model or head that say how it learns. All others say what is learned from, which the join decides for all.
var learning = []string{"bits", "alpha", "beta", "l1", "l2", "clip", "learner", "factors", "latent", "spread", "decay"}

// Setting gives a key a value.
type Setting struct{ Key, Value string }

// Tuned returns a copy in which keys of how models learn have other values: of every head (alpha), of the heads of a name
// (click.alpha), or of every model (bits). The error is an [Errors].
func (c *Config) Tuned(settings ...Setting) (*Config, error) {
	out := *c
	if out.origins = maps.Clone(c.origins); out.origins == nil {
		out.origins = map[string]place{}
	}
	out.Models = slices.Clone(c.Models)
	for i := range out.Models {
		out.Models[i].Heads = slices.Clone(out.Models[i].Heads)
	}
	var errs Errors
	for _, s := range settings {
		errs = append(errs, out.tune(s)...)
	}
	if len(errs) == 0 {
		errs = out.check()
	}
	if len(errs) > 0 {
		return nil, errs.sorted().once() // one setting may be that of many heads
	}
	return &out, nil
}

// tune sets a key wherever there is one.
func (c *Config) tune(s Setting) (errs Errors) {
	name, found := "-grid "+s.Key, false
	set := func(path string, v reflect.Value) {
		found = true
		c.origins[path] = place{file: "command line", name: name}
		errs = append(errs, c.set(path, v, s.Value)...)
	}
	for i := range c.Models {
		m := &c.Models[i]
		if v, ok := learningKey(reflect.ValueOf(m).Elem(), s.Key); ok {
			set(fmt.Sprintf("models[%d].%s", i, s.Key), v)
		}
		for j := range m.Heads {
			h := &m.Heads[j]
			key := strings.TrimPrefix(s.Key, h.Name+".")
			if v, ok := learningKey(reflect.ValueOf(h).Elem(), key); ok {
				set(fmt.Sprintf("models[%d].heads[%d].%s", i, j, key), v)
			}
		}
	}
	if !found {
		errs = Errors{{File: "command line", Key: name, Msg: "no key of a head or model that says how it learns, such as alpha, click.alpha or bits"}}
	}
	return errs
}

// learningKey finds the scalar with a key, dotted where it lies within another.
func learningKey(v reflect.Value, key string) (reflect.Value, bool) {
	name, rest, nested := strings.Cut(key, ".")
	if !slices.Contains(learning, name) {
		return v, false
	}
	for i := range v.NumField() {
		f := v.Field(i)
		if v.Type().Field(i).Tag.Get("yaml") != name {
			continue
		}
		switch {
		case nested && f.Kind() == reflect.Struct:
			return learningKey(f, rest)
		case nested:
			return v, false
		}
		switch f.Kind() {
		case reflect.Bool, reflect.String, reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
			return f, true
		}
	}
	return v, false
}
