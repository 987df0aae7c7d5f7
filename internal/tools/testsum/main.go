// Command testsum reads the output of `go test -json` and prints what a person wants of it: a line per package, the
// output of what failed, every skipped test with its reason, what the crash tests have survived, and the counts.
//
//	go test -json ./... | go run ./internal/tools/testsum
//
// It exits 1 when a test or a package failed, or when there was nothing to read: the exit status of `go test` itself
// is lost in a pipe.
package main

import (
	"fmt"
	"os"
)

func main() {
	sum, err := summarise(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	if !sum.ok() {
		os.Exit(1)
	}
}
