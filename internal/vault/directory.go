package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

const tempSuffix = ".tmp" // of .NAME.tmp, a file being written

// Directory is a Store in a directory. Names cannot lead out of it, symbolic links neither.
type Directory struct{ root *os.Root }

// OpenDirectory opens dir, which is made if it is missing.
func OpenDirectory(dir string) (*Directory, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	return &Directory{root}, nil
}

// Close implements Store. Copies that are open stay readable.
func (d *Directory) Close() error { return d.root.Close() }

func tempName(name string) string {
	dir, base := path.Split(name)
	return dir + "." + base + tempSuffix
}

// Put implements Store.
func (d *Directory) Put(ctx context.Context, name string, r io.Reader) (Info, error) {
	if err := checkName(name); err != nil {
		return Info{}, err
	}
	info, err := d.put(ctx, name, r)
	if err != nil {
		_ = d.root.Remove(tempName(name)) // Sweep finds what stays
		return Info{}, fmt.Errorf("copy %s: %w", name, err)
	}
	return info, nil
}

func (d *Directory) put(ctx context.Context, name string, r io.Reader) (Info, error) {
	if err := d.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return Info{}, err
	}
	sent := measure(ctx, r)
	if err := d.write(tempName(name), sent, true); err != nil {
		return Info{}, err
	}
	if err := d.removeFile(name + sumSuffix); err != nil { // of a copy that is being replaced
		return Info{}, err
	}
	if err := d.root.Rename(tempName(name), name); err != nil {
		return Info{}, err
	}
	sum := name + sumSuffix
	if err := d.write(tempName(sum), measure(ctx, strings.NewReader(sumText(sent.hex(), name))), false); err != nil {
		return Info{}, errors.Join(err, d.removeFile(tempName(sum)))
	}
	if err := d.syncDir(path.Dir(name)); err != nil { // the content's name before the checksum's
		return Info{}, err
	}
	if err := d.root.Rename(tempName(sum), sum); err != nil {
		return Info{}, err
	}
	if err := d.syncDirs(path.Dir(name)); err != nil {
		return Info{}, err
	}
	at, err := d.root.Stat(name)
	if err != nil {
		return Info{}, err
	}
	return Info{Name: name, Bytes: sent.n, Modified: at.ModTime(), SHA256: sent.hex()}, nil
}

// write makes a file durable and, if asked to, reads it back.
func (d *Directory) write(name string, r *measured, check bool) (err error) {
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if !check {
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return readBack(f, r)
}

// syncDirs makes the names in dir and in all directories above it durable.
func (d *Directory) syncDirs(dir string) error {
	for ; dir != "."; dir = path.Dir(dir) {
		if err := d.syncDir(dir); err != nil {
			return err
		}
	}
	return d.syncDir(".")
}

func (d *Directory) syncDir(dir string) (err error) {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Open implements Store.
func (d *Directory) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	sum, err := d.sum(name)
	if err != nil {
		return nil, fmt.Errorf("copy %s: %w", name, notThere(err))
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("copy %s: %w", name, notThere(err))
	}
	return &verified{measured: measure(ctx, f), name: name, want: sum, Closer: f}, nil
}

func (d *Directory) sum(name string) (string, error) {
	f, err := d.root.Open(name + sumSuffix)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSumBytes))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	return parseSum(text)
}

func notThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}

// List implements Store.
func (d *Directory) List(ctx context.Context, prefix string) ([]Info, error) {
	files, err := d.files(ctx, prefix)
	if err != nil {
		return nil, err
	}
	return whole(files), nil
}

// files returns all regular files under a prefix, by name.
func (d *Directory) files(ctx context.Context, prefix string) (map[string]Info, error) {
	files := map[string]Info{}
	err := fs.WalkDir(d.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // else it was removed just now
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		dir, base := path.Split(name)
		if entry == nil || !entry.Type().IsRegular() || !strings.HasPrefix(dir+strings.TrimPrefix(base, "."), prefix) {
			return nil
		}
		info, err := entry.Info()
		if err == nil {
			files[name] = Info{Name: name, Bytes: info.Size(), Modified: info.ModTime()}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list copies: %w", err)
	}
	return files, nil
}

// whole returns the copies among files that have their checksum beside them, in the order of their names.
func whole(files map[string]Info) []Info {
	var list []Info
	for name, info := range files {
		if _, ok := files[name+sumSuffix]; ok && checkName(name) == nil {
			list = append(list, info)
		}
	}
	slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// torn returns the names of what is left of copies that never became whole, or of which a part is gone.
func torn(files map[string]Info, before time.Time) []string {
	var names []string
	for name, info := range files {
		content, isSum := strings.CutSuffix(name, sumSuffix)
		base := path.Base(name)
		_, hasSum := files[name+sumSuffix]
		_, hasContent := files[content]
		temp := strings.HasPrefix(base, ".") && strings.HasSuffix(base, tempSuffix)
		if info.Modified.Before(before) && (temp || isSum && !hasContent || !isSum && !hasSum && checkName(name) == nil) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Remove implements Store.
func (d *Directory) Remove(_ context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	for _, file := range []string{name + sumSuffix, name} { // interrupted in between it is no copy any more
		if err := d.removeFile(file); err != nil {
			return fmt.Errorf("remove copy %s: %w", name, err)
		}
	}
	return nil
}

func (d *Directory) removeFile(name string) error {
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sweep implements Store.
func (d *Directory) Sweep(ctx context.Context, prefix string, before time.Time) (int, error) {
	files, err := d.files(ctx, prefix)
	if err != nil {
		return 0, err
	}
	names := torn(files, before)
	for i, name := range names {
		if err := d.removeFile(name); err != nil {
			return i, fmt.Errorf("remove what is left of %s: %w", name, err)
		}
	}
	return len(names), nil
}
