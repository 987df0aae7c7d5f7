package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.uber.org/zap"

	"recsvc/internal/state"
	"recsvc/internal/vault"
)

// snapshotCopyNames are the names of a model snapshot's content and description in a vault.
func snapshotCopyNames(id string) (content, description string) {
	return snapshotPrefix + id + ".snapshot", snapshotPrefix + id + ".json"
}

func (c *Copier) copySnapshot(ctx context.Context, v vault.Store, id string) error {
	meta, content, err := c.o.Snapshots.Open(id)
	if err != nil {
		return err
	}
	defer content.Close()
	contentName, descriptionName := snapshotCopyNames(id)
	info, err := v.Put(ctx, contentName, content)
	if err != nil {
		return err
	}
	if info.SHA256 != meta.SHA256 {
		return errors.Join(fmt.Errorf("snapshot %s has changed while it was copied", id), v.Remove(ctx, contentName))
	}
	text, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	_, err = v.Put(ctx, descriptionName, bytes.NewReader(text)) // last: it is what makes it a snapshot
	return err
}

// fetchSnapshots brings the vault's model snapshots into dir, unless they are there: those taken after a backup, to which the log
// may roll back. One that is damaged there is passed over: it
// may not be needed.
func fetchSnapshots(ctx context.Context, v vault.Store, dir string, log *zap.Logger) (err error) {
	into, err := state.NewSnapshots(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	have, err := v.List(ctx, snapshotPrefix)
	if err != nil {
		return err
	}
	for _, i := range have {
		id, ok := strings.CutSuffix(strings.TrimPrefix(i.Name, snapshotPrefix), ".json")
		if !ok {
			continue
		}
		if _, err := into.Get(id); err == nil {
			continue
		}
		err := fetchSnapshot(ctx, v, into, id)
		if isDamage(err) || errors.Is(err, state.ErrBadID) {
			log.Warn("a model snapshot in the vault cannot be used", zap.String("snapshot", id), zap.Error(err))
		} else if err != nil {
			return err
		}
	}
	return nil
}

func fetchSnapshot(ctx context.Context, v vault.Store, into *state.Snapshots, id string) error {
	contentName, descriptionName := snapshotCopyNames(id)
	text, err := readCopy(ctx, v, descriptionName)
	if err != nil {
		return err
	}
	var meta state.SnapshotMeta
	if err := json.Unmarshal(text, &meta); err != nil || meta.ID != id {
		return fmt.Errorf("description of snapshot %s: %w", id, errors.Join(err, state.ErrCorrupt))
	}
	content, err := v.Open(ctx, contentName)
	if err != nil {
		return err
	}
	err = into.Create(&meta, func(w io.Writer) error {
		_, err := io.Copy(w, content)
		return err
	})
	return errors.Join(err, content.Close())
}

func readCopy(ctx context.Context, v vault.Store, name string) ([]byte, error) {
	r, err := v.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, 1<<20))
	return text, errors.Join(err, r.Close())
}
