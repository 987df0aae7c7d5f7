package config

import (
	"strings"
	"testing"
)

func TestWrongValidationIsToldWhereItStands(t *testing.T) {
	for _, tc := range []struct{ yaml, want string }{
		{"validation: {slices: [tab]}", `f.yaml:1:23: validation.slices[0]: "tab" is none of scene, variant, context.KEY and user.KEY`},
		{"validation: {slices: [context.]}", "is none of scene"},
		{"validation: {slices: [scene, scene]}", "validation.slices[1]"},
		{"validation: {slices: [context.a, context.b, context.c, context.d, context.e, context.f, context.g, user.h]}", "8 of them: 7 are the most"},
		{"validation: {values: 251}", "validation.values"},
		{"validation: {windows: [1h, 1h]}", "validation.windows[1]: must be longer than the one before"},
		{"validation: {windows: 10s}", "validation.windows[0]: must be at least 1m"},
	} {
		if _, err := Parse("f.yaml", []byte(tc.yaml), Overrides{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", tc.yaml, err, tc.want)
		}
	}
	c, err := Parse("f.yaml", []byte("validation: {slices: [scene, context.tab, user.city], values: 10, windows: [30m]}"), Overrides{})
	if err != nil || len(c.Validation.Slices) != 3 || len(c.Validation.Windows) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}
