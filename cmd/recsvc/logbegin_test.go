package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// The first start after a restore without the old log begins a log at the backup's place, and the next ones go on in it.
func TestARestoredServerBeginsItsLogWhereTheBackupEnds(t *testing.T) {
	backup := aBackup(t)
	cursor := headerOf(t, backup).Checkpoint.Cursor.Offset(0)
	data, _ := restoreTo(t, backup, attributesOnly)
	s := startServer(t, attributesOnly, data)
	if first := s.server.wal.First(); first != cursor {
		t.Errorf("the log begins at %d, the backup ends at %d", first, cursor)
	}
	visit(s, 5, 10)
	before := s.status()
	s.stop()
	want := digestOf(t, attributesOnly, data)
	s = startServer(t, attributesOnly, data)
	if after := s.status(); after.Counts != before.Counts {
		t.Errorf("%+v, before the restart %+v", after.Counts, before.Counts)
	}
	s.stop()
	if got := digestOf(t, attributesOnly, data); got != want {
		t.Errorf("digest %s, before the restart %s", got, want)
	}
	if err := os.RemoveAll(filepath.Join(data, logName)); err != nil {
		t.Fatal(err)
	}
	if a, err := openApp(readConfig(t, attributesOnly, data), zap.NewNop()); err == nil {
		t.Error("a log that is lost later is taken for one that has not begun")
		_ = a.Close()
	} else if !strings.Contains(err.Error(), "part of the log is lost") {
		t.Error(fmt.Errorf("lost log: %w", err))
	}
}
