package export

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Format is the form of a file.
type Format string

// The formats.
const (
	NDJSON  Format = "ndjson"
	Parquet Format = "parquet"
)

// Maker is what a Parquet file says of its origin.
type Maker struct {
	Version, Build string
	Facts          map[string]string
}

// FilesOptions describe the files of an export. A zero field takes the default named beside it.
type FilesOptions struct {
	Format   Format // by the name of the file: Parquet when it ends in .parquet, else NDJSON
	PartRows int64  // rows of one file of a directory; 1,000,000
	Maker    Maker
}

// Files is where rows are written: one file, or files of bounded size in a directory. They get their names when all are
// complete and on disk; until then, and after a crash, there are only files whose names begin with a dot.
type Files struct {
	path    string
	opts    FilesOptions
	schema  Schema
	parts   bool
	temps   []string
	file    *os.File
	encoder encoder
	rows    int64 // in the present file
}

// encoder writes the rows of one file.
type encoder interface {
	Writer
	close() error
}

// CreateFiles makes the first file. A path that ends in a slash, or is a directory, which must be empty, gets several.
func CreateFiles(path string, schema Schema, opts FilesOptions) (*Files, error) {
	if opts.Format == "" {
		opts.Format = NDJSON
		if strings.HasSuffix(path, ".parquet") {
			opts.Format = Parquet
		}
	}
	if opts.Format != NDJSON && opts.Format != Parquet {
		return nil, fmt.Errorf("export: format %q: want %q or %q", opts.Format, NDJSON, Parquet)
	}
	if opts.PartRows <= 0 {
		opts.PartRows = 1_000_000
	}
	f := &Files{path: filepath.Clean(path), opts: opts, schema: schema}
	info, err := os.Stat(path)
	f.parts = strings.HasSuffix(path, "/") || err == nil && info.IsDir()
	if f.parts {
		if err := emptyDirectory(path); err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
	}
	return f, f.open()
}

func emptyDirectory(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(path)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("directory %s is not empty: it has %s", path, entries[0].Name())
	}
	return err
}

// folder is the directory that the files lie in.
func (f *Files) folder() string {
	if f.parts {
		return f.path
	}
	return filepath.Dir(f.path)
}

// name is the final path of the i-th file.
func (f *Files) name(i int) string {
	if !f.parts {
		return f.path
	}
	return filepath.Join(f.path, fmt.Sprintf("part-%05d.%s", i, f.opts.Format))
}

func (f *Files) open() (err error) {
	name := f.name(len(f.temps))
	f.file, err = os.CreateTemp(f.folder(), "."+filepath.Base(name)+".*")
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	f.temps, f.rows = append(f.temps, f.file.Name()), 0
	if f.opts.Format == Parquet {
		f.encoder = newParquet(f.file, f.schema, f.opts.Maker)
	} else {
		f.encoder = newNDJSON(f.file, f.schema)
	}
	return nil
}

// Write implements Writer.
func (f *Files) Write(r *Row) error {
	if f.parts && f.rows == f.opts.PartRows {
		if err := f.end(); err != nil {
			return err
		}
		if err := f.open(); err != nil {
			return err
		}
	}
	f.rows++
	if err := f.encoder.Write(r); err != nil {
		return fmt.Errorf("export to %s: %w", f.path, err)
	}
	return nil
}

// end completes the present file.
func (f *Files) end() error {
	if f.file == nil {
		return nil
	}
	err := errors.Join(f.encoder.close(), f.file.Chmod(0o644), f.file.Sync(), f.file.Close())
	if f.file = nil; err != nil {
		return fmt.Errorf("export to %s: %w", f.path, err)
	}
	return nil
}

// Commit completes all files, gives them their names, and returns these.
func (f *Files) Commit() (names []string, err error) {
	if err := f.end(); err != nil {
		return nil, err
	}
	for i, temp := range f.temps {
		if err := os.Rename(temp, f.name(i)); err != nil {
			return nil, fmt.Errorf("export: %w", err)
		}
		names = append(names, f.name(i))
	}
	f.temps = nil
	return names, syncDirectory(f.folder())
}

// Abort removes what was written. After Commit it does nothing.
func (f *Files) Abort() error {
	var errs []error
	if f.file != nil {
		errs = append(errs, f.file.Close())
		f.file = nil
	}
	for _, temp := range f.temps {
		errs = append(errs, os.Remove(temp))
	}
	f.temps = nil
	return errors.Join(errs...)
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

var (
	_ encoder = (*ndjson)(nil)
	_ encoder = (*parquetWriter)(nil)
)
