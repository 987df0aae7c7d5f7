package main

import (
	"strings"
	"testing"
)

func TestASummaryCountsAndShowsWhatMatters(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		ok       bool
		want     []string
		hidden   string
	}{
		{
			name: "passing tests are counted and their output is left out",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":1.5}
`,
			ok: true, want: []string{"ok   p", "1.50 s  1 tests", "1 passed, 0 failed, 0 skipped; 1 packages"}, hidden: "chatter",
		},
		{
			name: "a failed test shows what it printed",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"got 1, want 2\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}
`,
			want: []string{"got 1, want 2", "FAIL p", "0 passed, 1 failed"},
		},
		{
			name: "a skipped test gives its reason",
			in: `{"Action":"output","Package":"p","Test":"TestK","Output":"=== RUN   TestK\n"}
{"Action":"output","Package":"p","Test":"TestK","Output":"    k_test.go:9: KAFKA_BROKERS is not set\n"}
{"Action":"skip","Package":"p","Test":"TestK"}
{"Action":"pass","Package":"p"}
`,
			ok: true, want: []string{"1 SKIPPED", "SKIPPED p TestK: k_test.go:9: KAFKA_BROKERS is not set"},
		},
		{
			name: "a package that fails outside its tests shows why",
			in: `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"goleak: found unexpected goroutines\n"}
{"Action":"fail","Package":"p"}
`,
			want: []string{"found unexpected goroutines", "1 of them failed"},
		},
		{
			name: "a build error is shown",
			in: `{"Action":"build-output","ImportPath":"p","Output":"p.go:3: undefined: x\n"}
{"Action":"build-fail","ImportPath":"p"}
{"Action":"fail","Package":"p","FailedBuild":"p"}
`,
			want: []string{"undefined: x", "1 of them failed"},
		},
		{
			name: "what the battery counts is added up",
			in: `{"Action":"output","Package":"p","Test":"TestK","Output":"    k_test.go:9: battery: kills survived 20\n"}
{"Action":"pass","Package":"p","Test":"TestK"}
{"Action":"output","Package":"q","Test":"TestL","Output":"    l_test.go:9: battery: kills survived 3\n"}
{"Action":"pass","Package":"q","Test":"TestL"}
{"Action":"pass","Package":"q"}
`,
			ok: true, want: []string{"battery        23  kills survived\n"},
		},
		{name: "a package without tests counts as nothing tested", in: `{"Action":"skip","Package":"p"}` + "\n",
			want: []string{"no package was tested"}},
		{name: "plain lines of the go command pass through", in: "go: cannot find main module\n",
			want: []string{"cannot find main module", "no package was tested"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			sum, err := summarise(strings.NewReader(tc.in), &out)
			if err != nil {
				t.Fatal(err)
			}
			if sum.ok() != tc.ok {
				t.Errorf("ok() = %v, want %v", sum.ok(), tc.ok)
			}
			for _, want := range tc.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("missing %q in:\n%s", want, out.String())
				}
			}
			if tc.hidden != "" && strings.Contains(out.String(), tc.hidden) {
				t.Errorf("%q shown in:\n%s", tc.hidden, out.String())
			}
		})
	}
}
