package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// write puts table, figures and plots into a directory, which it makes.
func (f *evalFlags) write(e *evaluation) error {
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return err
	}
	err := writeWith(filepath.Join(f.out, "eval.json"), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(e)
	})
	err = errors.Join(err, writeWith(filepath.Join(f.out, "eval.md"), e.WriteTable))
	for i := range e.Heads {
		h := &e.Heads[i]
		name := strings.ReplaceAll(h.Head, "/", "-") + ".svg"
		err = errors.Join(err, writeWith(filepath.Join(f.out, name), h.WritePlot))
	}
	return err
}

// writeWith is writeWhole for what is written piece by piece.
func writeWith(path string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return writeWhole(path, b.Bytes())
}
