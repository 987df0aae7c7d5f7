package state

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// SnapshotMeta describes a snapshot of models. Its JSON is the description that stands beside the content.
type SnapshotMeta struct {
	ID      string          `json:"id"`      // made by Create when empty
	Created time.Time       `json:"created"` // given by the caller, UTC
	Cursor  string          `json:"cursor"`  // what of the log is in it
	Models  []string        `json:"models"`  // name@version
	Metrics json.RawMessage `json:"metrics,omitempty"`
	Bytes   int64           `json:"bytes"`  // of the content; filled by Create
	SHA256  string          `json:"sha256"` // of the content, hexadecimal; filled by Create
	Note    string          `json:"note"`
}

const (
	contentSuffix     = ".snapshot"
	descriptionSuffix = ".json"
	maxIDBytes        = 128
	maxDescription    = 1 << 20
)

// Snapshots keeps files with a description and a checksum in one directory. It is safe for concurrent use. Ids cannot
// lead out of the directory: they are checked, and the directory is opened as an os.Root.
type Snapshots struct {
	dir  string
	root *os.Root
	mu   sync.Mutex // held while names in the directory change
}

// NewSnapshots opens dir, which is made if it is missing, and removes what an interrupted Create left there.
func NewSnapshots(dir string) (*Snapshots, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	s := &Snapshots{dir: dir, root: root}
	if err := s.clean(); err != nil {
		return nil, errors.Join(fmt.Errorf("snapshots in %s: %w", dir, err), root.Close())
	}
	return s, nil
}

// ViewSnapshots opens a directory that another process writes to: what is there may be listed and read.
func ViewSnapshots(dir string) (*Snapshots, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	return &Snapshots{dir: dir, root: root}, nil
}

// clean removes temporary files and contents without a description, which is written last.
func (s *Snapshots) clean() error {
	names, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, n := range names {
		id, isContent := strings.CutSuffix(n.Name(), contentSuffix)
		torn := strings.HasSuffix(n.Name(), tempSuffix)
		if isContent && !torn {
			_, err := s.root.Lstat(id + descriptionSuffix)
			torn = errors.Is(err, fs.ErrNotExist)
		}
		if torn && n.Type().IsRegular() {
			if err := s.root.Remove(n.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close gives the directory back. Contents that are open stay readable.
func (s *Snapshots) Close() error { return s.root.Close() }

// checkID accepts letters, digits, '-', '_', '@' and, not in front, '.'.
func checkID(id string) error {
	ok := id != "" && len(id) <= maxIDBytes && id[0] != '.'
	for i := 0; ok && i < len(id); i++ {
		c := id[i]
		ok = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_@.", c) >= 0
	}
	if !ok {
		return fmt.Errorf("snapshot %.200q: %w", id, ErrBadID)
	}
	return nil
}

// Create keeps what write writes under meta.ID. It reads meta when write has returned, so write may still set Cursor,
// Models and Metrics, and then fills in Bytes, SHA256 and an empty ID. A SHA256 that is set beforehand is what the content must
// have, as after an upload: ErrCorrupt when it has not. An ID that is taken is refused with fs.ErrExist.
//
// The snapshot is durable, and visible to others, when Create returns; after an error or a crash there is none.
func (s *Snapshots) Create(meta *SnapshotMeta, write func(w io.Writer) error) error {
	if meta.ID != "" {
		if err := checkID(meta.ID); err != nil {
			return err
		}
	}
	temp, err := s.writeContent(meta, write)
	if err == nil {
		err = s.keep(temp, *meta)
	}
	if err != nil {
		if temp != "" {
			_ = s.root.Remove(temp) // gone when it has its name already; NewSnapshots removes it too
		}
		if meta.ID == "" { // there is no content yet to name it by
			return fmt.Errorf("create snapshot: %w", err)
		}
		return fmt.Errorf("create snapshot %s: %w", meta.ID, err)
	}
	return nil
}

// writeContent writes a temporary file, syncs it, and fills in Bytes, SHA256 and, if empty, ID.
func (s *Snapshots) writeContent(meta *SnapshotMeta, write func(w io.Writer) error) (temp string, err error) {
	f, temp, err := s.tempFile()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	count := &counter{w: io.MultiWriter(f, hash)}
	buf := bufio.NewWriterSize(count, 256<<10)
	err = write(buf)
	if err == nil {
		err = buf.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return temp, err
	}
	sum := hash.Sum(nil)
	got := hex.EncodeToString(sum)
	if meta.SHA256 != "" && !strings.EqualFold(meta.SHA256, got) {
		return temp, fmt.Errorf("content's SHA-256 is %s, %s expected: %w", got, meta.SHA256, ErrCorrupt)
	}
	meta.Bytes, meta.SHA256 = count.n, got
	meta.Created = meta.Created.UTC()
	if meta.ID == "" {
		meta.ID = meta.Created.Format("20060102T150405.000000") + "-" + hex.EncodeToString(sum[:6])
	}
	return temp, nil
}

// tempFile makes a file under a name that no other Create uses.
func (s *Snapshots) tempFile() (*os.File, string, error) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("create-%d%s", i, tempSuffix)
		f, err := s.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, fs.ErrExist) && i < 1000 {
			continue
		}
		return f, name, err
	}
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// keep gives the content its name and then writes the description, which makes it a snapshot.
func (s *Snapshots) keep(temp string, meta SnapshotMeta) error {
	text, err := json.MarshalIndent(meta, "", "  ")
	if err != nil {
		return err
	}
	if len(text) > maxDescription {
		return fmt.Errorf("description of %d bytes: %w", len(text), ErrTooLarge)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.root.Lstat(meta.ID + descriptionSuffix); !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(err, error(fs.ErrExist))
	}
	if err := s.root.Rename(temp, meta.ID+contentSuffix); err != nil {
		return err
	}
	if err := syncDir(s.dir); err != nil {
		return err
	}
	if err := s.writeDescription(meta.ID, append(text, '\n')); err != nil {
		return errors.Join(err, s.root.Remove(meta.ID+contentSuffix))
	}
	return nil
}

func (s *Snapshots) writeDescription(id string, text []byte) error {
	temp := id + descriptionSuffix + tempSuffix
	f, err := s.root.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := s.root.Rename(temp, id+descriptionSuffix); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// List returns all descriptions, the newest first. One that cannot be read is an error that names it; the others
// are returned all the same.
func (s *Snapshots) List() ([]SnapshotMeta, error) {
	names, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var list []SnapshotMeta
	var errs []error
	for _, n := range names {
		id, ok := strings.CutSuffix(n.Name(), descriptionSuffix)
		if !ok || checkID(id) != nil {
			continue
		}
		meta, err := s.Get(id)
		switch {
		case err == nil:
			list = append(list, meta)
		case !errors.Is(err, ErrNotFound): // else it was deleted just now
			errs = append(errs, err)
		}
	}
	slices.SortFunc(list, func(a, b SnapshotMeta) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.ID, a.ID))
	})
	return list, errors.Join(errs...)
}

// Get returns the description of a snapshot: ErrNotFound when there is none, ErrBadID when id is none.
func (s *Snapshots) Get(id string) (SnapshotMeta, error) {
	if err := checkID(id); err != nil {
		return SnapshotMeta{}, err
	}
	f, err := s.root.Open(id + descriptionSuffix)
	if err != nil {
		return SnapshotMeta{}, fmt.Errorf("snapshot %s: %w", id, notFound(err))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxDescription+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return SnapshotMeta{}, fmt.Errorf("snapshot %s: %w", id, err)
	}
	var meta SnapshotMeta
	if err := json.Unmarshal(text, &meta); err != nil {
		return SnapshotMeta{}, fmt.Errorf("snapshot %s: description: %w: %w", id, ErrCorrupt, err)
	}
	if meta.ID != id {
		return SnapshotMeta{}, fmt.Errorf("snapshot %s: description says %.200q: %w", id, meta.ID, ErrCorrupt)
	}
	return meta, nil
}

func notFound(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}

// Open returns the description and the content, which it has read and compared with the description's length and SHA-256: ErrCorrupt when
// they differ. The caller closes it.
func (s *Snapshots) Open(id string) (SnapshotMeta, io.ReadSeekCloser, error) {
	meta, err := s.Get(id)
	if err != nil {
		return SnapshotMeta{}, nil, err
	}
	f, err := s.root.Open(id + contentSuffix)
	if err != nil {
		return SnapshotMeta{}, nil, fmt.Errorf("snapshot %s: content: %w", id, notFound(err))
	}
	if err := verify(f, meta); err != nil {
		return SnapshotMeta{}, nil, errors.Join(fmt.Errorf("snapshot %s: %w", id, err), f.Close())
	}
	return meta, f, nil
}

func verify(f *os.File, meta SnapshotMeta) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() != meta.Bytes {
		return fmt.Errorf("content has %d bytes, %d expected: %w", info.Size(), meta.Bytes, ErrCorrupt)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != meta.SHA256 {
		return fmt.Errorf("content's SHA-256 is %s, %s expected: %w", got, meta.SHA256, ErrCorrupt)
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// Delete removes a snapshot, the description first. Contents that are open stay readable.
func (s *Snapshots) Delete(id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.root.Remove(id + descriptionSuffix); err != nil {
		return fmt.Errorf("delete snapshot %s: %w", id, notFound(err))
	}
	err := s.root.Remove(id + contentSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err = errors.Join(err, syncDir(s.dir)); err != nil {
		return fmt.Errorf("delete snapshot %s: %w", id, err)
	}
	return nil
}
