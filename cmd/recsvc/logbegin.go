package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"recsvc/internal/event"
)

// logBeginName is a file that a restore leaves in the data directory: it allows the server to begin a new log at the state's
// cursor. Without it a state whose log is missing is refused, since then part of the log is lost.
const logBeginName = "LOG-BEGIN"

type logBegin struct {
	Cursor string `json:"cursor"` // of the backup
	Record int64  `json:"record"` // number of the first record of a new embedded log
}

func writeLogBegin(dir string, c event.Cursor) error {
	text, err := json.Marshal(logBegin{Cursor: c.String(), Record: c.Offset(0)})
	if err != nil {
		return err
	}
	return writeSynced(filepath.Join(dir, logBeginName), append(text, '\n'))
}

// readLogBegin returns where a log that is made new in the data directory begins: 0 unless the directory was restored.
func readLogBegin(data string) (first int64, err error) {
	text, err := os.ReadFile(filepath.Join(data, logBeginName))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	var b logBegin
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err == nil && b.Record < 0 {
		err = fmt.Errorf("record %d", b.Record)
	}
	if err != nil {
		return 0, fmt.Errorf("%s in %s: %w; restore the backup again", logBeginName, data, err)
	}
	return b.Record, nil
}

// forgetLogBegin is called when the log is there: from then on a log that is missing is lost.
func forgetLogBegin(data string) error {
	err := os.Remove(filepath.Join(data, logBeginName))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncPath(data)
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}
