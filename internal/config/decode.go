package config

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder writes a YAML tree into the structs, in place, so that what is absent keeps its default. It does not stop at
// the first mistake. goccy's own decoder would: it also truncates 1.5 into an int and forgets nested defaults.
type decoder struct {
	file    string
	places  map[string]place
	anchors map[string]ast.Node
	depth   int // of aliases being followed
	errs    Errors
}

// maxErrors is where a hopeless file is given up.
const maxErrors = 20

// form is a type with a YAML form of its own.
type form interface {
	decode(d *decoder, n ast.Node, path string)
}

// defaulter is an element type whose absent keys have defaults.
type defaulter interface{ setDefaults() }

func (d *decoder) fail(n ast.Node, path, format string, args ...any) {
	d.failAt(n.GetToken(), path, format, args...)
}

func (d *decoder) failAt(t *token.Token, path, format string, args ...any) {
	if len(d.errs) < maxErrors {
		e := &Error{File: d.file, Key: path, Msg: fmt.Sprintf(format, args...)}
		if t != nil && t.Position != nil {
			e.Line, e.Column = t.Position.Line, t.Position.Column
		}
		d.errs = append(d.errs, e)
	}
}

// resolve follows anchors, aliases and tags to the node that holds the value; nil is YAML's null.
func (d *decoder) resolve(n ast.Node, path string) ast.Node {
	for range 100 {
		switch t := n.(type) {
		case nil, *ast.NullNode:
			return nil
		case *ast.AnchorNode:
			d.anchors[t.Name.String()] = t.Value
			n = t.Value
		case *ast.AliasNode:
			target, ok := d.anchors[t.Value.String()]
			if !ok {
				d.fail(n, path, "no anchor &%s above this", t.Value)
				return nil
			}
			n = target
		case *ast.TagNode:
			n = t.Value
		default:
			return n
		}
	}
	d.fail(n, path, "an alias that leads back to itself")
	return nil
}

// value decodes n into v, which is settable.
func (d *decoder) value(n ast.Node, path string, v reflect.Value) {
	if n == nil || len(d.errs) >= maxErrors {
		return
	}
	d.note(n, path)
	if n = d.resolve(n, path); n == nil {
		return // "key:" with nothing behind it keeps the default
	}
	if f, ok := v.Addr().Interface().(form); ok {
		f.decode(d, n, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.mapping(n, path, v.Addr().Interface())
	case reflect.Map:
		d.table(n, path, v)
	case reflect.Slice:
		d.list(n, path, v.Addr().Interface())
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, path, v.Elem())
	default:
		d.scalar(n, path, v)
	}
}

// entries calls fn for each key of a mapping. Merged mappings (<<) come first, so that the mapping's own keys win.
func (d *decoder) entries(n ast.Node, path string, fn func(key string, kv *ast.MappingValueNode)) {
	m, ok := n.(ast.MapNode)
	if !ok {
		d.fail(n, path, "must be a mapping (key: value), not %s", kindOf(n))
		return
	}
	for pass := range 2 {
		for it := m.MapRange(); it.Next(); {
			kv := it.KeyValue()
			switch merge := kv.Key.IsMergeKey(); {
			case merge && pass == 0:
				if d.depth++; d.depth > 100 {
					d.fail(kv.Key, path, "mappings merged into each other")
				} else if base := d.resolve(kv.Value, path); base != nil {
					d.entries(base, path, fn)
				}
				d.depth--
			case !merge && pass == 1:
				fn(kv.Key.GetToken().Value, kv)
			}
		}
	}
}

func (d *decoder) mapping(n ast.Node, path string, target any) {
	v := reflect.ValueOf(target).Elem()
	d.entries(n, path, func(key string, kv *ast.MappingValueNode) {
		sub := key
		if path != "" {
			sub = path + "." + key
		}
		i, known := fieldOf(v.Type(), key)
		if i < 0 {
			d.failAt(kv.Key.GetToken(), sub, "unknown key; %s", orKnown(key, known))
			return
		}
		d.noteToken(kv.Key.GetToken(), sub)
		d.value(kv.Value, sub, v.Field(i))
	})
}

func (d *decoder) table(n ast.Node, path string, v reflect.Value) {
	out := reflect.MakeMap(v.Type())
	d.entries(n, path, func(key string, kv *ast.MappingValueNode) {
		sub := path + "." + key
		d.noteToken(kv.Key.GetToken(), sub)
		e := newElement(v.Type().Elem())
		d.value(kv.Value, sub, e)
		out.SetMapIndex(reflect.ValueOf(key), e)
	})
	v.Set(out)
}

func (d *decoder) list(n ast.Node, path string, target any) {
	v := reflect.ValueOf(target).Elem()
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fail(n, path, "must be a list (- a, or [a, b]), not %s", kindOf(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, len(seq.Values)))
	for i, item := range seq.Values {
		e := newElement(v.Type().Elem())
		d.value(item, fmt.Sprintf("%s[%d]", path, i), e)
		v.Set(reflect.Append(v, e))
	}
}

func newElement(t reflect.Type) reflect.Value {
	p := reflect.New(t)
	if def, ok := p.Interface().(defaulter); ok {
		def.setDefaults()
	}
	return p.Elem()
}

var durationType, sizeType = reflect.TypeFor[time.Duration](), reflect.TypeFor[Size]()

func (d *decoder) scalar(n ast.Node, path string, v reflect.Value) {
	if v.Kind() == reflect.Bool {
		b, ok := n.(*ast.BoolNode)
		if !ok {
			d.fail(n, path, "must be true or false, not %s", kindOf(n))
			return
		}
		v.SetBool(b.Value)
		return
	}
	if t, ok := d.text(n, path); ok {
		if err := setText(v, t); err != nil {
			d.fail(n, path, "%v", err)
		}
	}
}

// text returns a scalar as it was written.
func (d *decoder) text(n ast.Node, path string) (string, bool) {
	switch t := n.(type) {
	case *ast.StringNode:
		return t.Value, true
	case *ast.LiteralNode:
		return t.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.NanNode, *ast.InfinityNode:
		return n.GetToken().Value, true
	}
	d.fail(n, path, "must be one value, not %s", kindOf(n))
	return "", false
}

// setText writes a scalar given as text, from the file, the environment or a flag.
func setText(v reflect.Value, s string) error {
	switch {
	case v.Type() == durationType:
		x, err := ParseDuration(s)
		v.SetInt(int64(x))
		return err
	case v.Type() == sizeType:
		x, err := ParseSize(s)
		v.SetInt(int64(x))
		return err
	case v.Type() == reflect.TypeFor[Strings]():
		var list Strings
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		v.Set(reflect.ValueOf(list))
		return nil
	case v.Kind() == reflect.String:
		v.SetString(s)
		return nil
	case v.Kind() == reflect.Bool:
		x, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("must be true or false, not %s", quote(s))
		}
		v.SetBool(x)
		return nil
	case v.CanInt():
		return setInt(v, s)
	case v.CanFloat():
		return setFloat(v, s)
	}
	panic("config: no scalar form for " + v.Type().String())
}

func setInt(v reflect.Value, s string) error {
	x, err := parseInt(s)
	if err != nil || v.OverflowInt(x) {
		return fmt.Errorf("%s is not a whole number", quote(s))
	}
	v.SetInt(x)
	return nil
}

func setFloat(v reflect.Value, s string) error {
	x, err := parseFloat(s)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("%s is not a finite number", quote(s))
	}
	v.SetFloat(x)
	return nil
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case ast.MapNode:
		return "a mapping"
	case ast.ArrayNode:
		return "a list"
	}
	return quote(n.GetToken().Value)
}

// fieldOf finds the field with that yaml tag, and the tags that there are.
func fieldOf(t reflect.Type, key string) (index int, known []string) {
	index = -1
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("yaml")
		if tag == "" {
			continue
		}
		if known = append(known, tag); tag == key {
			index = i
		}
	}
	return index, known
}

// note remembers where the value of path stands. A mapping is found by its first key, not by that key's colon.
func (d *decoder) note(n ast.Node, path string) {
	t := n.GetToken()
	if m, ok := n.(ast.MapNode); ok {
		if it := m.MapRange(); it.Next() {
			t = it.Key().GetToken()
		}
	}
	if _, null := n.(*ast.NullNode); !null {
		d.noteToken(t, path)
	}
}

func (d *decoder) noteToken(t *token.Token, path string) {
	if t != nil && t.Position != nil {
		d.places[path] = place{file: d.file, line: t.Position.Line, column: t.Position.Column}
	}
}
