package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"recsvc/internal/state"
	"recsvc/internal/vault"
)

var nopLog = zap.NewNop()

// clockwork is a clock that goes on when somebody waits, by as long as they want to.
type clockwork struct {
	mu    sync.Mutex
	now   time.Time
	waits []time.Duration
	limit int // of waits; the next one never ends
	done  chan struct{}
}

func newClockwork(limit int) *clockwork {
	return &clockwork{now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), limit: limit, done: make(chan struct{})}
}

func (c *clockwork) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clockwork) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	fired := make(chan time.Time, 1)
	if len(c.waits) == c.limit {
		close(c.done)
		return fired
	}
	c.waits = append(c.waits, d)
	c.now = c.now.Add(d)
	fired <- c.now
	return fired
}

// runCopier runs a Copier until its clock has stopped.
func runCopier(t *testing.T, o CopierOptions, clock *clockwork) {
	t.Helper()
	o.Now, o.After = clock.Now, clock.After
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- NewCopier(o).Run(ctx) }()
	select {
	case <-clock.done:
	case <-time.After(patience):
		t.Error("the copier hangs")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// fixedBackup streams the same text every time.
func fixedBackup(text string) func(context.Context, io.Writer) (state.BackupSummary, error) {
	return func(_ context.Context, w io.Writer) (state.BackupSummary, error) {
		sum := sha256.Sum256([]byte(text))
		_, err := io.WriteString(w, text)
		return state.BackupSummary{SHA256: hex.EncodeToString(sum[:])}, err
	}
}

func directoryVault(dir string) func() (vault.Store, error) {
	return func() (vault.Store, error) { return vault.OpenDirectory(dir) }
}

func copyNames(t *testing.T, dir, prefix string) (names []string) {
	t.Helper()
	v, err := vault.OpenDirectory(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	infos, err := v.List(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos {
		names = append(names, strings.TrimPrefix(i.Name, prefix))
	}
	return names
}

func TestCopiesAreTakenAtTheIntervalAndTheOldestGo(t *testing.T) {
	dir, reg := t.TempDir(), prometheus.NewRegistry()
	clock := newClockwork(10) // the first after a minute, then one every 6 hours
	runCopier(t, CopierOptions{
		Open: directoryVault(dir), Backup: fixedBackup("state"), Every: 6 * time.Hour, Keep: vault.Retention{Newest: 2, Days: 2}, Registerer: reg,
	}, clock)
	want := []string{"recsvc-20260502T180100Z.backup", "recsvc-20260503T000100Z.backup", "recsvc-20260503T060100Z.backup"}
	if got := copyNames(t, dir, backupPrefix); !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
	newest := time.Date(2026, 5, 3, 6, 1, 0, 0, time.UTC).Unix()
	err := testutil.GatherAndCompare(reg, strings.NewReader(fmt.Sprintf(`
# HELP recsvc_backup_bytes Size of the newest whole copy of the state.
# TYPE recsvc_backup_bytes gauge
recsvc_backup_bytes 5
# HELP recsvc_backup_copies Whole copies of the state that are kept.
# TYPE recsvc_backup_copies gauge
recsvc_backup_copies 3
# HELP recsvc_backup_last_success_timestamp_seconds When the newest whole copy of the state was begun; 0: there is none.
# TYPE recsvc_backup_last_success_timestamp_seconds gauge
recsvc_backup_last_success_timestamp_seconds %d
`, newest)), "recsvc_backup_bytes", "recsvc_backup_copies", "recsvc_backup_last_success_timestamp_seconds")
	if err != nil {
		t.Error(err)
	}
}

func TestARestartDoesNotCopyMoreOften(t *testing.T) {
	dir := t.TempDir()
	runCopier(t, CopierOptions{Open: directoryVault(dir), Backup: fixedBackup("state"), Every: 6 * time.Hour}, newClockwork(1))
	clock := newClockwork(1)
	clock.now = clock.now.Add(2*time.Hour + startPause) // the first copy was taken after the pause
	runCopier(t, CopierOptions{Open: directoryVault(dir), Backup: fixedBackup("state"), Every: 6 * time.Hour}, clock)
	if clock.waits[0] != 4*time.Hour {
		t.Errorf("it waits %v for the next copy", clock.waits[0])
	}
}

func TestACopyThatFailsIsTriedAgainAndCounted(t *testing.T) {
	dir, reg := t.TempDir(), prometheus.NewRegistry()
	broken, tries := errors.New("the state is damaged"), 0
	clock := newClockwork(6)
	runCopier(t, CopierOptions{
		Every: 10 * time.Minute, Registerer: reg,
		Open: func() (vault.Store, error) {
			if tries++; tries == 2 { // the first asks what there is
				return nil, errors.New("not mounted")
			}
			return vault.OpenDirectory(dir)
		},
		Backup: func(ctx context.Context, w io.Writer) (state.BackupSummary, error) {
			if tries < 6 {
				_, _ = io.WriteString(w, "half of a")
				return state.BackupSummary{}, broken
			}
			return fixedBackup("state")(ctx, w)
		},
	}, clock)
	want := []time.Duration{startPause, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 10 * time.Minute}
	if !slices.Equal(clock.waits, want) {
		t.Errorf("it waited %v, want %v", clock.waits, want)
	}
	if got := copyNames(t, dir, backupPrefix); len(got) != 1 {
		t.Errorf("copies: %v", got)
	}
	err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP recsvc_backup_failures_total Steps of taking copies that failed, and are tried again: open, backup, snapshots, retention.
# TYPE recsvc_backup_failures_total counter
recsvc_backup_failures_total{step="backup"} 3
recsvc_backup_failures_total{step="open"} 1
recsvc_backup_failures_total{step="retention"} 0
recsvc_backup_failures_total{step="snapshots"} 0
`), "recsvc_backup_failures_total")
	if err != nil {
		t.Error(err)
	}
}

func aSnapshotStore(t *testing.T, ids ...string) (*state.Snapshots, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := state.NewSnapshots(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, id := range ids {
		keepSnapshot(t, s, id)
	}
	return s, dir
}

func keepSnapshot(t *testing.T, s *state.Snapshots, id string) {
	t.Helper()
	meta := state.SnapshotMeta{ID: id, Created: time.Unix(1e9, 0), Note: "of " + id}
	if err := s.Create(&meta, func(w io.Writer) error { _, err := io.WriteString(w, "weights of "+id); return err }); err != nil {
		t.Fatal(err)
	}
}

// A snapshot that cannot be read fails again and again. The others are copied, and so is the state, when its time has come.
func TestARottenSnapshotDoesNotEndTheBackups(t *testing.T) {
	snaps, snapDir := aSnapshotStore(t, "good", "rotten")
	writeFileAt(t, []byte("weights of rottem"), snapDir, "rotten.snapshot")
	dir := t.TempDir()
	clock := newClockwork(12)
	runCopier(t, CopierOptions{
		Open: directoryVault(dir), Backup: fixedBackup("state"), Snapshots: snaps, Every: 10 * time.Minute, Keep: vault.Retention{Newest: 100},
	}, clock)
	if got := copyNames(t, dir, snapshotPrefix); !slices.Equal(got, []string{"good.json", "good.snapshot"}) {
		t.Errorf("snapshots: %v", got)
	}
	total := time.Duration(0)
	for _, w := range clock.waits {
		total += w
	}
	if got := copyNames(t, dir, backupPrefix); len(got) < int(total/(20*time.Minute)) {
		t.Errorf("%d copies in %v: %v", len(got), total, clock.waits)
	}
}

func TestACopyIsGivenUpWithTheServer(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	clock := newClockwork(1)
	err := NewCopier(CopierOptions{
		Open: directoryVault(dir), Every: time.Hour, Now: clock.Now, After: clock.After,
		Backup: func(ctx context.Context, w io.Writer) (state.BackupSummary, error) {
			_, _ = io.WriteString(w, "half of a")
			cancel()
			<-ctx.Done()
			return state.BackupSummary{}, ctx.Err()
		},
	}).Run(ctx)
	if err != nil {
		t.Error(err)
	}
	if got := copyNames(t, dir, ""); len(got) != 0 {
		t.Errorf("copies: %v", got)
	}
	if err := (*Copier)(nil).Run(ctx); err != nil {
		t.Errorf("one that is off: %v", err)
	}
}

// vaultConfig is attributesOnly with copies in a directory. None are taken while a test lasts.
func vaultConfig(dir string) string {
	return attributesOnly + fmt.Sprintf("backup: {every: 7d, restore_on_empty: true, to: {directory: %q}}\n", dir)
}

// copyNow takes one copy of a running server.
func copyNow(t *testing.T, s *inProcess, at time.Time) {
	t.Helper()
	c := s.server.newCopierAt(func() time.Time { return at })
	if err := c.try(t.Context(), &round{}); err != nil {
		t.Fatal(err)
	}
}

// newCopierAt is the configured copier by another clock, counting apart.
func (a *app) newCopierAt(now func() time.Time) *Copier {
	c := a.copierOptions()
	c.Now, c.Registerer = now, nil
	return NewCopier(c)
}

func TestAnEmptyDiskStartsFromTheNewestWholeCopy(t *testing.T) {
	copies := t.TempDir()
	text := vaultConfig(copies)
	s := startServer(t, text, t.TempDir())
	day := func(n int) time.Time { return time.Date(2026, 5, n, 0, 0, 0, 0, time.UTC) }
	s.write("/v1/items", catalogue(2))
	for n := 1; n <= 3; n++ {
		visit(s, 5*n, 5*n+5)
		copyNow(t, s, day(n))
	}
	s.want(201, nil, "POST", "/admin/v1/snapshots", `{"note": "after the last backup"}`)
	var r round
	r.backup = true // the next round has come as far as the snapshots
	if err := s.server.newCopierAt(func() time.Time { return day(3) }).try(t.Context(), &r); err != nil {
		t.Fatal(err)
	}
	s.stop()
	for name, tc := range map[string]struct {
		damage func(newest string)
		want   string // digest of the copy that is used
	}{
		"all are whole":           {func(string) {}, digestOfCopy(t, copies, day(3))},
		"the newest is damaged":   {func(p string) { flip(t, p, 0.5) }, digestOfCopy(t, copies, day(2))},
		"the newest is not whole": {func(p string) { remove(t, p+".sha256") }, digestOfCopy(t, copies, day(2))},
		"the newest lost its end": {func(p string) { writeFileAt(t, nil, p) }, digestOfCopy(t, copies, day(2))},
	} {
		t.Run(name, func(t *testing.T) {
			damaged := copyOf(t, copies)
			tc.damage(filepath.Join(damaged, backupCopyName(day(3))))
			data := filepath.Join(t.TempDir(), "data")
			c := readConfig(t, vaultConfig(damaged), data)
			ok, err := restoreNewest(t.Context(), c, nopLog)
			if err != nil || !ok {
				t.Fatalf("%v, %v", ok, err)
			}
			if err := prepareData(data); err != nil {
				t.Error(err)
			}
			st, err := state.Open(filepath.Join(data, stateName), state.Options{MinFreeBytes: 1})
			if err != nil {
				t.Fatal(err)
			}
			if m, _ := st.Latest(); m.Digest.String() != tc.want {
				t.Errorf("digest %v, want %v", m.Digest, tc.want)
			}
			if err := st.Close(); err != nil {
				t.Error(err)
			}
			if found, _ := filepath.Glob(filepath.Join(data, snapshotName, "*.json")); len(found) != 1 {
				t.Errorf("snapshots: %v", found)
			}
			if ok, err := restoreNewest(t.Context(), c, nopLog); ok || err != nil {
				t.Errorf("over a directory in use: %v, %v", ok, err)
			}
		})
	}
	data := filepath.Join(t.TempDir(), "data")
	out, errs, err := call(t, "restore", "-from", "newest", "-data", data, "-config", writeConfig(t, text))
	if err != nil || !strings.Contains(out, backupCopyName(day(3))) {
		t.Errorf("restore -from newest: %v: %s%s", err, out, errs)
	}
}

func digestOfCopy(t *testing.T, copies string, at time.Time) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(copies, backupCopyName(at)))
	if err != nil {
		t.Fatal(err)
	}
	return headerOf(t, b).Checkpoint.Digest.String()
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestAnEmptyDiskDoesNotStartFromNothingWhileTheCopiesCannotBeRead(t *testing.T) {
	file := writeFileAt(t, nil, t.TempDir(), "not-a-directory")
	data := filepath.Join(t.TempDir(), "data")
	if ok, err := restoreNewest(t.Context(), readConfig(t, vaultConfig(file), data), nopLog); ok || err == nil {
		t.Errorf("out of reach: %v, %v", ok, err)
	}
	damaged := t.TempDir()
	v, err := vault.OpenDirectory(damaged)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for n := range 2 {
		if _, err := v.Put(t.Context(), backupCopyName(time.Unix(int64(n), 0)), bytes.NewReader([]byte("no backup"))); err != nil {
			t.Fatal(err)
		}
	}
	if ok, err := restoreNewest(t.Context(), readConfig(t, vaultConfig(damaged), data), nopLog); ok || err == nil || !strings.Contains(err.Error(), "no backup is whole") {
		t.Errorf("all damaged: %v, %v", ok, err)
	}
	if ok, err := restorable(data); !ok || err != nil {
		t.Errorf("the directory cannot be restored to any more: %v", err)
	}
	if ok, err := restoreNewest(t.Context(), readConfig(t, vaultConfig(t.TempDir()), data), nopLog); ok || err != nil {
		t.Errorf("the first start of all: %v, %v", ok, err)
	}
	if ok, err := restoreNewest(t.Context(), readConfig(t, attributesOnly, data), nopLog); ok || err != nil {
		t.Errorf("not configured: %v, %v", ok, err)
	}
}
