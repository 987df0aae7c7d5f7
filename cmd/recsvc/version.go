package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is the version of this source; the linker may set it (-ldflags "-X main.release=…").
var release = "0.1.0"

func version(_ context.Context, args []string, std stdio) error {
	fs := flags("version", "Prints the version, the commit it was built from, and the version of Go.", std)
	if err := parse(fs, args, nil); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "recsvc %s commit %s %s\n", release, commit(), runtime.Version())
	return nil
}

// commit is the revision that the binary was built from, as far as the toolchain recorded it.
func commit() string {
	rev, dirty := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				rev = s.Value[:min(12, len(s.Value))]
			case "vcs.modified":
				if s.Value == "true" {
					dirty = "+changes"
				}
			}
		}
	}
	return rev + dirty
}
