package main

import "testing"

func TestWhatGoBenchmarksReportIsRead(t *testing.T) {
	all := parseGoBench("goos: linux\nBenchmarkX/recall=false-2         \t       1\t 5 ns/op\t   7e+06 events/s\t 0.5 allocs/event\nPASS\n")
	m := all["X/recall=false"]
	if len(all) != 1 || m["events/s"] != 7e6 || m["allocs/event"] != 0.5 || m["ns/op"] != 5 {
		t.Errorf("%v", all)
	}
}
