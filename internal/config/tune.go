package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// joined are the keys of a model or head that say what is learned from, and not how: the join depends on them.
var joined = []string{"name", "role", "positive", "window", "delay", "examination", "features", "score", "negatives", "sampling", "refresh"}

// Tuned returns a copy in which a key of how models learn has another value: of every head (alpha), of the heads of a name
// (click.alpha), or of every model (bits). The error is an [Errors].
func (c *Config) Tuned(key, value string) (*Config, error) {
	out := *c
	if out.origins = maps.Clone(c.origins); out.origins == nil {
		out.origins = map[string]place{}
	}
	out.Models = slices.Clone(c.Models)
	path, found := "-grid "+key, false
	set := func(at string, v reflect.Value) Errors {
		found = true
		out.origins[at] = place{file: "command line", name: path}
		return out.set(at, v, value)
	}
	var errs Errors
	for i := range out.Models {
		m := &out.Models[i]
		m.Heads = slices.Clone(m.Heads)
		if v, ok := learningKey(reflect.ValueOf(m).Elem(), key); ok {
			errs = append(errs, set(fmt.Sprintf("models[%d].%s", i, key), v)...)
		}
		for j := range m.Heads {
			h := &m.Heads[j]
			k, own := strings.CutPrefix(key, h.Name+".")
			if !own {
				k = key
			}
			if v, ok := learningKey(reflect.ValueOf(h).Elem(), k); ok {
				errs = append(errs, set(fmt.Sprintf("models[%d].heads[%d].%s", i, j, k), v)...)
			}
		}
	}
	if !found {
		errs = Errors{{File: "command line", Key: path, Msg: "no key of a head or model that says how it learns, such as alpha, click.alpha or bits"}}
	}
	if len(errs) == 0 {
		errs = out.check()
	}
	if len(errs) > 0 {
		return nil, errs.sorted()
	}
	return &out, nil
}

// learningKey finds the scalar with a key, dotted where it lies within another.
func learningKey(v reflect.Value, key string) (reflect.Value, bool) {
	name, rest, nested := strings.Cut(key, ".")
	if slices.Contains(joined, name) {
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
