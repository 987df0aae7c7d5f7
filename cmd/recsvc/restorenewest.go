package main

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"recsvc/internal/config"
	"recsvc/internal/state"
	"recsvc/internal/vault"
)

// restoreNewest fills an empty data directory from the newest whole backup in the vault, where the configuration asks for it; from
// the one before when that is damaged. It returns false when there was nothing to do or nothing to restore from. An error,
// as from a vault out of reach, is no reason to begin with nothing: the log would go on from there.
func restoreNewest(ctx context.Context, c *config.Config, log *zap.Logger) (bool, error) {
	if !c.Backup.RestoreOnEmpty {
		return false, nil
	}
	if ok, err := restorable(c.Data); err != nil || !ok {
		return false, err
	}
	v, err := openVault(c.Backup.To)
	if err != nil {
		return false, err
	}
	defer v.Close()
	copies, err := backupCopies(ctx, v)
	if err != nil {
		return false, fmt.Errorf("the data directory is empty, and the backups cannot be listed: %w", err)
	}
	if len(copies) == 0 {
		log.Warn("the data directory is empty and there is no backup: beginning with nothing")
		return false, nil
	}
	var damaged []error
	for _, i := range copies {
		err := restoreCopy(ctx, v, i, c, log)
		if err == nil {
			return true, nil
		}
		if !isDamage(err) {
			return false, fmt.Errorf("the data directory is empty, and the newest backup cannot be restored: %w", err)
		}
		log.Error("a backup is damaged; trying the one before", zap.String("backup", i.Name), zap.Error(err))
		damaged = append(damaged, err)
	}
	return false, fmt.Errorf("the data directory is empty, and no backup is whole: %w", errors.Join(damaged...))
}

func restoreCopy(ctx context.Context, v vault.Store, i vault.Info, c *config.Config, log *zap.Logger) error {
	r, err := v.Open(ctx, i.Name)
	if err != nil {
		return err
	}
	defer r.Close()
	done, err := restoreInto(ctx, &backupSource{
		Reader: r, name: i.Name,
		more: func(ctx context.Context, dir string) error { return fetchSnapshots(ctx, v, dir, log) },
	}, c)
	if err != nil {
		return err
	}
	m := done.header.Checkpoint
	log.Warn("the data directory was empty: restored a backup; what was logged after it and is not in the log any more is lost",
		zap.String("backup", i.Name), zap.Stringer("cursor", m.Cursor), zap.Time("created", m.Created.Time()),
		zap.Int64("entries", m.Entries), zap.Stringer("digest", m.Digest), zap.Strings("left_out", done.summary.LeftOut))
	if m.Definitions != definitionsHash(c) && !movable(m, c) {
		log.Error("the backup was made under other definitions of features or heads than those configured now")
	}
	return nil
}

// isDamage tells a copy that is not whole from a vault that cannot be read just now.
func isDamage(err error) bool {
	return errors.Is(err, vault.ErrDamaged) || errors.Is(err, vault.ErrNotFound) || errors.Is(err, state.ErrCorrupt) || errors.Is(err, state.ErrFormat)
}
