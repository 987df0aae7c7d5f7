// Command docs writes what is made from the code itself: docs/features.md from the table of kinds, and the JSON Schema of the
// configuration from its types.
//
//	go run ./internal/tools/docs
//
// It is run from the root of the project. A test fails while the files differ from what it writes.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// page is a file that is made.
type page struct {
	path string
	make func() ([]byte, error)
}

var pages = []page{
	{"docs/features.md", featuresPage},
	{"docs/schema/config.schema.json", configSchema},
}

func run(root string) error {
	for _, p := range pages {
		text, err := p.make()
		if err != nil {
			return fmt.Errorf("%s: %w", p.path, err)
		}
		if err := os.WriteFile(root+"/"+p.path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
