package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"
)

// dataset is one of the real event logs that stand beside the project.
type dataset struct {
	name, dir string
	config    string
	users     bool // it has profiles
}

func openDataset(shared, name string, users bool) (dataset, error) {
	d := dataset{name: name, dir: filepath.Join(shared, "data", name), config: filepath.Join("configs", name+".yaml"), users: users}
	for _, file := range append([]string{d.config}, d.files()...) {
		if _, err := os.Stat(file); err != nil {
			return d, fmt.Errorf("the data set %s is missing: %w; run from the root of the project and set SHARED to the folder that holds data/%s",
				name, err, name)
		}
	}
	return d, nil
}

func (d dataset) file(kind string) string { return filepath.Join(d.dir, kind+".jsonl.gz") }

func (d dataset) files() []string {
	files := []string{d.file("events"), d.file("items")}
	if d.users {
		files = append(files, d.file("users"))
	}
	return files
}

// replayArgs are the arguments of `recsvc replay` for the files of the set as they are.
func (d dataset) replayArgs() []string { return d.replayFrom(d.file("events"), d.file("items")) }

func (d dataset) replayFrom(events, items string) []string {
	args := []string{"replay", "-json", "-config", d.config, "-items", items}
	if d.users {
		args = append(args, "-users", d.file("users"))
	}
	return append(args, "-from", events)
}

// lastMoment is when the last event of the shifted set happened, before now: a replay ends with a tick that closes
// every label window, and what is posted afterwards must not be late.
const lastMoment = time.Hour

// shift writes copies of events and items to dir in which every time has moved by one constant, so that the set ends
// now. A server that is loaded with years old events would have decayed all of them away.
func (d dataset) shift(dir string) (events, items string, err error) {
	events, items = filepath.Join(dir, "events.jsonl"), filepath.Join(dir, "items.jsonl")
	var last time.Time
	err = eachLine(d.file("events"), func(line []byte) error {
		t, err := timeIn(line, tsKey)
		if t.After(last) {
			last = t
		}
		return err
	})
	if err != nil {
		return "", "", err
	}
	by := time.Since(last) - lastMoment
	return events, items, errors.Join(
		rewrite(d.file("events"), events, func(line []byte) error { return shiftTime(line, tsKey, by) }),
		rewrite(d.file("items"), items, func(line []byte) error { return shiftTime(line, createdKey, by) }),
	)
}

// Times in the sets all have this form: 24 bytes.
const timeForm = "2006-01-02T15:04:05.000Z"

var (
	tsKey      = []byte(`"ts":"`)
	createdKey = []byte(`"created":"`)
)

// findTime returns the place of the time under key; -1 when there is none.
func findTime(line, key []byte) int {
	i := bytes.Index(line, key)
	if i < 0 || i+len(key)+len(timeForm) > len(line) {
		return -1
	}
	return i + len(key)
}

// putTime writes t over the first bytes of dst.
func putTime(dst []byte, t time.Time) {
	var buf [40]byte // AppendFormat writes more for a while than it keeps
	copy(dst, t.AppendFormat(buf[:0], timeForm))
}

func timeIn(line, key []byte) (time.Time, error) {
	at := findTime(line, key)
	if at < 0 {
		return time.Time{}, nil
	}
	return time.Parse(timeForm, string(line[at:at+len(timeForm)]))
}

// shiftTime moves the time under key in place.
func shiftTime(line, key []byte, by time.Duration) error {
	t, err := timeIn(line, key)
	if err != nil || t.IsZero() {
		return err
	}
	putTime(line[findTime(line, key):], t.Add(by))
	return nil
}

// rewrite copies the lines of a gzip file to a plain one, each passed through fn.
func rewrite(from, to string, fn func(line []byte) error) (err error) {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriterSize(f, 1<<20)
	err = eachLine(from, func(line []byte) error {
		if err := fn(line); err != nil {
			return err
		}
		_, err := out.Write(append(line, '\n'))
		return err
	})
	return errors.Join(err, out.Flush())
}

// eachLine passes the lines of a gzip file to fn, which may change them but not keep them.
func eachLine(file string, fn func(line []byte) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	plain, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	in := bufio.NewReaderSize(plain, 1<<20)
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s, line %d: %w", file, n, err)
		}
		if err := fn(bytes.TrimRight(line, "\n")); err != nil {
			return fmt.Errorf("%s, line %d: %w", file, n, err)
		}
	}
}
