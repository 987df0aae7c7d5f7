package main

import (
	"strings"
	"testing"
)

const good = `{"events": 10, "seconds": 1.5, "events_per_second": 6.7, "peak_memory_bytes": 1000, "digest": "abc",
	"heads": {"click": {"n": 4, "auc": 0.74, "logloss": 0.59}}}`

func TestTwoReportsMustAgreeAndReachTheFloors(t *testing.T) {
	for _, tc := range []struct {
		name, second, err string
		want              floors
	}{
		{name: "equal but for the speed", second: strings.ReplaceAll(good, "6.7", "9.9"), want: floors{"click", 0.731, 0.597}},
		{name: "another digest", second: strings.ReplaceAll(good, "abc", "abd"), err: "digest differs"},
		{name: "another metric", second: strings.ReplaceAll(good, "0.59", "0.58"), err: "heads differs"},
		{name: "too low an AUC", second: good, want: floors{"click", 0.75, 0}, err: "AUC 0.7400 is below 0.7500"},
		{name: "too high a loss", second: good, want: floors{"click", 0.7, 0.5}, err: "log-loss 0.5900 is above 0.5000"},
		{name: "no such head", second: good, want: floors{head: "buy"}, err: `head "buy"`},
		{name: "not JSON", second: "panic: …", err: "second report"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.want.head == "" {
				tc.want.head = "click"
			}
			report, err := check([]byte(good), []byte(tc.second), tc.want)
			switch {
			case tc.err == "" && err != nil:
				t.Errorf("got %v", err)
			case tc.err == "" && !strings.Contains(report, "abc"):
				t.Errorf("the digest is missing in %q", report)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
				t.Errorf("got %v, want %q", err, tc.err)
			}
		})
	}
}
