package state

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// Format is the version of the layout that this program writes.
const Format = 1

// Meta describes a checkpoint. The caller of Commit fills all but Epoch, Format and Bytes.
type Meta struct {
	Epoch       uint64       // number of the checkpoint, ascending from 1
	Format      uint32       // layout on disk
	Created     event.Time   // when it was cut
	Cursor      event.Cursor // next offset of each partition
	Watermarks  []Watermark  // by partition
	Root        []byte       // of the engine; opaque here
	Digest      dirty.Sum    // sum over all entries, not only those of this checkpoint
	Entries     int64        // number of all entries
	Shards      []Shard      // the same for each table, ascending by prefix; nil: not known
	Definitions [32]byte     // hash of the definitions under which the state was made
	Bytes       int64        // length of the checkpoint's delta
}

// Watermark is how far a partition's event time has come.
type Watermark struct {
	Partition int32
	Time      event.Time
}

// Shard describes one table of a checkpoint: all entries whose keys begin with Prefix.
type Shard struct {
	Prefix  byte
	Entries int64
	Digest  dirty.Sum
}

func (h Shard) name() string { return fmt.Sprintf("table %q", string([]byte{h.Prefix})) }

// checkShards says why shards are not a division of all entries into tables, if they are not. None at all is right too.
func checkShards(m Meta) error {
	if len(m.Shards) == 0 {
		return nil
	}
	var all Shard
	for i, h := range m.Shards {
		if i > 0 && h.Prefix <= m.Shards[i-1].Prefix || h.Entries < 0 {
			return fmt.Errorf("%s has %d entries and follows %s", h.name(), h.Entries, m.Shards[max(i-1, 0)].name())
		}
		all.Entries += h.Entries
		all.Digest.Add(h.Digest)
	}
	if all.Entries != m.Entries || all.Digest != m.Digest {
		return fmt.Errorf("tables have %d entries with digest %v, all together %d with %v", all.Entries, all.Digest, m.Entries, m.Digest)
	}
	return nil
}

const (
	metaV1       = 1 // without shards
	metaV2       = 2
	metaFixed    = 1 + 8 + 4 + 8 + 8 + 8 + dirty.SumBytes + 32 // version to definitions
	metaPairSize = 12                                          // partition i32, then an i64
	metaShard    = 1 + 8 + dirty.SumBytes                      // prefix u8, entries i64, digest
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendMeta appends m: see docs/format-state.md.
func appendMeta(dst []byte, m Meta) []byte {
	le := binary.LittleEndian
	start := len(dst)
	dst = append(dst, metaV2)
	dst = le.AppendUint64(dst, m.Epoch)
	dst = le.AppendUint32(dst, m.Format)
	dst = le.AppendUint64(dst, uint64(m.Created))
	dst = le.AppendUint64(dst, uint64(m.Entries))
	dst = le.AppendUint64(dst, uint64(m.Bytes))
	dst = m.Digest.AppendTo(dst)
	dst = append(dst, m.Definitions[:]...)
	dst = le.AppendUint32(dst, uint32(len(m.Cursor)))
	for _, c := range m.Cursor {
		dst = le.AppendUint64(le.AppendUint32(dst, uint32(c.Partition)), uint64(c.Offset))
	}
	dst = le.AppendUint32(dst, uint32(len(m.Watermarks)))
	for _, w := range m.Watermarks {
		dst = le.AppendUint64(le.AppendUint32(dst, uint32(w.Partition)), uint64(w.Time))
	}
	dst = le.AppendUint32(dst, uint32(len(m.Shards)))
	for _, h := range m.Shards {
		dst = h.Digest.AppendTo(le.AppendUint64(append(dst, h.Prefix), uint64(h.Entries)))
	}
	dst = le.AppendUint32(dst, uint32(len(m.Root)))
	dst = append(dst, m.Root...)
	return le.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// decodeMeta reads what appendMeta wrote, now or in version 1, all of b. The Meta keeps nothing of b.
func decodeMeta(b []byte) (Meta, error) {
	if len(b) > 0 && b[0] != metaV1 && b[0] != metaV2 {
		return Meta{}, fmt.Errorf("description version %d, this program reads %d and %d: %w", b[0], metaV1, metaV2, ErrFormat)
	}
	if len(b) < metaFixed+3*4+4 {
		return Meta{}, fmt.Errorf("description of %d bytes is too short: %w", len(b), ErrCorrupt)
	}
	le := binary.LittleEndian
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != le.Uint32(b[len(b)-4:]) {
		return Meta{}, fmt.Errorf("description's checksum differs: %w", ErrCorrupt)
	}
	m := Meta{
		Epoch:   le.Uint64(b[1:]),
		Format:  le.Uint32(b[9:]),
		Created: event.Time(le.Uint64(b[13:])),
		Entries: int64(le.Uint64(b[21:])),
		Bytes:   int64(le.Uint64(b[29:])),
		Digest:  dirty.DecodeSum(b[37:]),
	}
	copy(m.Definitions[:], b[37+dirty.SumBytes:])
	r := metaReader{rest: body[metaFixed:]}
	for n := r.count(metaPairSize); n > 0; n-- {
		p, v := r.pair()
		m.Cursor = append(m.Cursor, event.PartitionOffset{Partition: p, Offset: v})
	}
	for n := r.count(metaPairSize); n > 0; n-- {
		p, v := r.pair()
		m.Watermarks = append(m.Watermarks, Watermark{Partition: p, Time: event.Time(v)})
	}
	if b[0] >= metaV2 {
		for n := r.count(metaShard); n > 0; n-- {
			m.Shards = append(m.Shards, r.shard())
		}
	}
	n := r.count(1)
	if r.bad || n != len(r.rest) {
		return Meta{}, fmt.Errorf("description's lengths do not add up: %w", ErrCorrupt)
	}
	if err := checkShards(m); err != nil {
		return Meta{}, fmt.Errorf("description: %w: %w", err, ErrCorrupt)
	}
	m.Root = append([]byte(nil), r.rest...)
	return m, nil
}

// metaReader takes counted parts off rest; bad says that one did not fit.
type metaReader struct {
	rest []byte
	bad  bool
}

// count reads the number of elements of the given size that follow.
func (r *metaReader) count(size int) int {
	if r.bad || len(r.rest) < 4 {
		r.bad = true
		return 0
	}
	n := int64(binary.LittleEndian.Uint32(r.rest))
	r.rest = r.rest[4:]
	if n*int64(size) > int64(len(r.rest)) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *metaReader) pair() (int32, int64) {
	p, v := binary.LittleEndian.Uint32(r.rest), binary.LittleEndian.Uint64(r.rest[4:])
	r.rest = r.rest[metaPairSize:]
	return int32(p), int64(v)
}

func (r *metaReader) shard() Shard {
	h := Shard{
		Prefix: r.rest[0], Entries: int64(binary.LittleEndian.Uint64(r.rest[1:])), Digest: dirty.DecodeSum(r.rest[9:]),
	}
	r.rest = r.rest[metaShard:]
	return h
}
