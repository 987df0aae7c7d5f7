package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"recsvc/internal/event"
	"recsvc/internal/state"
)

// archiveSnapshots is the directory of an archive that holds the model snapshots to which its log rolls back.
const archiveSnapshots = "_snapshots"

// snapshot copies the model snapshot that a restore names into the archive: without it the log cannot be replayed any further.
// It reads the server's directory as it is, since that may be in use.
func (c *archiver) snapshot(r *event.Record) error {
	if r.Kind != event.KindControl || r.Control.Type != event.RestoreControl {
		return nil
	}
	id := r.Control.Text("snapshot")
	if id == "" || filepath.Base(id) != id || !filepath.IsLocal(id) {
		return nil // no snapshot can have this id
	}
	into := filepath.Join(c.out, archiveSnapshots)
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	for _, name := range []string{id + ".snapshot", id + ".json"} { // the description last: it is what makes it a snapshot
		err := copyDurably(filepath.Join(c.data, "snapshots", name), filepath.Join(into, name))
		if errors.Is(err, fs.ErrNotExist) {
			_, err = fmt.Fprintf(c.warn, "recsvc archive: record %d rolls the model back to the snapshot %s, which %s does not hold: "+
				"a replay of the archive needs it, if it runs under the same definitions\n", r.Offset, id, c.data)
			return err
		}
		if err != nil {
			return fmt.Errorf("archive: copy snapshot %s: %w", id, err)
		}
	}
	return syncPath(into)
}

// copyDurably copies a file that is written once, unless it was copied before.
func copyDurably(from, to string) (err error) {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	temp := to + ".tmp"
	out, err := os.Create(temp)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	return os.Rename(temp, to)
}

// fetchArchivedSnapshots brings the model snapshots of an archive into a data directory, unless they are there. Their content is
// checked when a restore asks for them, against the sum that the log names.
func fetchArchivedSnapshots(dir string, into *state.Snapshots) error {
	found, err := filepath.Glob(filepath.Join(dir, archiveSnapshots, "*.json"))
	if err != nil {
		return err
	}
	for _, path := range found {
		if err := fetchArchivedSnapshot(path, into); err != nil {
			return fmt.Errorf("snapshot of the archive %s: %w", path, err)
		}
	}
	return nil
}

func fetchArchivedSnapshot(path string, into *state.Snapshots) error {
	id := strings.TrimSuffix(filepath.Base(path), ".json")
	if _, err := into.Get(id); err == nil {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var meta state.SnapshotMeta
	if err := json.Unmarshal(text, &meta); err != nil || meta.ID != id {
		return fmt.Errorf("its description: %w", errors.Join(err, state.ErrCorrupt))
	}
	content, err := os.Open(strings.TrimSuffix(path, ".json") + ".snapshot")
	if err != nil {
		return err
	}
	err = into.Create(&meta, func(w io.Writer) error {
		_, err := io.Copy(w, content)
		return err
	})
	return errors.Join(err, content.Close())
}
