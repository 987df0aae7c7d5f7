package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"recsvc/internal/ingest"
)

// bar shows how far a source of files has come, on a terminal; elsewhere it shows nothing.
type bar struct{ shown *progressbar.ProgressBar }

func newProgress(w io.Writer, silent bool) *bar {
	return newBar(w, silent, "replay", progressbar.OptionShowBytes(true))
}

// newCount is a bar of so many records.
func newCount(w io.Writer, silent bool, what string) *bar {
	return newBar(w, silent, what, progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("records"))
}

func newBar(w io.Writer, silent bool, what string, unit ...progressbar.Option) *bar {
	if silent || !isTerminal(w) {
		return &bar{}
	}
	return &bar{progressbar.NewOptions64(-1, append(unit,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth(),
	)...)}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (b *bar) update(p ingest.Progress) {
	if b.shown != nil {
		b.shown.ChangeMax64(p.Total)
		_ = b.shown.Set64(p.Bytes) // a bar that cannot be drawn is no reason to stop
	}
}

// reach says how many of all records are done.
func (b *bar) reach(done, total int64) { b.update(ingest.Progress{Bytes: done, Total: total}) }

func (b *bar) done() {
	if b.shown != nil {
		_ = b.shown.Finish()
	}
}
