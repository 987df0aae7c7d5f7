package state

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"recsvc/internal/dirty"
)

// ErrNoCheckpoint reports that there is nothing to back up yet.
var ErrNoCheckpoint = errors.New("no checkpoint yet")

// BackupAbout is what a backup says of where it comes from, for people to read.
type BackupAbout struct {
	Program       string `json:"program"`       // version of the program
	Configuration string `json:"configuration"` // hash of its configuration
}

// BackupHeader is what a backup says at its beginning.
type BackupHeader struct {
	BackupAbout
	Checkpoint Meta // of the whole state that follows; Bytes is that of its delta
}

// BackupSummary is what a backup holds.
type BackupSummary struct {
	Entries   int64     // of the checkpoint
	Digest    dirty.Sum // over them
	Snapshots []string  // ids of the model snapshots in it
	LeftOut   []string  // snapshots that could not be read when it was made, each with the reason
	Bytes     int64     // length of the file
	SHA256    string    // of the file, hexadecimal
}

type backupHeadText struct {
	BackupAbout
	Checkpoint []byte `json:"checkpoint"` // as in a delta
}

type backupEndText struct {
	Entries   int64    `json:"entries"`
	Digest    string   `json:"digest"`
	Snapshots int      `json:"snapshots"`
	LeftOut   []string `json:"left_out,omitempty"`
	SHA256    string   `json:"sha256"` // of the file up to this block
}

// Backup writes the last committed checkpoint as one stream, and the snapshots of models beside it (nil: none), while
// whatever else goes on. The same checkpoint and snapshots give the same bytes. Two blocks of about 1 MiB and about 50
// bytes for each entry of a delta that is not folded are all the memory that it takes; while it runs, disk space of what is
// folded meanwhile is not given back, and Close waits.
//
// A stream that was broken off, by ctx or otherwise, is not taken for a whole one: its last block is missing. Errors:
// ErrNoCheckpoint; ErrCorrupt when the state on disk is not what the checkpoint says. A snapshot that cannot be read is left
// out and named: one rotten file must not end all backups.
func (s *Store) Backup(ctx context.Context, w io.Writer, about BackupAbout, snapshots *Snapshots) (BackupSummary, error) {
	b, err := newBackupWriter(ctx, w)
	if err != nil {
		return BackupSummary{}, fmt.Errorf("backup: %w", err)
	}
	defer b.sealer.enc.Close()
	err = s.backup(b, about)
	if err == nil && snapshots != nil {
		err = b.snapshots(snapshots)
	}
	if err == nil {
		err = b.end()
	}
	if err != nil {
		return BackupSummary{}, fmt.Errorf("backup: %w", err)
	}
	return b.summary, nil
}

func (s *Store) backup(b *backupWriter, about BackupAbout) error {
	v, err := s.view()
	if err != nil {
		return err
	}
	defer s.release(v)
	if v.meta.Epoch == 0 {
		return ErrNoCheckpoint
	}
	if err := b.begin(backupHeadText{about, appendMeta(nil, v.meta)}); err != nil {
		return err
	}
	if err := v.each(nil, b.entry); err != nil {
		return err
	}
	if err := b.flush(); err != nil {
		return err
	}
	if b.summary.Digest != v.meta.Digest || b.summary.Entries != v.meta.Entries {
		return fmt.Errorf("checkpoint %d in %s: %d entries with digest %v found, %d with %v expected: %w; %s",
			v.meta.Epoch, s.dir, b.summary.Entries, b.summary.Digest, v.meta.Entries, v.meta.Digest, ErrCorrupt, remedy)
	}
	return nil
}

// backupWriter writes the blocks of one backup.
type backupWriter struct {
	ctx     context.Context
	w       io.Writer
	hash    hash.Hash // of all that was written
	sealer  *sealer
	payload []byte // entries that wait for their block to be full
	records uint32
	summary BackupSummary
}

func newBackupWriter(ctx context.Context, w io.Writer) (*backupWriter, error) {
	s, err := newSealer()
	return &backupWriter{ctx: ctx, w: w, hash: sha256.New(), sealer: s, payload: make([]byte, 0, backupTarget)}, err
}

func (b *backupWriter) write(p []byte) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	b.hash.Write(p)
	n, err := b.w.Write(p)
	b.summary.Bytes += int64(n)
	return err
}

func (b *backupWriter) block(kind byte, records uint32, payload []byte) error {
	return b.write(b.sealer.seal(kind, records, payload))
}

func (b *backupWriter) text(kind byte, v any) error {
	text, err := json.Marshal(v)
	if err == nil && len(text) > maxDescription {
		err = fmt.Errorf("description of %d bytes: %w", len(text), ErrTooLarge)
	}
	if err != nil {
		return err
	}
	return b.block(kind, 1, text)
}

func (b *backupWriter) begin(head backupHeadText) error {
	if err := b.write(backupStart()); err != nil {
		return err
	}
	return b.text(backupHead, head)
}

func (b *backupWriter) entry(r record) error {
	need := 2*binary.MaxVarintLen32 + len(r.key) + len(r.value)
	if b.records > 0 && len(b.payload)+need > backupTarget {
		if err := b.flush(); err != nil {
			return err
		}
	}
	b.payload = binary.AppendUvarint(b.payload, uint64(len(r.key)))
	b.payload = binary.AppendUvarint(b.payload, uint64(len(r.value)))
	b.payload = append(append(b.payload, r.key...), r.value...)
	b.records++
	b.summary.Digest.Add(r.sum)
	b.summary.Entries++
	return nil
}

func (b *backupWriter) flush() error {
	if b.records == 0 {
		return nil
	}
	err := b.block(backupEntries, b.records, b.payload)
	b.payload, b.records = b.payload[:0], 0
	return err
}

// snapshots writes all that can be read, in the order of their ids.
func (b *backupWriter) snapshots(from *Snapshots) error {
	metas, err := from.List()
	if err != nil {
		b.leaveOut(err)
	}
	slices.SortFunc(metas, func(x, y SnapshotMeta) int { return strings.Compare(x.ID, y.ID) })
	for _, m := range metas {
		meta, content, err := from.Open(m.ID) // reads and checks all of it
		switch {
		case errors.Is(err, ErrNotFound):
			continue // deleted just now
		case err != nil:
			b.leaveOut(err)
			continue
		}
		err = b.snapshot(meta, content)
		if err = errors.Join(err, content.Close()); err != nil {
			return fmt.Errorf("snapshot %s: %w", m.ID, err)
		}
		b.summary.Snapshots = append(b.summary.Snapshots, m.ID)
	}
	return nil
}

func (b *backupWriter) leaveOut(err error) {
	for reason := range strings.Lines(err.Error()) { // errors that were joined
		b.summary.LeftOut = append(b.summary.LeftOut, strings.TrimSpace(reason))
	}
}

func (b *backupWriter) snapshot(meta SnapshotMeta, content io.Reader) error {
	if err := b.text(backupSnapshot, meta); err != nil {
		return err
	}
	part, left := b.payload[:backupTarget], meta.Bytes
	for left > 0 {
		n := min(left, int64(len(part)))
		if _, err := io.ReadFull(content, part[:n]); err != nil {
			return fmt.Errorf("it has become shorter: %w", err)
		}
		if err := b.block(backupContent, 1, part[:n]); err != nil {
			return err
		}
		left -= n
	}
	return nil
}

func (b *backupWriter) end() error {
	err := b.text(backupEnd, backupEndText{
		Entries: b.summary.Entries, Digest: b.summary.Digest.String(), Snapshots: len(b.summary.Snapshots),
		LeftOut: b.summary.LeftOut, SHA256: hex.EncodeToString(b.hash.Sum(nil)),
	})
	b.summary.SHA256 = hex.EncodeToString(b.hash.Sum(nil))
	return err
}
