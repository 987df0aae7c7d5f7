package state

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"recsvc/internal/dirty"
)

// load is what a busy server changes between two checkpoints: some entries of many, and all pages of its weights.
type load struct {
	entries, of, pages int
	entry, page        []byte
	rng                *rand.Rand
}

func newLoad(entries, of, pages int) *load {
	l := &load{
		entries: entries, of: of, pages: pages, entry: make([]byte, 300), page: make([]byte, 12<<10),
		rng: rand.New(rand.NewPCG(1, 2)),
	}
	for i := range l.page {
		l.page[i] = byte(l.rng.Uint32())
	}
	copy(l.entry, l.page)
	return l
}

func (l *load) put(c *Checkpoint, kind byte, id uint64, value []byte) {
	key := binary.BigEndian.AppendUint64([]byte{kind}, id*0x9e3779b97f4a7c15)
	binary.LittleEndian.PutUint64(value, l.rng.Uint64())
	c.Put(key, value, dirty.SumOf(key, value))
}

func (l *load) checkpoint(b *testing.B, s *Store) (putting, committing time.Duration) {
	c := s.Begin()
	start := time.Now()
	for range l.entries {
		l.put(c, 'u', uint64(l.rng.IntN(l.of)), l.entry)
	}
	for i := range l.pages {
		l.put(c, 'w', uint64(i), l.page)
	}
	putting = time.Since(start)
	must(b, c.Commit(context.Background(), Meta{}))
	return putting, time.Since(start) - putting
}

func cpuTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

func diskMiB(b *testing.B, dir string) float64 {
	var n int64
	must(b, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // removed meanwhile
		}
		info, err := d.Info()
		if err == nil {
			n += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return nil
	}))
	return float64(n) / (1 << 20)
}

// BenchmarkCheckpoint writes checkpoints with the folds that they cause. cpu-ms/op is all that the process used.
func BenchmarkCheckpoint(b *testing.B) {
	for _, bc := range []struct {
		name               string
		entries, of, pages int
	}{
		{"100k entries of 300 B", 100_000, 500_000, 0},
		{"100k entries and 8000 pages of 12 KiB", 100_000, 500_000, 8000},
	} {
		b.Run(bc.name, func(b *testing.B) {
			dir := b.TempDir()
			s := openStore(b, dir, Options{MinFreeBytes: 1})
			l := newLoad(bc.entries, bc.of, bc.pages)
			var putting, committing time.Duration
			b.ReportAllocs()
			cpu := cpuTime()
			for b.Loop() {
				p, c := l.checkpoint(b, s)
				putting, committing = putting+p, committing+c
			}
			s.folder.Wait()
			n := float64(b.N)
			b.ReportMetric(float64((cpuTime()-cpu).Milliseconds())/n, "cpu-ms/op")
			b.ReportMetric(float64(putting.Nanoseconds())/n/float64(bc.entries+bc.pages), "ns/put")
			b.ReportMetric(float64(committing.Milliseconds())/n, "commit-ms/op")
			b.ReportMetric(diskMiB(b, dir), "disk-MiB")
		})
	}
}

// BenchmarkLoad reads a million entries, most of them from badger, some of them from deltas.
func BenchmarkLoad(b *testing.B) {
	s := openStore(b, b.TempDir(), Options{MinFreeBytes: 1, FoldCheckpoints: 8})
	l := newLoad(100_000, 1_000_000, 0)
	for range 12 {
		l.checkpoint(b, s)
	}
	s.folder.Wait()
	n := 0
	for b.Loop() {
		n = 0
		v, err := s.view()
		must(b, err)
		must(b, v.each(nil, func(record) error { n++; return nil }))
		s.release(v)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/entry")
}

// BenchmarkGet looks single entries up among a million of 300 bytes.
func BenchmarkGet(b *testing.B) {
	const n = 1_000_000
	entryKey := func(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte{'u'}, id*0x9e3779b97f4a7c15) }
	for _, where := range []struct {
		name    string
		deltas  int
		options Options
	}{
		{"database", 0, Options{MinFreeBytes: 1, FoldCheckpoints: 1}},
		{"10 deltas", 10, Options{MinFreeBytes: 1}},
		{"60 deltas", 60, Options{MinFreeBytes: 1}},
	} {
		s := openStore(b, b.TempDir(), where.options)
		entry := newLoad(0, 0, 0).entry
		for id, parts := 0, max(where.deltas, 10); id < n; {
			c := s.Begin()
			for range n / parts {
				key := entryKey(uint64(id))
				c.Put(key, entry, dirty.SumOf(key, entry))
				id++
			}
			must(b, c.Commit(context.Background(), Meta{}))
			s.folder.Wait()
		}
		for range 3 - min(where.deltas, 3) { // the newest stays a file
			must(b, s.Begin().Commit(context.Background(), Meta{}))
			s.folder.Wait()
		}
		for _, bc := range []struct {
			name string
			from uint64
		}{{"hit", 0}, {"miss", 2 * n}} {
			b.Run(bc.name+" in "+where.name, func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 2))
				var buf, key []byte
				b.ReportAllocs()
				for b.Loop() {
					key = append(key[:0], entryKey(bc.from+rng.Uint64N(n))...)
					got, _, ok, err := s.Get(buf[:0], key)
					if err != nil || ok != (bc.from == 0) {
						b.Fatal(ok, err)
					}
					buf = got
				}
			})
		}
		closeStore(b, s)
	}
}

// BenchmarkIndex makes the index of a delta with 100,000 records.
func BenchmarkIndex(b *testing.B) {
	const n = 100_000
	key := make([]byte, 9)
	b.ReportAllocs()
	for b.Loop() {
		x := indexer{seed: maphash.MakeSeed()}
		for i := range uint64(n) {
			binary.BigEndian.PutUint64(key[1:], i*0x9e3779b97f4a7c15)
			x.add(key, int64(i), 300)
		}
		x.build()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}
