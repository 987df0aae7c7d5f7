package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

var aboutTest = BackupAbout{Program: "recsvc 1.2.3", Configuration: "c0ffee"}

// backupOf returns a whole backup and what the writer says of it.
func backupOf(t testing.TB, s *Store, snaps *Snapshots) ([]byte, BackupSummary) {
	t.Helper()
	var b bytes.Buffer
	summary, err := s.Backup(t.Context(), &b, aboutTest, snaps)
	must(t, err)
	if summary.Bytes != int64(b.Len()) {
		t.Errorf("%d bytes were written, the summary says %d", b.Len(), summary.Bytes)
	}
	return b.Bytes(), summary
}

// checkBackup reads a backup and returns why it is refused.
func checkBackup(b []byte) error {
	r, err := OpenBackup(bytes.NewReader(b))
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = r.Check(context.Background())
	return err
}

// restored is the store that a backup makes.
func restored(t *testing.T, b []byte) (*Store, *Snapshots, BackupSummary) {
	t.Helper()
	dir := t.TempDir()
	r, err := OpenBackup(bytes.NewReader(b))
	must(t, err)
	defer r.Close()
	summary, err := r.Restore(t.Context(), filepath.Join(dir, "state"), filepath.Join(dir, "snapshots"), small())
	must(t, err)
	return openStore(t, filepath.Join(dir, "state"), small()), openSnapshots(t, filepath.Join(dir, "snapshots")), summary
}

func keepSnapshot(t testing.TB, s *Snapshots, id, content string) SnapshotMeta {
	t.Helper()
	meta := SnapshotMeta{ID: id, Created: time.Unix(1700000000, 0), Cursor: "0-7", Models: []string{"ctr@7"}, Note: "<before & after>"}
	must(t, s.Create(&meta, writing(content)))
	return meta
}

func content(t testing.TB, s *Store) map[string]string {
	t.Helper()
	got := map[string]string{}
	must(t, s.Load(func(key, value []byte, _ dirty.Sum) error {
		got[string(key)] = string(value)
		return nil
	}))
	return got
}

func TestABackupRestoresTheCheckpointThatItNames(t *testing.T) {
	for _, epochs := range []int{1, 2, 9} { // one delta; several; folded ones too
		t.Run(fmt.Sprint(epochs), func(t *testing.T) {
			s, w := openStore(t, t.TempDir(), small()), newWorld()
			for range epochs {
				must(t, w.commit(s))
				s.folder.Wait()
			}
			snaps := openSnapshots(t, t.TempDir())
			long := strings.Repeat("0123456789", 250_000) // several blocks
			want := keepSnapshot(t, snaps, "b", long)
			keepSnapshot(t, snaps, "a@1", "")
			b, wrote := backupOf(t, s, snaps)
			back, backSnaps, read := restored(t, b)
			if !maps.Equal(content(t, back), w.content) {
				t.Error("the content differs")
			}
			if fmt.Sprintf("%+v", read) != fmt.Sprintf("%+v", wrote) {
				t.Errorf("read %+v\nwrote %+v", read, wrote)
			}
			was, _ := s.Latest()
			is, _ := back.Latest()
			if is.Epoch != 1 || is.Digest != was.Digest || is.Entries != was.Entries || is.Cursor.String() != was.Cursor.String() ||
				is.Definitions != was.Definitions || is.Created != was.Created || !bytes.Equal(is.Root, was.Root) || is.Watermarks[0] != was.Watermarks[0] {
				t.Errorf("checkpoint %+v\nbackup of  %+v", is, was)
			}
			got, r, err := backSnaps.Open("b")
			must(t, err)
			defer r.Close()
			text, err := io.ReadAll(r)
			must(t, err)
			if fmt.Sprint(got) != fmt.Sprint(want) || string(text) != long {
				t.Errorf("snapshot %+v, want %+v", got, want)
			}
			if _, err := backSnaps.Get("a@1"); err != nil {
				t.Error(err)
			}
			must(t, w.commit(back)) // it can be gone on with
		})
	}
}

func TestABackupIsOfOneCheckpointWhileOthersAreWritten(t *testing.T) {
	s, w := openStore(t, t.TempDir(), small()), newWorld()
	must(t, w.commit(s))
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for range 40 { // folds run meanwhile
			if err := w.commit(s); err != nil {
				t.Error(err)
			}
		}
		close(done)
	})
	seen := map[uint64]bool{}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		b, _ := backupOf(t, s, nil)
		r, err := OpenBackup(bytes.NewReader(b))
		must(t, err)
		if _, err := r.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		meta := r.Header().Checkpoint
		r.Close()
		if want := worldAt(meta.Epoch).meta(); meta.Digest != want.Digest || meta.Entries != want.Entries {
			t.Errorf("epoch %d: digest %v, want %v", meta.Epoch, meta.Digest, want.Digest)
		}
		seen[meta.Epoch] = true
	}
	writer.Wait()
	t.Logf("backups of %d checkpoints out of 41", len(seen))
}

func TestTwoBackupsOfOneCheckpointAreEqualToTheByte(t *testing.T) {
	dir := t.TempDir()
	s, w := openStore(t, dir, Options{MinFreeBytes: 1}), newWorld()
	for range 5 {
		must(t, w.commit(s))
	}
	snaps := openSnapshots(t, t.TempDir())
	keepSnapshot(t, snaps, "one", "1")
	keepSnapshot(t, snaps, "two", "2")
	first, _ := backupOf(t, s, snaps)
	if again, _ := backupOf(t, s, snaps); !bytes.Equal(again, first) {
		t.Error("the second one differs")
	}
	must(t, s.fold(s.deltas[:4])) // the same checkpoint, stored otherwise
	if again, _ := backupOf(t, s, snaps); !bytes.Equal(again, first) {
		t.Error("after a fold it differs")
	}
}

// smallBackup has every kind of block.
func smallBackup(t testing.TB) []byte {
	s := openStore(t, t.TempDir(), small())
	c := s.Begin()
	meta := Meta{Cursor: event.Cursor{{Offset: 7}}, Root: []byte("root")}
	for _, k := range []string{"a", "b", "bb"} {
		sum := dirty.SumOf([]byte(k), []byte("value of "+k))
		c.Put([]byte(k), []byte("value of "+k), sum)
		meta.Digest.Add(sum)
		meta.Entries++
	}
	must(t, c.Commit(t.Context(), meta))
	snaps, err := NewSnapshots(t.TempDir())
	must(t, err)
	defer snaps.Close()
	keepSnapshot(t, snaps, "first", "content of the first")
	keepSnapshot(t, snaps, "second", "content of the second")
	b, _ := backupOf(t, s, snaps)
	return b
}

func TestEveryTruncationAndEveryFlippedByteOfABackupIsRefused(t *testing.T) {
	b := smallBackup(t)
	must(t, checkBackup(b))
	refused := func(what string, damaged []byte) {
		if err := checkBackup(damaged); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := range b {
		refused(fmt.Sprintf("cut to %d of %d bytes", n, len(b)), b[:n])
	}
	for i := range b {
		for _, mask := range []byte{1, 0x40, 0xff} {
			damaged := bytes.Clone(b)
			damaged[i] ^= mask
			refused(fmt.Sprintf("byte %d of %d ^ %#x", i, len(b), mask), damaged)
		}
	}
	refused("with a byte behind it", append(bytes.Clone(b), 0))
	refused("twice", append(bytes.Clone(b), b...))
	refused("nothing", nil)
	t.Logf("%d bytes", len(b))
}

func TestABackupOfAnotherVersionIsRefusedWithTheReason(t *testing.T) {
	b := smallBackup(t)
	for version, want := range map[byte]string{0: "version is 0, this program reads 1", 2: "a newer one"} {
		other := bytes.Clone(b)
		other[8] = version
		if err := checkBackup(other); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("version %d: %v", version, err)
		}
	}
	if err := checkBackup([]byte("PK\x03\x04 and the rest of a zip file")); !errors.Is(err, ErrFormat) {
		t.Errorf("a file of another kind: %v", err)
	}
}

// A backup may come from elsewhere. The blocks of these are well-formed, checksums and all.
func TestASnapshotWhoseNameLeadsElsewhereIsRefused(t *testing.T) {
	for _, id := range []string{"../escaped", "..", "/etc/passwd", "a/b", `a\b`, "", ".hidden", "a\x00b", strings.Repeat("x", 300)} {
		file := forged(t, func(b *backupWriter) error {
			b.summary.Snapshots = append(b.summary.Snapshots, id)
			return b.snapshot(SnapshotMeta{ID: id, Bytes: 4, SHA256: "…"}, strings.NewReader("evil"))
		})
		parent := t.TempDir()
		r, err := OpenBackup(bytes.NewReader(file))
		must(t, err)
		_, err = r.Restore(t.Context(), filepath.Join(parent, "d", "state"), filepath.Join(parent, "d", "snapshots"), small())
		r.Close()
		if !errors.Is(err, ErrCorrupt) || !errors.Is(err, ErrBadID) {
			t.Errorf("%q: %v", id, err)
		}
		if names := fileNames(t, parent); len(names) != 1 {
			t.Errorf("%q: beside the directory there is %v", id, names)
		}
		if names := fileNames(t, filepath.Join(parent, "d", "snapshots")); len(names) != 0 {
			t.Errorf("%q: in the directory there is %v", id, names)
		}
	}
}

// forged is a backup of nothing with further blocks in it, which body writes.
func forged(t *testing.T, body func(*backupWriter) error) []byte {
	t.Helper()
	var out bytes.Buffer
	b, err := newBackupWriter(t.Context(), &out)
	must(t, err)
	must(t, b.begin(backupHeadText{aboutTest, appendMeta(nil, Meta{Epoch: 1, Format: Format})}))
	must(t, body(b))
	must(t, b.end())
	return out.Bytes()
}

func TestBlocksOutOfOrderAreRefused(t *testing.T) {
	entry := func(b *backupWriter, key string) error {
		sum := dirty.SumOf([]byte(key), nil)
		return errors.Join(b.entry(record{key: []byte(key), value: []byte{}, sum: sum}), b.flush())
	}
	for name, body := range map[string]func(*backupWriter) error{
		"descending keys":         func(b *backupWriter) error { return errors.Join(entry(b, "b"), entry(b, "a")) },
		"a key twice":             func(b *backupWriter) error { return errors.Join(entry(b, "a"), entry(b, "a")) },
		"content without a name":  func(b *backupWriter) error { return b.block(backupContent, 1, []byte("x")) },
		"a second header":         func(b *backupWriter) error { return b.text(backupHead, backupHeadText{}) },
		"an unknown kind":         func(b *backupWriter) error { return b.block(9, 1, nil) },
		"an entry without a key":  func(b *backupWriter) error { return b.block(backupEntries, 1, []byte{0, 0}) },
		"an entry that is cut":    func(b *backupWriter) error { return b.block(backupEntries, 1, []byte{1, 9, 'k', 'v'}) },
		"fewer entries than said": func(b *backupWriter) error { return b.block(backupEntries, 2, []byte{1, 1, 'k', 'v'}) },
		"entries behind a snapshot": func(b *backupWriter) error {
			return errors.Join(b.text(backupSnapshot, SnapshotMeta{ID: "s"}), entry(b, "a"))
		},
		"a bomb":                    func(b *backupWriter) error { return b.block(backupEntries, 1, make([]byte, maxBackupBlock+1)) },
		"more entries than it says": func(b *backupWriter) error { return entry(b, "a") }, // the header says 0
	} {
		if err := checkBackup(forged(t, body)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := checkBackup(forged(t, func(*backupWriter) error { return nil })); err != nil {
		t.Errorf("an empty one: %v", err)
	}
}

func TestASnapshotThatCannotBeReadIsLeftOutAndNamed(t *testing.T) {
	s, w := openStore(t, t.TempDir(), small()), newWorld()
	must(t, w.commit(s))
	dir := t.TempDir()
	snaps := openSnapshots(t, dir)
	keepSnapshot(t, snaps, "good", "g")
	keepSnapshot(t, snaps, "rotten", "r")
	keepSnapshot(t, snaps, "undescribed", "u")
	must(t, os.WriteFile(filepath.Join(dir, "rotten.snapshot"), []byte("R"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "undescribed.json"), []byte("{"), 0o600))
	b, wrote := backupOf(t, s, snaps)
	_, _, read := restored(t, b)
	for _, got := range []BackupSummary{wrote, read} {
		all := strings.Join(got.LeftOut, "\n")
		if len(got.Snapshots) != 1 || len(got.LeftOut) != 2 || !strings.Contains(all, "rotten") || !strings.Contains(all, "undescribed") {
			t.Errorf("%+v", got)
		}
	}
}

func TestABackupThatIsBrokenOffIsNotWhole(t *testing.T) {
	s, w := openStore(t, t.TempDir(), small()), newWorld()
	if _, err := s.Backup(t.Context(), io.Discard, aboutTest, nil); !errors.Is(err, ErrNoCheckpoint) {
		t.Errorf("of an empty state: %v", err)
	}
	for range 3 {
		must(t, w.commit(s))
	}
	whole, _ := backupOf(t, s, nil)
	for _, limit := range []int{0, 16, len(whole) / 2, len(whole) - 1} {
		ctx, cancel := context.WithCancel(t.Context())
		full := &limited{left: limit}
		if _, err := s.Backup(ctx, full, aboutTest, nil); !errors.Is(err, errFull) {
			t.Errorf("a full disk after %d bytes: %v", limit, err)
		}
		full = &limited{left: limit, then: cancel}
		_, err := s.Backup(ctx, full, aboutTest, nil)
		if (err == nil) != (checkBackup(full.Bytes()) == nil) { // given up within the last write, it is whole
			t.Errorf("given up after %d bytes: %v", limit, err)
		}
		cancel()
	}
	must(t, w.commit(s)) // nothing is held any more
}

var errFull = errors.New("no space left")

// limited takes so many bytes and then fails, or calls then once.
type limited struct {
	bytes.Buffer
	left int
	then func()
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		if l.then == nil {
			return 0, errFull
		}
		l.then()
	}
	return l.Buffer.Write(p)
}

func TestRestoreRefusesADirectoryThatHoldsAState(t *testing.T) {
	dir := t.TempDir()
	s, w := openStore(t, dir, small()), newWorld()
	must(t, w.commit(s))
	b, _ := backupOf(t, s, nil)
	closeStore(t, s)
	r, err := OpenBackup(bytes.NewReader(b))
	must(t, err)
	defer r.Close()
	if _, err := r.Restore(t.Context(), dir, t.TempDir(), small()); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("over a state: %v", err)
	}
}

func FuzzOpenBackup(f *testing.F) {
	b := smallBackup(f)
	f.Add(b)
	f.Add(b[:len(b)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := checkBackup(b); err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat) {
			t.Error(err)
		}
	})
}
