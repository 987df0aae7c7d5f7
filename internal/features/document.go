package features

import (
	"reflect"
	"strings"
	"time"
)

// Keys is what a definition says, by key, as the configuration writes it: durations are texts, and what is zero is left out.
func (d Definition) Keys() map[string]any { return document(reflect.ValueOf(d)) }

// Keys is what a pattern says, as [Definition.Keys] is of a definition.
func (p Pattern) Keys() map[string]any { return document(reflect.ValueOf(p)) }

// document makes a map of a struct, by the JSON names of its fields.
func document(v reflect.Value) map[string]any {
	out := make(map[string]any)
	for i := range v.NumField() {
		if x := v.Field(i); !x.IsZero() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			out[name] = documented(x)
		}
	}
	return out
}

func documented(v reflect.Value) any {
	if d, ok := v.Interface().(time.Duration); ok {
		return shortDuration(d)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return documented(v.Elem())
	case reflect.Struct:
		return document(v)
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = documented(v.Index(i))
		}
		return list
	}
	return v.Interface()
}
