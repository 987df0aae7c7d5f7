package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxFileBytes is more than any configuration needs.
const maxFileBytes = 1 << 20

// Overrides is what wins over the file.
type Overrides struct {
	Env   func(name string) (string, bool) // os.LookupEnv; nil: no environment
	Flags map[string]string                // by path: "listen", "data"; an empty text counts as given
}

// Load reads the file at path, or only the defaults when path is empty. The error is an [Errors], or says why the file could
// not be read.
func Load(path string, over Overrides) (*Config, error) {
	if path == "" {
		return Parse("", nil, over)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data, over)
}

// Parse is Load for a file already in memory; name is what errors call it.
func Parse(name string, data []byte, over Overrides) (*Config, error) {
	c := Default()
	c.file = name
	d := &decoder{file: name, places: map[string]place{}, anchors: map[string]ast.Node{}}
	d.document(data, c)
	c.places, c.origins = d.places, map[string]place{}
	errs := append(d.errs, c.override(over)...)
	c.complete()
	if len(errs) == 0 { // a value that was not understood would only be complained about twice
		errs = slices.Concat(c.resolveKeys(over), c.resolvePassword(over), c.resolveSecrets(over), c.resolveLexicons(), c.check())
	}
	if len(errs) > 0 {
		return nil, errs.sorted()
	}
	return c, nil
}

func (d *decoder) document(data []byte, c *Config) {
	if len(data) > maxFileBytes {
		d.errs = append(d.errs, &Error{File: d.file, Msg: fmt.Sprintf("larger than %d bytes", maxFileBytes)})
		return
	}
	f, err := parser.ParseBytes(data, 0)
	if err != nil {
		d.syntax(err)
		return
	}
	docs := 0
	for _, doc := range f.Docs {
		if doc.Body == nil {
			continue
		}
		if docs++; docs > 1 {
			d.fail(doc.Body, "", "a second document; one file holds one configuration")
			return
		}
		if _, comment := doc.Body.(*ast.CommentGroupNode); !comment {
			d.value(doc.Body, "", reflect.ValueOf(c).Elem())
		}
	}
}

func (d *decoder) syntax(err error) {
	var y yaml.Error
	if errors.As(err, &y) {
		d.failAt(y.GetToken(), "", "%s", y.GetMessage())
		return
	}
	d.errs = append(d.errs, &Error{File: d.file, Msg: err.Error()})
}

// complete adds what is always there.
func (c *Config) complete() {
	if _, ok := c.Rank.Scenes["default"]; !ok {
		var s Scene
		s.setDefaults()
		if c.Rank.Scenes == nil {
			c.Rank.Scenes = map[string]Scene{}
		}
		c.Rank.Scenes["default"] = s
	}
	c.completeModels()
}

// completeModels fills in what a model's neighbours, or its own heads, say.
func (c *Config) completeModels() {
	champion := slices.ContainsFunc(c.Models, func(m Model) bool { return m.Role == roleChampion })
	for i := range c.Models {
		m := &c.Models[i]
		switch {
		case m.Role != "":
		case !champion:
			m.Role, champion = roleChampion, true
		default:
			m.Role = "challenger"
		}
		if m.Score == "" && len(m.Heads) > 0 {
			m.Score = m.Heads[0].Name
		}
		if len(m.Features) == 0 {
			m.Features = c.Models[0].Features
		}
	}
}

// roleChampion is the role of the model that serves.
const roleChampion = "champion"

// Champion is the place of the model that serves as long as the log does not say otherwise.
func (c *Config) Champion() int {
	return slices.IndexFunc(c.Models, func(m Model) bool { return m.Role == roleChampion })
}

// settings are the scalar settings that the environment can set, by path.
func (c *Config) settings(yield func(path string, v reflect.Value) bool) {
	var walk func(prefix string, v reflect.Value) bool
	walk = func(prefix string, v reflect.Value) bool {
		for i := range v.NumField() {
			tag, f := v.Type().Field(i).Tag.Get("yaml"), v.Field(i)
			switch {
			case tag == "" || f.Kind() == reflect.Map || (f.Kind() == reflect.Slice && f.Type() != reflect.TypeFor[Strings]()):
				continue
			case f.Kind() == reflect.Struct:
				if !walk(prefix+tag+".", f) {
					return false
				}
			default:
				if !yield(prefix+tag, f) {
					return false
				}
			}
		}
		return true
	}
	walk("", reflect.ValueOf(c).Elem())
}

// EnvName is the variable that overrides the setting at path: RECSVC_KAFKA_BROKERS for kafka.brokers.
func EnvName(path string) string {
	return "RECSVC_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

func (c *Config) override(over Overrides) (errs Errors) {
	known := map[string]bool{}
	for path, v := range c.settings {
		known[path] = true
		if over.Env != nil {
			name := EnvName(path)
			if s, ok := over.Env(name); ok && s != "" {
				c.origins[path] = place{file: "environment", name: name}
				errs = append(errs, c.set(path, v, s)...)
			}
		}
		if s, ok := over.Flags[path]; ok {
			c.origins[path] = place{file: "command line", name: "-" + path}
			errs = append(errs, c.set(path, v, s)...)
		}
	}
	for path := range over.Flags {
		if !known[path] {
			panic("config: no setting " + path) // the command line is ours
		}
	}
	return append(errs, c.envKey(over)...)
}

func (c *Config) set(path string, v reflect.Value, s string) Errors {
	if err := setText(v, s); err != nil {
		return Errors{c.Errorf(path, "%v", err)}
	}
	return nil
}

// envKey adds the key of RECSVC_KEY, with every role: enough for a container without a file.
func (c *Config) envKey(over Overrides) Errors {
	if over.Env == nil {
		return nil
	}
	if s, ok := over.Env("RECSVC_KEY"); ok && s != "" {
		path := fmt.Sprintf("keys[%d].key", len(c.Keys))
		c.origins[path] = place{file: "environment", name: "RECSVC_KEY"}
		c.Keys = append(c.Keys, Key{Name: "RECSVC_KEY", Key: s, Roles: Strings{"admin"}})
	}
	return nil
}

// resolveKeys reads the keys that the file leaves to the environment.
func (c *Config) resolveKeys(over Overrides) (errs Errors) {
	for i := range c.Keys {
		k, path := &c.Keys[i], fmt.Sprintf("keys[%d]", i)
		switch {
		case k.Key != "" && k.KeyEnv != "":
			errs = append(errs, c.Errorf(path+".key_env", "give key or key_env, not both"))
		case k.KeyEnv != "":
			s := ""
			if over.Env != nil {
				s, _ = over.Env(k.KeyEnv)
			}
			if s == "" {
				errs = append(errs, c.Errorf(path+".key_env", "environment variable %s is not set", k.KeyEnv))
			}
			k.Key = s
		}
	}
	return errs
}
