package archive

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// manifestDir is the directory of the manifest. Engines pass over names that begin with an underscore.
const manifestDir = "_manifest"

const pageVersion = 1

// Page is one file of the manifest: a stretch of the log, and the parts that hold it. Pages are written once and never change.
type Page struct {
	Format  int    `json:"format"`  // pageVersion
	Log     int64  `json:"log"`     // which log it is from; see wal.Log.ID
	First   int64  `json:"first"`   // the stretch: records First to Next-1
	Next    int64  `json:"next"`    // where the next page goes on
	Records int64  `json:"records"` // all of them: Next - First
	Parts   []Part `json:"parts"`
}

// Part is one Parquet file of an archive.
type Part struct {
	Path    string `json:"path"` // below the archive, with slashes
	First   int64  `json:"first"`
	Last    int64  `json:"last"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
	CRC32C  uint32 `json:"crc32c"` // of the whole file
}

func pageName(first, next int64) string { return fmt.Sprintf("%020d-%020d.json", first, next) }

// readManifest reads all pages, in the order of the log. An archive without any is empty; without the directory it is
// fs.ErrNotExist.
func readManifest(dir string) ([]Page, error) {
	entries, err := os.ReadDir(filepath.Join(dir, manifestDir))
	if err != nil {
		return nil, err
	}
	var pages []Page
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		p, err := readPage(filepath.Join(dir, manifestDir, e.Name()))
		if err != nil {
			return nil, err
		}
		pages = append(pages, p)
	}
	slices.SortFunc(pages, func(a, b Page) int { return cmp.Compare(a.First, b.First) })
	for i := 1; i < len(pages); i++ {
		if pages[i].First < pages[i-1].Next {
			return nil, fmt.Errorf("archive %s: its manifest says twice what record %d is: in %s and in %s", dir, pages[i].First,
				pageName(pages[i-1].First, pages[i-1].Next), pageName(pages[i].First, pages[i].Next))
		}
	}
	return pages, nil
}

func readPage(path string) (p Page, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("page of the manifest %s is damaged: %w", path, err)
	}
	if p.Format != pageVersion {
		return p, fmt.Errorf("page of the manifest %s is of version %d: this program reads version %d", path, p.Format, pageVersion)
	}
	if err := p.check(); err != nil || filepath.Base(path) != pageName(p.First, p.Next) {
		return p, fmt.Errorf("page of the manifest %s is damaged: %w", path, cmp.Or(err, errors.New("it holds another stretch than its name says")))
	}
	return p, nil
}

// check holds the numbers of a page against one another.
func (p *Page) check() error {
	records := int64(0)
	for _, part := range p.Parts {
		if part.First < p.First || part.Last >= p.Next || part.First > part.Last || part.Records < 1 {
			return fmt.Errorf("the part %s does not lie in its stretch", part.Path)
		}
		if !filepath.IsLocal(filepath.FromSlash(part.Path)) {
			return fmt.Errorf("the part %s lies outside the archive", strconv.Quote(part.Path))
		}
		records += part.Records
	}
	if p.First < 0 || p.Next <= p.First || records != p.Records || records != p.Next-p.First {
		return fmt.Errorf("%d records in its parts, %d to %d in its stretch", records, p.First, p.Next-1)
	}
	return nil
}

// writePage makes a page durable: with it, its parts belong to the archive.
func writePage(dir string, p Page) error {
	text, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, manifestDir, pageName(p.First, p.Next))
	if err := writeDurable(path+tempSuffix, append(text, '\n')); err != nil {
		return err
	}
	if err := os.Rename(path+tempSuffix, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeDurable(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeOrphans removes what a writer has left that was stopped within a stretch: temporary files, and parts of records from
// next on. Nothing else is touched.
func removeOrphans(dir string, next int64) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := e.Name()
		if e.IsDir() {
			if path != dir && filepath.Dir(path) == filepath.Clean(dir) && name != manifestDir && !strings.HasPrefix(name, "kind=") {
				return filepath.SkipDir
			}
			return nil
		}
		whole, temporary := strings.CutSuffix(name, tempSuffix)
		first, _, part := parsePartName(whole)
		if page := filepath.Base(filepath.Dir(path)) == manifestDir; temporary && (part || page) || part && first >= next {
			return os.Remove(path)
		}
		return nil
	})
}
