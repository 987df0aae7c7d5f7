package wal

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const benchRecordBytes = 250

func benchLog(b *testing.B) *Log {
	b.Helper()
	l, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	})
	return l
}

func benchBatch(n int) [][]byte {
	batch := make([][]byte, n)
	for i := range batch {
		batch[i] = fmt.Appendf(nil, "%0*d", benchRecordBytes, i)
	}
	return batch
}

// cpuTime is what the process has used so far, kernel included.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRawSync is what the disk does with nothing of ours around it: the floor under the durable figures.
func BenchmarkRawSync(b *testing.B) {
	for _, size := range []int{benchRecordBytes, 1000 * benchRecordBytes} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			buf := make([]byte, size)
			for b.Loop() {
				if _, err := f.Write(buf); err != nil {
					b.Fatal(err)
				}
				if err := datasync(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAppendWait is one durable append: the time until an event is acknowledged.
func BenchmarkAppendWait(b *testing.B) {
	for _, tc := range []struct{ goroutines, batch int }{{1, 1}, {64, 1}, {1, 1000}, {8, 1000}} {
		b.Run(fmt.Sprintf("goroutines=%d/batch=%d", tc.goroutines, tc.batch), func(b *testing.B) {
			l, batch := benchLog(b), benchBatch(tc.batch)
			ctx := context.Background()
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			b.ResetTimer()
			cpu := cpuTime(b)
			var wg sync.WaitGroup
			for range tc.goroutines {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						first, err := l.Append(ctx, batch)
						if err == nil {
							err = l.Wait(ctx, first+int64(len(batch)))
						}
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N*tc.batch)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/float64(b.N*tc.batch), "cpu-ns/record")
		})
	}
}

// BenchmarkAppend is what an append costs its caller; Append is held back only by the buffer.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			l, batch := benchLog(b), benchBatch(n)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.Append(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkEncode is the work for one record that Append does under the lock.
func BenchmarkEncode(b *testing.B) {
	f, buf := frame{payload: benchBatch(1)[0]}, []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendFrame(buf[:0], 1, f)
	}
}

// BenchmarkAppendToReader is the time from the call of Append to the reader having the record. "idle" waits
// for each record to be durable before the next one; "busy" does not, so that most records come while a sync
// is under way.
func BenchmarkAppendToReader(b *testing.B) {
	for _, busy := range []bool{false, true} {
		b.Run(map[bool]string{false: "idle", true: "busy"}[busy], func(b *testing.B) {
			l, batch := benchLog(b), benchBatch(1)
			ctx := context.Background()
			r, err := l.Reader(0)
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			took := make([]time.Duration, 0, b.N)
			began := make(chan time.Time)
			seen := make(chan struct{})
			go func() {
				for t := range began {
					if _, err := r.Read(ctx); err != nil {
						b.Error(err)
					}
					took = append(took, time.Since(t))
					seen <- struct{}{}
				}
			}()
			for b.Loop() {
				began <- time.Now()
				first, err := l.Append(ctx, batch)
				if err != nil {
					b.Fatal(err)
				}
				<-seen
				if busy {
					continue
				}
				if err := l.Wait(ctx, first+1); err != nil {
					b.Fatal(err)
				}
			}
			close(began)
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}

// BenchmarkRead is a reader going through a log that is there.
func BenchmarkRead(b *testing.B) {
	l, batch := benchLog(b), benchBatch(1000)
	ctx := context.Background()
	const records = 400_000
	for range records / 1000 {
		if _, err := l.Append(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Wait(ctx, records); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := l.Reader(0)
		if err != nil {
			b.Fatal(err)
		}
		for next := int64(0); next < records; {
			batch, err := r.Read(ctx)
			if err != nil {
				b.Fatal(err)
			}
			next = batch.Next()
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*records)/b.Elapsed().Seconds(), "records/s")
}
