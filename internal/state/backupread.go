package state

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"

	"recsvc/internal/dirty"
)

// Backup is a backup being read, once, from its beginning to its end. It belongs to one goroutine.
type Backup struct {
	in      *opener
	hash    hash.Hash // of all that was read
	header  BackupHeader
	summary BackupSummary
}

// OpenBackup reads the beginning of a backup. Errors: ErrFormat when r is no backup, or one of another version, and
// ErrCorrupt when it is damaged. Close gives the memory back; r stays the caller's.
func OpenBackup(r io.Reader) (*Backup, error) {
	in, err := newOpener(r)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	b := &Backup{in: in, hash: sha256.New()}
	if err := b.readHead(); err != nil {
		in.close()
		return nil, fmt.Errorf("backup: %w", err)
	}
	return b, nil
}

// Close ends the reading.
func (b *Backup) Close() { b.in.close() }

// Header is what the backup says of itself. Nothing but its own checksum vouches for it before Check or Restore has returned.
func (b *Backup) Header() BackupHeader { return b.header }

func (b *Backup) readHead() error {
	if err := b.in.start(); err != nil {
		return err
	}
	b.hash.Write(backupStart())
	first, err := b.next()
	if err != nil {
		return err
	}
	var head backupHeadText
	if first.kind != backupHead {
		return fmt.Errorf("it begins with a block of kind %d: %w", first.kind, ErrCorrupt)
	}
	if err := strict(first.payload, &head); err != nil {
		return fmt.Errorf("its header: %w", err)
	}
	b.header.BackupAbout = head.BackupAbout
	if b.header.Checkpoint, err = decodeMeta(head.Checkpoint); err != nil {
		return fmt.Errorf("its header: %w", err)
	}
	return nil
}

func (b *Backup) next() (sealed, error) {
	s, err := b.in.next()
	if err == nil && s.kind != backupEnd { // whose own sum is that of what comes before it
		b.hash.Write(s.raw)
	}
	return s, err
}

func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

// Check reads the rest and returns what is in it, or why it cannot be restored.
func (b *Backup) Check(ctx context.Context) (BackupSummary, error) { return b.walk(ctx, checkOnly{}) }

// Restore makes a state in dir and its snapshots in the directory snapshots. Both must be empty or missing. The checkpoint is
// the first one there; its cursor, digest and entries are those of the backup. After an error both hold
// rubbish, which only the caller can remove.
func (b *Backup) Restore(ctx context.Context, dir, snapshots string, opts Options) (_ BackupSummary, err error) {
	store, err := Open(dir, opts)
	if err != nil {
		return BackupSummary{}, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if last, ok := store.Latest(); ok {
		return BackupSummary{}, fmt.Errorf("restore: %s already holds checkpoint %d", dir, last.Epoch)
	}
	kept, err := NewSnapshots(snapshots)
	if err != nil {
		return BackupSummary{}, fmt.Errorf("restore: %w", err)
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	cp := store.Begin()
	summary, err := b.walk(ctx, restoring{cp, kept})
	if err != nil {
		cp.Abort()
		return BackupSummary{}, err
	}
	if err := cp.Commit(ctx, b.header.Checkpoint); err != nil {
		return BackupSummary{}, fmt.Errorf("restore: %w", err)
	}
	return summary, errors.Join(syncDir(snapshots), syncDir(filepath.Dir(dir)))
}

// backupSink takes what a backup holds, checked. content ends, with io.EOF, only when it is whole.
type backupSink interface {
	entry(key, value []byte, sum dirty.Sum)
	snapshot(meta SnapshotMeta, content io.Reader) error
}

type checkOnly struct{}

func (checkOnly) entry([]byte, []byte, dirty.Sum) {}

func (checkOnly) snapshot(meta SnapshotMeta, content io.Reader) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, content); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != meta.SHA256 {
		return fmt.Errorf("content's SHA-256 is %s, %s expected: %w", got, meta.SHA256, ErrCorrupt)
	}
	return nil
}

type restoring struct {
	checkpoint *Checkpoint
	snapshots  *Snapshots
}

func (r restoring) entry(key, value []byte, sum dirty.Sum) { r.checkpoint.Put(key, value, sum) }

func (r restoring) snapshot(meta SnapshotMeta, content io.Reader) error {
	return r.snapshots.Create(&meta, func(w io.Writer) error {
		_, err := io.Copy(w, content)
		return err
	})
}

// walk reads all blocks in their order and checks them against the header and the end.
func (b *Backup) walk(ctx context.Context, sink backupSink) (BackupSummary, error) {
	end, err := b.blocks(ctx, sink)
	if err == nil {
		err = b.compare(end)
	}
	if err == nil {
		err = b.in.end()
	}
	if err != nil {
		return BackupSummary{}, fmt.Errorf("backup: %w", err)
	}
	b.summary.Bytes = b.in.off
	b.summary.SHA256 = hex.EncodeToString(b.hash.Sum(nil))
	b.summary.LeftOut = end.LeftOut
	return b.summary, nil
}

func (b *Backup) blocks(ctx context.Context, sink backupSink) (end backupEndText, err error) {
	var lastKey []byte
	for place := byte(backupEntries); ; {
		if err := ctx.Err(); err != nil {
			return end, err
		}
		s, err := b.next()
		if err != nil {
			return end, err
		}
		if s.kind < place || s.kind == backupContent {
			return end, fmt.Errorf("block at byte %d: of kind %d after one of kind %d: %w", s.off, s.kind, place, ErrCorrupt)
		}
		switch place = s.kind; s.kind {
		case backupEntries:
			lastKey, err = b.entries(s, lastKey, sink)
		case backupSnapshot:
			err = b.snapshot(ctx, s, sink)
		case backupEnd:
			err = strict(s.payload, &end)
			if got := hex.EncodeToString(b.hash.Sum(nil)); err == nil && got != end.SHA256 {
				err = fmt.Errorf("SHA-256 up to here is %s, %s expected: %w", got, end.SHA256, ErrCorrupt)
			}
			b.hash.Write(s.raw)
			if err == nil {
				return end, nil
			}
		}
		if err != nil {
			return end, fmt.Errorf("block at byte %d: %w", s.off, err)
		}
	}
}

// entries hands on the entries of a block, whose keys ascend from last on, and returns the last key.
func (b *Backup) entries(s sealed, last []byte, sink backupSink) ([]byte, error) {
	for rest := s.payload; len(rest) > 0; s.records-- {
		var key, value []byte
		var err error
		if key, value, rest, err = backupEntry(rest); err != nil {
			return nil, err
		}
		if bytes.Compare(key, last) <= 0 {
			return nil, fmt.Errorf("entry %x follows %x: %w", key, last, ErrCorrupt)
		}
		sum := dirty.SumOf(key, value)
		b.summary.Digest.Add(sum)
		b.summary.Entries++
		sink.entry(key, value, sum)
		last = append(last[:0], key...)
	}
	if s.records != 0 {
		return nil, fmt.Errorf("number of entries differs: %w", ErrCorrupt)
	}
	return last, nil
}

func (b *Backup) snapshot(ctx context.Context, s sealed, sink backupSink) error {
	var meta SnapshotMeta
	if err := strict(s.payload, &meta); err != nil {
		return err
	}
	if err := checkID(meta.ID); err != nil { // it is about to become a file name
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if n := len(b.summary.Snapshots); n > 0 && meta.ID <= b.summary.Snapshots[n-1] {
		return fmt.Errorf("snapshot %s follows %s: %w", meta.ID, b.summary.Snapshots[n-1], ErrCorrupt)
	}
	content := &backupContentReader{ctx: ctx, b: b, left: meta.Bytes}
	if err := sink.snapshot(meta, content); err != nil {
		return fmt.Errorf("snapshot %s: %w", meta.ID, err)
	}
	b.summary.Snapshots = append(b.summary.Snapshots, meta.ID)
	return nil
}

// backupContentReader reads the content of one snapshot.
type backupContentReader struct {
	ctx  context.Context
	b    *Backup
	left int64  // bytes of the content in blocks to come
	part []byte // of the present block, not read yet
}

// Read implements io.Reader.
func (r *backupContentReader) Read(p []byte) (int, error) {
	for len(r.part) == 0 {
		if r.left <= 0 {
			return 0, io.EOF
		}
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		s, err := r.b.next()
		if err != nil {
			return 0, err
		}
		if s.kind != backupContent || int64(len(s.payload)) > r.left || len(s.payload) == 0 {
			return 0, fmt.Errorf("block at byte %d: of kind %d with %d bytes, where %d of the content are missing: %w",
				s.off, s.kind, len(s.payload), r.left, ErrCorrupt)
		}
		r.part = s.payload
		r.left -= int64(len(s.payload))
	}
	n := copy(p, r.part)
	r.part = r.part[n:]
	return n, nil
}

// compare holds what was read against what the header and the end say.
func (b *Backup) compare(end backupEndText) error {
	got, meta := b.summary, b.header.Checkpoint
	if got.Entries != meta.Entries || got.Digest != meta.Digest || got.Entries != end.Entries || got.Digest.String() != end.Digest {
		return fmt.Errorf("%d entries with digest %v found, %d with %v expected: %w", got.Entries, got.Digest, meta.Entries, meta.Digest, ErrCorrupt)
	}
	if len(got.Snapshots) != end.Snapshots {
		return fmt.Errorf("%d snapshots found, %d expected: %w", len(got.Snapshots), end.Snapshots, ErrCorrupt)
	}
	return nil
}
