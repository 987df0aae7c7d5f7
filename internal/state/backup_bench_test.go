package state

import (
	"bytes"
	"encoding/binary"
	"io"
	"path/filepath"
	"testing"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// benchStore has entries of about 300 bytes, of which a part looks like counters.
func benchStore(b *testing.B, entries int) *Store {
	b.Helper()
	s := openStore(b, b.TempDir(), Options{MinFreeBytes: 1})
	c, meta := s.Begin(), Meta{Cursor: event.Cursor{{Offset: 1}}, Entries: int64(entries)}
	key, value := make([]byte, 9), make([]byte, 300)
	for i := range entries {
		key[0] = 'u'
		binary.BigEndian.PutUint64(key[1:], uint64(i))
		for j := range 20 {
			binary.LittleEndian.PutUint64(value[15*j:], uint64(i*j)*0x9e3779b97f4a7c15)
		}
		sum := dirty.SumOf(key, value)
		meta.Digest.Add(sum)
		c.Put(key, value, sum)
	}
	must(b, c.Commit(b.Context(), meta))
	return s
}

func BenchmarkBackup(b *testing.B) {
	s := benchStore(b, 200_000)
	b.SetBytes(200_000 * 309)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Backup(b.Context(), io.Discard, BackupAbout{}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRestore(b *testing.B) {
	s := benchStore(b, 200_000)
	var file bytes.Buffer
	if _, err := s.Backup(b.Context(), &file, BackupAbout{}, nil); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(200_000 * 309)
	b.ReportMetric(float64(file.Len())/200_000, "file-B/entry")
	b.ReportAllocs()
	for b.Loop() {
		r, err := OpenBackup(bytes.NewReader(file.Bytes()))
		must(b, err)
		dir := b.TempDir()
		_, err = r.Restore(b.Context(), filepath.Join(dir, "s"), filepath.Join(dir, "n"), Options{MinFreeBytes: 1})
		must(b, err)
		r.Close()
	}
}
