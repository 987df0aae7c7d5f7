package features

import (
	"encoding/json"
	"math"
	"reflect"
	"regexp"
	"testing"
	"time"
)

func TestAVersionFollowsWhatADefinitionSays(t *testing.T) {
	base := Definition{Name: "ctr", Kind: "rate", Of: On("click"), Over: On("exposure"), Window: time.Hour}
	zero := 0.0
	for name, tc := range map[string]struct {
		change func(d *Definition)
		same   bool
	}{
		"nothing":                     {func(*Definition) {}, true},
		"an empty list":               {func(d *Definition) { d.Inputs = []string{} }, true},
		"the name":                    {func(d *Definition) { d.Name = "rate" }, false},
		"the window":                  {func(d *Definition) { d.Window *= 2 }, false},
		"a selection":                 {func(d *Definition) { d.Of = On("click", "like") }, false},
		"the strength":                {func(d *Definition) { d.Prior.Strength = 1 }, false},
		"a mean that is zero":         {func(d *Definition) { d.Prior.Mean = &zero }, false},
		"a number that is not finite": {func(d *Definition) { d.Scale = math.Inf(1) }, false},
	} {
		d := base
		if tc.change(&d); (d.Version() == base.Version()) != tc.same {
			t.Errorf("%s: version %s, before it %s", name, d.Version(), base.Version())
		}
	}
	if v := base.Version(); !regexp.MustCompile(`^[0-9a-f]{12}$`).MatchString(v) {
		t.Errorf("version %q", v)
	}
}

// A version is shown to people and kept with states: it must not change with the program.
func TestAVersionIsTheSameForEver(t *testing.T) {
	mean := 0.5
	d := Definition{
		Name: "ctr", Kind: "rate", Scope: []string{"item"}, Of: On("click"), Over: On("exposure"),
		Window: time.Hour, Prior: Prior{Strength: 10, Mean: &mean},
	}
	text, err := json.Marshal(d)
	const want = `{"name":"ctr","kind":"rate","scope":["item"],"of":{"types":["click"]},"over":{"types":["exposure"]},"window":3600000000000,"prior":{"strength":10,"mean":0.5}}`
	if string(text) != want || err != nil {
		t.Errorf("canonical form %s, error %v", text, err)
	}
	if got := d.Version(); got != "3cae8d5aea2a" {
		t.Errorf("version %s", got)
	}
}

func TestADeclarationIsReadBackWhole(t *testing.T) {
	var d Definition
	fill(t, reflect.ValueOf(&d).Elem(), "Definition")
	var o Options
	fill(t, reflect.ValueOf(&o).Elem(), "Options")
	want := Declare([]Definition{d, {Name: "bare"}}, o)
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Declaration
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(got)
	if err != nil || string(again) != string(text) || !got.Usable() {
		t.Errorf("%v: written\n%s\nread\n%s", err, text, again)
	}
	o.Cold, o.UserBytes = nil, 0 // no matter of state
	want.Options.Cold, want.Options.UserBytes = nil, 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v\nwant %+v", got, want)
	}
}

// fill gives every exported field a value that is not zero.
func fill(t *testing.T, v reflect.Value, what string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !(f.Type.Kind() == reflect.Func && f.Tag.Get("json") == "-") {
				fill(t, v.Field(i), what+"."+f.Name)
			}
		}
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(3)
	case reflect.Uint, reflect.Uint64, reflect.Uint32:
		v.SetUint(3)
	case reflect.Float64:
		v.SetFloat(0.1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), what)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), what)
		fill(t, v.Index(1), what)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key, what)
		fill(t, value, what)
		v.SetMapIndex(key, value)
	case reflect.Interface: // not kept
	default:
		t.Fatalf("%s is a %v: say here how it is filled, and see that it can be kept as JSON", what, v.Kind())
	}
}
