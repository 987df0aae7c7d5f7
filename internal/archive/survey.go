package archive

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"recsvc/internal/event"
)

// source is one file that is to be read.
type source struct {
	path        string
	span        span
	first, last int64
	rows, bytes int64
	part        *Part // what the manifest says of it; nil: it is read without one
}

// group is what one argument names: files of one log, by their first record.
type group struct {
	sources []source
	gaps    []Gap
}

// Gap is a stretch of the log that an archive lacks: records First to Next-1.
type Gap struct{ First, Next int64 }

// window is the stretch of time that is asked for; 0: no bound.
type window struct{ since, until event.Time }

// timeless kinds take effect by their place in the log: what holds in a stretch of time was said before it.
func timeless(k event.Kind) bool { return k == event.KindItem || k == event.KindUser }

// admits reports whether a record lies in the window.
func (w window) admits(r *event.Record) bool {
	t := timeOf(r)
	return (w.until == 0 || t < w.until) && (w.since == 0 || t >= w.since || timeless(r.Kind))
}

// passes reports whether no record of a directory can lie in the window.
func (w window) passes(s span) bool {
	if s.start == s.end {
		return false
	}
	return w.until != 0 && s.start >= w.until || w.since != 0 && s.end <= w.since && !timeless(s.kind)
}

// covers reports whether all records of a directory lie in the window.
func (w window) covers(s span) bool {
	if w == (window{}) {
		return true
	}
	return s.start != s.end && (w.until == 0 || s.end <= w.until) && (w.since == 0 || s.start >= w.since || timeless(s.kind))
}

// survey finds the files that the paths name, without those that the window leaves out: archives, directories of Parquet
// files, single files, and patterns of them. Archives are read one after the other, the files without a manifest together.
func survey(paths []string, w window) (groups []group, passed int, err error) {
	var loose []string
	for _, path := range paths {
		found, err := expand(path)
		if err != nil {
			return nil, 0, err
		}
		for _, path := range found {
			pages, err := readManifest(path)
			switch {
			case err == nil:
				g, skipped, err := surveyPages(path, pages, w)
				if err != nil {
					return nil, 0, err
				}
				groups, passed = append(groups, g), passed+skipped
			case errors.Is(err, fs.ErrNotExist) || notDir(path):
				loose = append(loose, path)
			default:
				return nil, 0, err
			}
		}
	}
	g, skipped, err := surveyFiles(loose, w)
	if err != nil {
		return nil, 0, err
	}
	if len(loose) > 0 {
		groups, passed = append(groups, g), passed+skipped
	}
	return groups, passed, nil
}

func notDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// expand returns what a path or a pattern names.
func expand(path string) ([]string, error) {
	if _, err := os.Stat(path); err == nil {
		return []string{path}, nil
	}
	if !strings.ContainsAny(path, "*?[") {
		return nil, fmt.Errorf("archive %s: %w", path, fs.ErrNotExist)
	}
	found, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("archive %s: %w", path, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("archive %s: no file has such a name (** is not known: name the directory instead)", path)
	}
	return found, nil
}

// surveyPages returns the parts of an archive.
func surveyPages(dir string, pages []Page, w window) (g group, passed int, err error) {
	for i := range pages {
		if i > 0 && pages[i].First > pages[i-1].Next {
			g.gaps = append(g.gaps, Gap{pages[i-1].Next, pages[i].First})
		}
		for j := range pages[i].Parts {
			p := &pages[i].Parts[j]
			s := source{
				path: filepath.Join(dir, filepath.FromSlash(p.Path)), span: parseSpan(p.Path),
				first: p.First, last: p.Last, rows: p.Records, bytes: p.Bytes, part: p,
			}
			if w.passes(s.span) {
				passed++
				continue
			}
			if _, err := os.Stat(s.path); err != nil {
				return g, 0, fmt.Errorf("archive %s: the manifest names a part that cannot be read: %w; "+
					"if its partition was removed on purpose, leave its time out, or name the directories to be read", dir, err)
			}
			g.sources = append(g.sources, s)
		}
	}
	g.sort()
	return g, passed, nil
}

// surveyFiles returns the Parquet files that paths name, or that lie below them.
func surveyFiles(paths []string, w window) (g group, passed int, err error) {
	seen := map[string]bool{}
	take := func(path string) error {
		path = filepath.Clean(path)
		s := source{path: path, span: parseSpan(path)}
		if seen[path] {
			return nil
		}
		seen[path] = true
		if w.passes(s.span) {
			passed++
			return nil
		}
		some, err := s.measure()
		if some {
			g.sources = append(g.sources, s)
		}
		return err
	}
	for _, path := range paths {
		if notDir(path) {
			err = take(path)
		} else {
			err = walk(path, take)
		}
		if err != nil {
			return g, 0, err
		}
	}
	g.sort()
	return g, passed, nil
}

// walk calls take for every Parquet file below dir, but for those that engines pass over.
func walk(dir string, take func(path string) error) error {
	none := true
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if hidden := strings.HasPrefix(e.Name(), "_") || strings.HasPrefix(e.Name(), "."); hidden && path != dir {
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if e.IsDir() || filepath.Ext(path) != ".parquet" {
			return nil
		}
		none = false
		return take(path)
	})
	if err == nil && none {
		err = fmt.Errorf("%s is no archive, and holds no Parquet files", dir)
	}
	return err
}

// measure reads from a file what its manifest would say. It reports whether the file holds any record.
func (s *source) measure() (some bool, err error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return false, err
	}
	s.bytes = info.Size()
	s.first, s.last, s.rows, err = offsetsOf(s.path)
	return s.rows > 0, err
}

func (g *group) sort() {
	slices.SortFunc(g.sources, func(a, b source) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.path, b.path)) })
}
