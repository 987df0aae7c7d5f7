package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// marker is the file by which a data directory is known to be recsvc's own.
const marker = "RECSVC"

// markerText is the marker's content: the version of the directory's layout.
const markerText = "recsvc data directory, layout 1\n"

// prepareData makes a data directory, or checks that one that holds something is ours.
func prepareData(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.Name() == "lost+found" }) // of a disk of its own
	path := filepath.Join(dir, marker)
	text, err := os.ReadFile(path)
	switch {
	case err == nil && string(text) == markerText:
		return nil
	case err == nil && strings.HasPrefix(markerText, string(text)): // torn by a crash: it is the first thing that is written
		return writeMarker(dir)
	case err == nil:
		return fmt.Errorf("data directory %s has an unknown layout (%s says %q): it was written by another version of recsvc, or the file is damaged; "+
			"recsvc verify -data %s says what to do", dir, marker, text, dir)
	case !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("data directory: %w", err)
	case slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == restoringDir }):
		return fmt.Errorf("data directory %s holds a restore that was broken off: run recsvc restore again", dir)
	case len(entries) > 0:
		return fmt.Errorf("data directory %s is not empty and not recsvc's own: name an empty one", dir)
	}
	return writeMarker(dir)
}

func writeMarker(dir string) error {
	if err := errors.Join(writeSynced(filepath.Join(dir, marker), []byte(markerText)), syncPath(dir)); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}
