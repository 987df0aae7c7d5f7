package ingest

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

const (
	letterPrefix = 'l'
	letterV1     = 1 // version u8 | partition u32 | offset i64 | the record in event's binary form; key: prefix | seq u64 big-endian
	letterHead   = 1 + 4 + 8

	// The entry that holds the next number has the prefix alone for a key, and version u8 | next u64. Its dirty id is 0.
	letterCounter = 0
)

// DeadLettersOptions bounds what is kept for reading. A zero field takes the default named beside it.
type DeadLettersOptions struct {
	Keep       int                   // letters; 10,000
	Bytes      int64                 // of their encoded values; 64 MiB
	Registerer prometheus.Registerer // nil: counted, not exported
}

// Letter is a dead letter and its place in the log.
type Letter struct {
	Seq       int64 // its number in this store: ascending, never used again
	Partition int32
	Offset    int64
	Received  event.Time
	event.DeadLetter
}

// DeadLetters keeps the last dead letters of the log. The writer adds and removes; the methods that only read may be
// called by anyone.
type DeadLetters struct {
	opts    DeadLettersOptions
	set     *dirty.Set
	evicted prometheus.Counter

	mu      sync.RWMutex
	letters []letterSlot // by seq, ascending
	bytes   int64

	// The writer's own.
	next   int64
	values []letterEntry // by dirty id; 0 is the counter's
	free   []uint32
}

type letterSlot struct {
	letter *Letter // never changed once it is here; aliases the entry's value
	id     uint32
}

type letterEntry struct {
	seq   int64
	value []byte
}

// NewDeadLetters checks the options.
func NewDeadLetters(opts DeadLettersOptions) (*DeadLetters, error) {
	setDefault(&opts.Keep, 10_000)
	setDefault(&opts.Bytes, 64<<20)
	if opts.Keep < 0 || opts.Bytes < 0 {
		return nil, fmt.Errorf("dead letters: Keep %d and Bytes %d must be positive", opts.Keep, opts.Bytes)
	}
	d := &DeadLetters{opts: opts, values: make([]letterEntry, 1)}
	d.set = dirty.NewSet(letterTable{d})
	d.export(promauto.With(opts.Registerer))
	return d, nil
}

func (d *DeadLetters) export(f promauto.Factory) {
	d.evicted = f.NewCounter(prometheus.CounterOpts{
		Name: "recsvc_ingest_dead_letters_evicted_total",
		Help: "Dead letters that went because there was no room for more, neither retried nor purged.",
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "recsvc_ingest_dead_letters",
		Help: "Dead letters kept for reading and retrying.",
	}, func() float64 { return float64(d.Len()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "recsvc_ingest_dead_letters_bytes",
		Help: "Bytes of the dead letters kept.",
	}, func() float64 { return float64(d.Bytes()) })
}

// Add keeps the dead letter of a record, and lets the oldest go where there is no room. It copies what it keeps.
func (d *DeadLetters) Add(rec *event.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	value := binary.LittleEndian.AppendUint32([]byte{letterV1}, uint32(rec.Partition))
	value = binary.LittleEndian.AppendUint64(value, uint64(rec.Offset))
	value = event.AppendRecord(value, rec)
	letter, err := readLetter(d.next, value)
	if err != nil {
		panic(fmt.Sprintf("dead letters: what was just written does not read back: %v", err))
	}
	d.set.Touch(letterCounter)
	d.next++
	id := d.newID()
	d.set.Touch(id)
	d.insert(letter, id, value)
	d.evict()
}

// readLetter reads the value of an entry. The letter aliases it.
func readLetter(seq int64, value []byte) (*Letter, error) {
	rec := event.Record{
		Partition: int32(binary.LittleEndian.Uint32(value[1:])),
		Offset:    int64(binary.LittleEndian.Uint64(value[5:])),
	}
	if err := event.DecodeRecord(value[letterHead:], &rec); err != nil {
		return nil, err
	}
	if rec.Kind != event.KindDeadLetter {
		return nil, fmt.Errorf("holds %v: %w", rec.Kind, ErrStateCorrupt)
	}
	return &Letter{Seq: seq, Partition: rec.Partition, Offset: rec.Offset, Received: rec.Received, DeadLetter: *rec.DeadLetter}, nil
}

// Remove lets letters of a partition go by their offsets and returns how many there were.
func (d *DeadLetters) Remove(partition int32, offsets ...int64) int {
	gone := make(map[int64]bool, len(offsets))
	for _, offset := range offsets {
		gone[offset] = true
	}
	return d.remove(func(l *Letter) bool { return l.Partition == partition && gone[l.Offset] })
}

// RemoveBefore lets all letters of a partition with lower offsets go and returns how many there were.
func (d *DeadLetters) RemoveBefore(partition int32, offset int64) int {
	return d.remove(func(l *Letter) bool { return l.Partition == partition && l.Offset < offset })
}

func (d *DeadLetters) remove(gone func(*Letter) bool) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := len(d.letters)
	d.letters = slices.DeleteFunc(d.letters, func(s letterSlot) bool {
		if !gone(s.letter) {
			return false
		}
		d.release(s.id)
		return true
	})
	return before - len(d.letters)
}

// List returns up to n letters with numbers below before, newest first; before 0 begins at the newest. The bytes of the
// letters are shared: they must not be changed.
func (d *DeadLetters) List(before int64, n int) []Letter {
	d.mu.RLock()
	defer d.mu.RUnlock()
	end := len(d.letters)
	if before > 0 {
		end, _ = d.find(before)
	}
	out := make([]Letter, 0, max(0, min(n, end)))
	for i := end - 1; i >= 0 && len(out) < n; i-- {
		out = append(out, *d.letters[i].letter)
	}
	return out
}

// from returns letters with numbers from seq on, oldest first, for which want holds: as many as hold up to maxBytes of
// originals, but one if there is any, and at most n. next is where to go on, 0 when there are no more.
func (d *DeadLetters) from(seq int64, n, maxBytes int, want func(*Letter) bool) (out []Letter, next int64) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	i, _ := d.find(seq)
	for _, s := range d.letters[i:] {
		if !want(s.letter) {
			continue
		}
		if maxBytes -= len(s.letter.Bytes); len(out) == n || maxBytes < 0 && len(out) > 0 {
			return out, s.letter.Seq
		}
		out = append(out, *s.letter)
	}
	return out, 0
}

// ends returns the place just after the last letter of each partition, and the number of letters before.
func (d *DeadLetters) ends() (c event.Cursor, n int) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, s := range d.letters {
		if l := s.letter; l.Offset >= c.Offset(l.Partition) {
			c = c.Set(l.Partition, l.Offset+1)
		}
	}
	return c, len(d.letters)
}

// Len returns the number of letters.
func (d *DeadLetters) Len() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.letters)
}

// Bytes returns the length of all letters in bytes, as they are kept.
func (d *DeadLetters) Bytes() int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.bytes
}

// Set returns the table for checkpoints.
func (d *DeadLetters) Set() *dirty.Set { return d.set }

func (d *DeadLetters) find(seq int64) (int, bool) {
	return slices.BinarySearchFunc(d.letters, seq, func(s letterSlot, seq int64) int { return cmp.Compare(s.letter.Seq, seq) })
}

// newID returns a free dirty id.
func (d *DeadLetters) newID() uint32 {
	if n := len(d.free); n > 0 {
		id := d.free[n-1]
		d.free = d.free[:n-1]
		return id
	}
	d.values = append(d.values, letterEntry{})
	return uint32(len(d.values) - 1)
}

func (d *DeadLetters) insert(letter *Letter, id uint32, value []byte) {
	i, _ := d.find(letter.Seq)
	d.letters = slices.Insert(d.letters, i, letterSlot{letter: letter, id: id})
	d.values[id] = letterEntry{seq: letter.Seq, value: value}
	d.bytes += int64(len(value))
}

// evict makes the bounds true again.
func (d *DeadLetters) evict() {
	n, size := 0, d.bytes
	for n < len(d.letters) && (len(d.letters)-n > d.opts.Keep || size > d.opts.Bytes) {
		size -= int64(len(d.values[d.letters[n].id].value))
		n++
	}
	d.evicted.Add(float64(n))
	d.removeOldest(n)
}

func (d *DeadLetters) removeOldest(n int) {
	for _, s := range d.letters[:n] {
		d.release(s.id)
	}
	clear(d.letters[:n])
	d.letters = d.letters[n:]
}

// release frees a dirty id.
func (d *DeadLetters) release(id uint32) {
	d.set.Remove(id)
	d.bytes -= int64(len(d.values[id].value))
	d.values[id] = letterEntry{}
	d.free = append(d.free, id)
}

// Load takes one entry of a checkpoint, in any order. Bounds that have become smaller hold from the next Add on.
func (d *DeadLetters) Load(key, value []byte, sum dirty.Sum) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(key) == 1 {
		return d.loadCounter(key, value, sum)
	}
	if err := checkEntry("dead letters", key, value, letterPrefix, 9, letterV1, letterHead); err != nil {
		return err
	}
	value = bytes.Clone(value)
	letter, err := readLetter(int64(binary.BigEndian.Uint64(key[1:])), value)
	if err != nil {
		return fmt.Errorf("dead letters: entry %x: %w", key, err)
	}
	if _, ok := d.find(letter.Seq); ok || letter.Seq < 0 {
		return fmt.Errorf("dead letters: number %d twice: %w", letter.Seq, ErrStateCorrupt)
	}
	id := d.newID()
	d.set.Loaded(id, sum)
	d.insert(letter, id, value)
	return nil
}

func (d *DeadLetters) loadCounter(key, value []byte, sum dirty.Sum) error {
	if err := checkEntry("dead letters", key, value, letterPrefix, 1, letterV1, 9); err != nil {
		return err
	}
	d.next = int64(binary.LittleEndian.Uint64(value[1:]))
	d.set.Loaded(letterCounter, sum)
	return nil
}

// letterTable encodes the letters for their dirty set.
type letterTable struct{ d *DeadLetters }

func (t letterTable) AppendKey(dst []byte, id uint32) []byte {
	dst = append(dst, letterPrefix)
	if id == letterCounter {
		return dst
	}
	return binary.BigEndian.AppendUint64(dst, uint64(t.d.values[id].seq))
}

func (t letterTable) AppendValue(dst []byte, id uint32) []byte {
	if id == letterCounter {
		return binary.LittleEndian.AppendUint64(append(dst, letterV1), uint64(t.d.next))
	}
	return append(dst, t.d.values[id].value...)
}
