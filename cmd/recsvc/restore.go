package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/config"
	"recsvc/internal/event"
	"recsvc/internal/state"
	"recsvc/internal/vault"
)

const restoreHelp = `
Makes a data directory from a backup: the state with all that was learned, and the model snapshots. -from is a file, - for
standard input, file://PATH, s3://BUCKET/NAME, or the word newest: the newest whole copy in the place that the configuration's
section backup names. For s3:// and newest the endpoint and the credentials are those of -config.

The directory must be empty or missing. It can be served when this command has ended well, and not before: after a crash run it
again. The log is not in a backup. With Kafka the server goes on from the backup's cursor. With the embedded log it begins a
new log there; if the old log still exists, copy it to DIR/log before the first start, and nothing is lost.`

func restore(ctx context.Context, args []string, std stdio) error {
	fs := flags("restore", restoreHelp, std)
	from := fs.String("from", "", "`FILE` or address of the backup")
	data := fs.String("data", "", "data `DIR`ectory to make")
	file := fs.String("config", "", "configuration `FILE`; the built-in one when absent")
	if err := parse(fs, args, nil); err != nil {
		return err
	}
	if *from == "" || *data == "" {
		fmt.Fprintln(std.err, "recsvc restore: name the backup with -from and the directory with -data")
		fs.Usage()
		return errUsage
	}
	c, err := loadConfig(*file, map[string]string{"data": *data})
	if err != nil {
		return err
	}
	source, err := openBackupSource(ctx, *from, c)
	if err != nil {
		return err
	}
	defer source.Close()
	done, err := restoreInto(ctx, source, c)
	if err != nil {
		return err
	}
	return done.print(std.out, c, *file != "")
}

// backupSource is a backup somewhere.
type backupSource struct {
	io.Reader
	name  string
	close func() error
	// more brings model snapshots into a directory that are not in the backup; nil: there are none.
	more func(ctx context.Context, dir string) error
}

// Close implements io.Closer.
func (s *backupSource) Close() error { return s.close() }

func openBackupSource(ctx context.Context, from string, c *config.Config) (*backupSource, error) {
	scheme, rest, ok := strings.Cut(from, "://")
	switch {
	case from == "-":
		return &backupSource{Reader: os.Stdin, name: "standard input", close: func() error { return nil }}, nil
	case from == "newest":
		return openNewest(ctx, c)
	case !ok:
		return openBackupFile(from)
	case scheme == "file":
		return openBackupFile(rest)
	case scheme == "s3":
		return openBackupObject(ctx, from, c)
	}
	return nil, fmt.Errorf("backup %s: no way to read %s://; known are file:// and s3://", from, scheme)
}

func openBackupFile(path string) (*backupSource, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return &backupSource{Reader: f, name: path, close: f.Close}, nil
}

func openBackupObject(ctx context.Context, address string, c *config.Config) (*backupSource, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", address, err)
	}
	place := c.Backup.To
	place.Directory, place.S3.Bucket, place.S3.Prefix = "", u.Host, ""
	v, err := openVault(place)
	if err != nil {
		return nil, err
	}
	return openCopy(ctx, v, strings.TrimPrefix(u.Path, "/"), address)
}

func openNewest(ctx context.Context, c *config.Config) (*backupSource, error) {
	if !c.Backup.To.Configured() {
		return nil, errors.New("-from newest: give -config FILE with backup.to, where the copies are")
	}
	v, err := openVault(c.Backup.To)
	if err != nil {
		return nil, err
	}
	copies, err := backupCopies(ctx, v)
	if err == nil && len(copies) == 0 {
		err = fmt.Errorf("-from newest: %w in the place that backup.to names", vault.ErrNotFound)
	}
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	s, err := openCopy(ctx, v, copies[0].Name, copies[0].Name)
	if err == nil {
		s.more = func(ctx context.Context, dir string) error { return fetchSnapshots(ctx, v, dir, zap.NewNop()) }
	}
	return s, err
}

// openCopy opens a copy in a vault, which is closed with it.
func openCopy(ctx context.Context, v vault.Store, name, address string) (*backupSource, error) {
	r, err := v.Open(ctx, name)
	if errors.Is(err, vault.ErrNotFound) {
		err = fmt.Errorf("%w (a whole copy has NAME.sha256 beside it; other files can be read with -from -)", err)
	}
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return &backupSource{Reader: r, name: address, close: func() error { return errors.Join(r.Close(), v.Close()) }}, nil
}

// restored says what became of a backup.
type restored struct {
	dir, from string
	header    state.BackupHeader
	summary   state.BackupSummary
}

// The names in a data directory.
const (
	stateName    = "state"
	snapshotName = "snapshots"
	logName      = "log"
	restoringDir = ".restoring" // what a restore is making; nothing of it is in use before the marker is there
)

// restoreInto makes c.Data a data directory from a backup. Everything is built below restoringDir and moved to its place, and the
// marker by which serve knows a data directory is written last. (A directory beside c.Data that is then renamed would be
// simpler, but a mount point cannot be renamed, nor has it anything on the same disk beside it.)
func restoreInto(ctx context.Context, from *backupSource, c *config.Config) (_ restored, err error) {
	dir := c.Data
	lock, err := prepareRestore(dir)
	if err != nil {
		return restored{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	b, err := state.OpenBackup(from)
	if err != nil {
		return restored{}, fmt.Errorf("restore %s: %w", from.name, err)
	}
	defer b.Close()
	work := filepath.Join(dir, restoringDir)
	if err := os.Mkdir(work, 0o700); err != nil {
		return restored{}, fmt.Errorf("restore: %w", err)
	}
	out := restored{dir: dir, from: from.name, header: b.Header()}
	snapshots := filepath.Join(work, snapshotName)
	out.summary, err = b.Restore(ctx, filepath.Join(work, stateName), snapshots, state.Options{MinFreeBytes: int64(c.Limits.FreeBytes)})
	if err == nil && from.more != nil {
		err = from.more(ctx, snapshots)
	}
	if err == nil {
		err = writeLogBegin(work, b.Header().Checkpoint.Cursor)
	}
	if err == nil {
		err = writeSynced(filepath.Join(work, outboxRestoredName), []byte("what waited in the outbox may have been sent since the backup\n"))
	}
	if err == nil {
		err = finishRestore(dir)
	}
	if err != nil {
		return restored{}, errors.Join(fmt.Errorf("restore %s: %w", from.name, err), clearRestore(dir))
	}
	return out, nil
}

// prepareRestore locks dir, which is made if it is missing, and refuses one that holds something. What a restore that was
// broken off left there is removed.
func prepareRestore(dir string) (lock *os.File, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	if lock, err = holdDirectory(dir); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	foreign, err := holdings(dir)
	if err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	if foreign != "" {
		return nil, fmt.Errorf("restore: data directory %s is not empty: it holds %s; name an empty one", dir, foreign)
	}
	return lock, clearRestore(dir)
}

// holdings names something in dir beside what a restore that was broken off left there; empty: there is nothing.
func holdings(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	broken := false
	for _, e := range entries {
		broken = broken || e.Name() == restoringDir
	}
	for _, e := range entries {
		switch e.Name() {
		case "lost+found", restoringDir:
		case stateName, snapshotName, logBeginName, outboxRestoredName:
			if !broken {
				return e.Name(), nil
			}
		default:
			return e.Name(), nil
		}
	}
	return "", nil
}

// restorable says whether a restore would take dir: it is empty or missing, or a restore was broken off in it.
func restorable(dir string) (bool, error) {
	foreign, err := holdings(dir)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	return err == nil && foreign == "", err
}

// clearRestore removes what a restore has made so far; restoringDir last, by which the rest is known to be its own. It does
// nothing where there is a marker.
func clearRestore(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, marker)); err == nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, restoringDir)); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, name := range []string{stateName, snapshotName, logBeginName, outboxRestoredName, restoringDir} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("remove what a restore left: %w", err)
		}
	}
	return nil
}

// finishRestore moves what was made to its place, and makes it a data directory.
func finishRestore(dir string) error {
	work := filepath.Join(dir, restoringDir)
	if err := syncTree(work); err != nil {
		return err
	}
	for _, name := range []string{stateName, snapshotName, logBeginName, outboxRestoredName} {
		if err := os.Rename(filepath.Join(work, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := syncPath(dir); err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(dir, marker), []byte(markerText)); err != nil {
		return err
	}
	if err := syncPath(dir); err != nil {
		return err
	}
	return os.Remove(work)
}

// syncTree makes a directory durable with all that is in it.
func syncTree(root string) error {
	return filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		return syncPath(path)
	})
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func writeSynced(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// print tells what was restored, and whether the configuration fits it.
func (r restored) print(w io.Writer, c *config.Config, given bool) error {
	m := r.header.Checkpoint
	fits := "not compared: no -config was given"
	if given {
		fits = "those of the configuration"
		if movable(m, c) {
			fits = "those of the configuration but for models: a server keeps those that are the same"
		} else if m.Definitions != definitionsHash(c) {
			fits = "NOT those of the configuration, under which a server will not take this state: it goes with the configuration " +
				"that the backup was made under"
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "restored %s from %s\n", r.dir, r.from)
	for _, line := range [][2]string{
		{"cursor", cursorText(m.Cursor)}, {"entries", fmt.Sprint(m.Entries)}, {"digest", m.Digest.String()},
		{"created", m.Created.Time().UTC().Format(time.RFC3339)}, {"by", r.header.Program + ", configuration " + r.header.Configuration},
		{"definitions", hex.EncodeToString(m.Definitions[:8]) + "…, " + fits}, {"snapshots", fmt.Sprint(len(r.summary.Snapshots))},
	} {
		fmt.Fprintf(&b, "  %-12s %s\n", line[0], line[1])
	}
	for _, reason := range r.summary.LeftOut {
		fmt.Fprintf(&b, "  %-12s %s\n", "left out", reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func cursorText(c event.Cursor) string {
	if len(c) == 0 {
		return "the beginning"
	}
	return c.String()
}
