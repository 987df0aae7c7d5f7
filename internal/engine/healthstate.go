package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// Keys of what health keeps are prefix, then
//
//	'r'                 counters
//	'm' | head u8       the monitor of a flat head
//	'q' | place u8      a sample in quarantine
//	'i' | part u8       a column of the inputs, or their mixture
//
// Values, little-endian:
//
//	counters: version u8 = 1 | captures u64 | put into quarantine u64 | per reason: u64 | per head, how long it hurries: u64 | rollbacks, received, until u64 |
//	          length u16 and text of the snapshot's id | likewise the reason
//	monitor:  as drift.Monitor.AppendState
//	sample:   version u8 = 1 | head u8, 255: its model is gone | reason u8 | partition u32 | offset u64 | shown u64 | y, weight, theta, greatest f32
//	part:     hash of the columns' names u64 | as drift.Inputs.AppendState
const (
	prefixHealth = 'h'
	healthV1     = 1
	sampleV1     = 1
)

var errHealth = errors.New("what was kept of the models' health is of an unknown version, or damaged")

// Ids of the entries: the root, the slots of the quarantine, the monitors, the parts of the inputs.
const (
	rootID      = 0
	firstSlot   = 1
	firstHealth = firstSlot + quarantined
)

func (h *health) slotID(slot int) uint32    { return uint32(firstSlot + slot) }
func (h *health) monitorID(head int) uint32 { return uint32(firstHealth + head) }
func (h *health) inputID(part int) uint32   { return uint32(firstHealth + len(h.monitors) + part) }

func hashOf(names []string) uint64 {
	f := fnv.New64a()
	for _, name := range names {
		f.Write([]byte(name))
		f.Write([]byte{0})
	}
	return f.Sum64()
}

// AppendKey implements dirty.Table.
func (h *health) AppendKey(dst []byte, id uint32) []byte {
	dst = append(dst, prefixHealth)
	switch inputs := h.inputID(0); {
	case id == rootID:
		return append(dst, 'r')
	case id < firstHealth:
		return append(dst, 'q', byte(id-firstSlot))
	case id < inputs:
		return append(dst, 'm', byte(id-firstHealth))
	default:
		return append(dst, 'i', byte(id-inputs))
	}
}

// AppendValue implements dirty.Table.
func (h *health) AppendValue(dst []byte, id uint32) []byte {
	switch inputs := h.inputID(0); {
	case id == rootID:
		return h.appendRoot(dst)
	case id < firstHealth:
		return h.refused.ring[id-firstSlot].append(dst)
	case id < inputs:
		return h.monitors[id-firstHealth].AppendState(dst)
	default:
		dst = binary.LittleEndian.AppendUint64(dst, h.columns)
		return h.inputs.AppendState(dst, int(id-inputs))
	}
}

func (h *health) appendRoot(dst []byte) []byte {
	dst = append(dst, healthV1)
	for _, w := range h.words() {
		dst = binary.LittleEndian.AppendUint64(dst, *w)
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.rollback.At))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.rollback.Until))
	for _, text := range [...]string{h.rollback.Snapshot, h.rollback.Reason} {
		dst = append(binary.LittleEndian.AppendUint16(dst, uint16(len(text))), text...)
	}
	return dst
}

func (h *health) words() []*uint64 {
	w := []*uint64{&h.captures, &h.refused.n}
	for i := range h.refused.counts {
		w = append(w, &h.refused.counts[i])
	}
	for i := range h.left {
		w = append(w, &h.left[i])
	}
	return append(w, &h.rollback.Count)
}

// load takes one entry of a checkpoint.
func (h *health) load(key, value []byte, sum dirty.Sum) error {
	id, err := h.loadEntry(key, value)
	if err != nil {
		return fmt.Errorf("health: entry %q: %w", key, err)
	}
	h.set.Loaded(id, sum)
	return nil
}

func (h *health) loadEntry(key, value []byte) (id uint32, err error) {
	switch {
	case len(key) == 2 && key[1] == 'r':
		return rootID, h.loadRoot(value)
	case len(key) != 3:
		return 0, errHealth
	}
	at := int(key[2])
	switch {
	case key[1] == 'q' && at < quarantined:
		return h.slotID(at), h.refused.ring[at].load(value, len(h.heads))
	case key[1] == 'm' && at < len(h.monitors):
		return h.monitorID(at), h.monitors[at].LoadState(value)
	case key[1] == 'i':
		return h.inputID(at), h.loadInput(at, value)
	}
	return 0, errHealth
}

func (h *health) loadRoot(value []byte) error {
	words := h.words()
	rest := 1 + 8*(len(words)+2)
	if len(value) < rest || value[0] != healthV1 {
		return errHealth
	}
	for i, w := range words {
		*w = binary.LittleEndian.Uint64(value[1+8*i:])
	}
	h.rollback.At = event.Time(binary.LittleEndian.Uint64(value[rest-16:]))
	h.rollback.Until = event.Time(binary.LittleEndian.Uint64(value[rest-8:]))
	value = value[rest:]
	for _, text := range [...]*string{&h.rollback.Snapshot, &h.rollback.Reason} {
		if len(value) < 2 || len(value) < 2+int(binary.LittleEndian.Uint16(value)) {
			return errHealth
		}
		n := 2 + int(binary.LittleEndian.Uint16(value))
		*text, value = string(value[2:n]), value[n:]
	}
	if len(value) > 0 {
		return errHealth
	}
	return nil
}

// loadInput takes a part of the inputs. Where other features are watched now, it is worth nothing: it begins anew.
func (h *health) loadInput(part int, value []byte) error {
	if len(value) < 8 {
		return errHealth
	}
	if binary.LittleEndian.Uint64(value) != h.columns {
		h.foreign = append(h.foreign, part)
		return nil
	}
	return h.inputs.LoadState(part, value[8:])
}

// loaded ends the loading.
func (h *health) loaded() {
	for _, part := range h.foreign {
		if id := h.inputID(part); part < h.inputs.Len() {
			h.set.Touch(id)
		} else {
			h.set.Remove(id)
		}
	}
	h.foreign = nil
}

const sampleBytes = 1 + 1 + 1 + 4 + 8 + 8 + 4*4

func (s *sample) append(dst []byte) []byte {
	dst = append(dst, sampleV1, byte(s.head), byte(s.reason))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(s.place.partition))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.place.offset))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.shown))
	for _, x := range [...]float32{s.y, s.weight, s.theta, s.greatest} {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
	}
	return dst
}

func (s *sample) load(b []byte, heads int) error {
	if len(b) != sampleBytes || b[0] != sampleV1 || int(b[1]) >= heads && b[1] != headGone || b[2] >= reasons {
		return errHealth
	}
	*s = sample{
		head: int(b[1]), reason: int(b[2]), place: spot{int32(binary.LittleEndian.Uint32(b[3:])), int64(binary.LittleEndian.Uint64(b[7:]))},
		shown: event.Time(binary.LittleEndian.Uint64(b[15:])),
	}
	for i, x := range [...]*float32{&s.y, &s.weight, &s.theta, &s.greatest} {
		*x = math.Float32frombits(binary.LittleEndian.Uint32(b[23+4*i:]))
	}
	return nil
}
