package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"go.uber.org/zap"

	"recsvc/internal/api"
	"recsvc/internal/config"
	"recsvc/internal/engine"
	"recsvc/internal/state"
)

// backupRoom lets the API take a backup.
type backupRoom struct{ *app }

// Backup implements api.Backup.
func (b *backupRoom) Backup(ctx context.Context, w io.Writer) error {
	_, err := b.backup(ctx, w)
	if errors.Is(err, engine.ErrStopped) || errors.Is(err, state.ErrClosed) || errors.Is(err, state.ErrNoCheckpoint) {
		err = fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	return err
}

// backup streams the whole state as of now. Where no new checkpoint can be written, as on a full disk, it is as of the last
// one: then a copy elsewhere is wanted most.
func (a *app) backup(ctx context.Context, w io.Writer) (state.BackupSummary, error) {
	switch _, err := a.engine.Checkpoint(ctx); {
	case errors.Is(err, engine.ErrStopped), ctx.Err() != nil:
		return state.BackupSummary{}, err
	case err != nil:
		a.log.Warn("the backup is as of the last checkpoint: there can be no new one now", zap.Error(err))
	}
	about := state.BackupAbout{Program: "recsvc " + release, Configuration: configurationHash(a.config)}
	summary, err := a.state.Backup(ctx, w, about, a.snapshots)
	for _, reason := range summary.LeftOut {
		a.log.Error("a model snapshot cannot be read and is not in the backup", zap.String("reason", reason))
	}
	return summary, err
}

// configurationHash tells people whether two backups were made under one configuration. Keys do not count, and are not in it.
func configurationHash(c *config.Config) string {
	plain := *c
	plain.Keys = nil
	text, err := json.Marshal(plain)
	if err != nil {
		panic(err) // plain numbers and texts, all finite
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
