package feedback

import (
	"encoding/binary"

	"recsvc/internal/event"
)

// globals are what there is one of.
type globals struct {
	seq       uint64
	watermark event.Time
	counts    Counters
	pulses    []pulse   // by head
	pools     []reserve // by head; of each what an entry has: open and floor
	floor     pageName  // of the tombstones
	clock     event.Time
}

// globals shares the slices of j, but for those of the pools.
func (j *Joiner) globals() *globals {
	return &globals{j.seq, j.watermark, j.counts, j.pulses, j.pools, j.tombs.floor, j.clock}
}

func (g *globals) append(dst []byte) []byte {
	dst = append(dst, globalsV4)
	dst = binary.LittleEndian.AppendUint64(dst, g.seq)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(g.watermark))
	dst = appendCounters(dst, g.counts.fixed())
	dst = append(dst, byte(len(g.counts.Heads)))
	for i := range g.counts.Heads {
		h := &g.counts.Heads[i]
		dst = binary.AppendUvarint(dst, uint64(len(h.Name)))
		dst = append(dst, h.Name...)
		dst = appendCounters(dst, h.all())
		dst = g.pulses[i].append(dst)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(g.pools[i].open))
		dst = appendDouble(dst, g.pools[i].floor)
	}
	dst = binary.LittleEndian.AppendUint32(dst, g.floor.hour)
	dst = binary.LittleEndian.AppendUint32(dst, g.floor.number)
	return binary.LittleEndian.AppendUint64(dst, uint64(g.clock))
}

func readGlobals(value []byte) (g globals, err error) {
	r, counters := reader{buf: value}, len((&HeadCounters{}).all())
	if len(value) > 0 && value[0] == globalsV3 {
		r.version(globalsV3)
		counters = headCountersV3
	} else {
		r.version(globalsV4)
	}
	g.seq, g.watermark = r.u64(), r.time()
	r.counters(g.counts.fixed())
	heads := int(r.u8())
	for i := 0; i < heads && r.err == nil; i++ {
		h := HeadCounters{Name: string(r.take(r.uvarint()))}
		r.counters(h.all()[:counters])
		g.counts.Heads = append(g.counts.Heads, h)
		g.pulses = append(g.pulses, r.pulse())
		g.pools = append(g.pools, reserve{open: int64(r.u64()), floor: r.double()})
	}
	g.floor, g.clock = pageName{r.u32(), r.u32()}, r.time()
	return g, r.end()
}
