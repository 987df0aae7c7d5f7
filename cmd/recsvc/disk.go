package main

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"recsvc/internal/state"
)

// disk watches the free space of the data directory. Below the watermark nothing is taken in: no writes over HTTP, no records
// from Kafka, no served lists into the log. Reading goes on, and so does everything else when there is room again.
type disk struct {
	dir    string
	needed int64
	log    *zap.Logger

	mu    sync.Mutex
	asked time.Time
	free  int64
	room  error
}

// roomEvery is how long an answer about the disk's free space holds: every write asks.
const roomEvery = 100 * time.Millisecond

func newDisk(dir string, needed int64, log *zap.Logger, reg prometheus.Registerer) *disk {
	d := &disk{dir: dir, needed: needed, log: log}
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "recsvc_disk_free_bytes", Help: "Free space on the disk of the data directory.",
	}, func() float64 {
		free, _ := d.look()
		return float64(free)
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "recsvc_disk_held", Help: "1 while nothing is taken in because limits.free_bytes are not free.",
	}, func() float64 {
		if d.full() != nil {
			return 1
		}
		return 0
	})
	return d
}

// full says that there is too little room, if there is.
func (d *disk) full() error {
	_, err := d.look()
	return err
}

func (d *disk) look() (free int64, room error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if now.Sub(d.asked) <= roomEvery {
		return d.free, d.room
	}
	was := d.room
	d.asked = now
	if d.free, d.room = d.measure(); (was == nil) != (d.room == nil) {
		if d.room != nil {
			d.log.Error("nothing is taken in until there is room on the disk", zap.String("directory", d.dir), zap.Error(d.room))
		} else {
			d.log.Info("there is room on the disk again", zap.String("directory", d.dir), zap.Int64("free", d.free))
		}
	}
	return d.free, d.room
}

// measure asks the system. What it says goes to clients: no path is in it.
func (d *disk) measure() (free int64, room error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &st); err != nil {
		return 0, fmt.Errorf("free disk space: %w", err)
	}
	free = int64(st.Bavail) * int64(st.Bsize)
	if free < d.needed {
		return free, fmt.Errorf("%d MiB of disk are free, %d MiB are needed: %w", free>>20, d.needed>>20, state.ErrDiskFull)
	}
	return free, nil
}
