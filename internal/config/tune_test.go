package config

import (
	"strings"
	"testing"
)

func TestTunedChangesHowModelsLearnAndNothingElse(t *testing.T) {
	c, err := Parse("f.yaml", []byte(`
models:
  - name: ctr
    heads:
      - {name: click, positive: [{type: click}], alpha: 0.1}
      - {name: like, positive: [{type: like}], alpha: 0.2}
`), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		key, value  string
		click, like float64
		bits        int
	}{
		{"alpha", "0.5", 0.5, 0.5, 22},
		{"click.alpha", "0.5", 0.5, 0.2, 22},
		{"bits", "18", 0.1, 0.2, 18},
	} {
		got, err := c.Tuned(Setting{tc.key, tc.value})
		if err != nil {
			t.Errorf("%s: %v", tc.key, err)
			continue
		}
		m := got.Models[0]
		if m.Heads[0].Alpha != tc.click || m.Heads[1].Alpha != tc.like || m.Bits != tc.bits {
			t.Errorf("%s=%s: %+v", tc.key, tc.value, m)
		}
	}
	if got, err := c.Tuned(Setting{"like.latent.alpha", "0.7"}, Setting{"like.learner", "fm"}); err != nil || got.Models[0].Heads[1].Latent.Alpha != 0.7 || got.Models[0].Heads[0].Latent.Alpha == 0.7 {
		t.Errorf("%+v, %v", got, err)
	}
	if m := c.Models[0]; m.Heads[0].Alpha != 0.1 || m.Bits != 22 {
		t.Errorf("the original is now %+v", m)
	}
	for _, tc := range []struct{ key, value, want string }{
		{"alpha", "-1", "command line: -grid alpha: "},
		{"alpha", "fast", "command line: -grid alpha: "},
		{"bits", "99", "command line: -grid bits: "},
		{"weight_by", "value", "command line: -grid weight_by: no key"},
		{"latent", "1", "command line: -grid latent: no key"},
		{"delay", "close", "command line: -grid delay: no key"},
		{"like.window", "1h", "command line: -grid like.window: no key"},
		{"share.alpha", "1", "command line: -grid share.alpha: no key"},
	} {
		if _, err := c.Tuned(Setting{tc.key, tc.value}); err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s=%s: %v, want %s…, once", tc.key, tc.value, err, tc.want)
		}
	}
}
