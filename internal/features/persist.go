package features

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// Prefixes of the tables' keys in a checkpoint.
const (
	prefixUser  = 'u' // + hash of the id, 8 bytes
	prefixItem  = 't' // + reference, 4 bytes
	prefixGroup = 'g' // + key, 8 bytes
	prefixType  = 'y' // + number, 2 bytes
	prefixMatch = 'p' // + key, 8 bytes
	prefixOut   = 'x' // + id of an output; nothing: which patterns' matches are sent
)

// Version bytes of the values; a number is never reused.
const (
	userV2  = 2 // id | known u8 | attrs | row | n × sub-rows | n × variable parts | recent | seen; all counted
	itemV2  = 2 // id | known u8 | attrs | row | n × sub-rows | n × variable parts | counts | heat | positives | neighbours
	groupV2 = 2 // row, with the instant from which on nothing in it counts | n × variable parts
	typeV2  = 2 // name
	matchV2 = 2 // see matcherTable.AppendValue
	outV2   = 2 // see outboxTable.AppendValue
)

var errShort = errors.New("value ends too early")

func appendBytes(dst []byte, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendWords(dst []byte, words []uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(words)))
	for _, w := range words {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst
}

func appendTables(dst []byte, subs [][]uint64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(subs)))
	for _, s := range subs {
		dst = appendWords(dst, s)
	}
	return dst
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// decoder reads what the functions above wrote; the first error sticks.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) count(unit int) int {
	n, k := binary.Uvarint(d.b)
	if d.err == nil && (k <= 0 || n > uint64(len(d.b)-k)/uint64(unit)) {
		d.err = errShort
	}
	if d.err != nil {
		return 0
	}
	d.b = d.b[k:]
	return int(n)
}

func (d *decoder) bytes() []byte {
	n := d.count(1)
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) text() string { return string(d.bytes()) }

func (d *decoder) bool() bool {
	if d.err != nil || len(d.b) == 0 {
		d.err = errShort
		return false
	}
	b := d.b[0] != 0
	d.b = d.b[1:]
	return b
}

// words reads a slice, into the memory of dst where it fits.
func (d *decoder) words(dst []uint64) []uint64 {
	n := d.count(8)
	if cap(dst) < n {
		dst = make([]uint64, n)
	}
	dst = dst[:n]
	for i := range dst {
		dst[i] = binary.LittleEndian.Uint64(d.b[8*i:])
	}
	d.b = d.b[8*n:]
	return dst
}

// fixed reads words into a slice that must have their number.
func (d *decoder) fixed(dst []uint64) {
	if w := d.words(dst); d.err == nil && len(w) != len(dst) {
		d.err = fmt.Errorf("row of %d words where the definitions need %d", len(w), len(dst))
	}
}

func (d *decoder) tables(dst [][]uint64) {
	n := d.count(1)
	if d.err == nil && n != len(dst) {
		d.err = fmt.Errorf("%d tables of sub-rows where the definitions need %d", n, len(dst))
		return
	}
	for i := range dst {
		dst[i] = d.words(dst[i])
	}
}

// blocks reads variable parts, into the memory of dst where it fits; an empty one is a place that is free.
func (d *decoder) blocks(dst [][]uint64) [][]uint64 {
	n := d.count(1)
	if cap(dst) < n {
		dst = slices.Grow(dst[:cap(dst)], n-cap(dst))
	}
	dst = dst[:n]
	for i := range dst {
		if w := d.words(dst[i]); len(w) > 0 {
			dst[i] = w
		} else {
			dst[i] = nil
		}
	}
	return dst
}

// AppendKey implements dirty.Table.
func (t *userTable) AppendKey(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint64(append(dst, prefixUser), t.at(id).hash)
}

// AppendValue implements dirty.Table.
func (t *userTable) AppendValue(dst []byte, id uint32) []byte {
	u := t.at(id)
	dst = appendBool(appendText(append(dst, userV2), u.id), u.known)
	dst = appendTables(appendTables(appendWords(appendBytes(dst, u.attrs), u.row), u.subs), u.bags.blocks)
	return appendWords(appendWords(dst, u.recent), u.seen)
}

// decode reads what AppendValue wrote, reusing u's memory.
func (t *userTable) decode(u *user, value []byte) error {
	d := decoder{b: value}
	u.id = d.text()
	u.hash = hashString(u.id)
	u.known = d.bool()
	u.attrs = append(u.attrs[:0], d.bytes()...)
	d.fixed(u.row)
	d.tables(u.subs)
	u.bags.blocks = d.blocks(u.bags.blocks)
	u.recent, u.seen = d.words(u.recent), d.words(u.seen)
	attrs, err := event.DecodeAttributes(u.attrs)
	t.refresh(u, attrs)
	return errors.Join(d.err, err)
}

func (t *userTable) load(key, value []byte, sum dirty.Sum) error {
	if len(key) != 9 {
		return errShort
	}
	u := t.take(binary.BigEndian.Uint64(key[1:]))
	t.set.Loaded(u.index, sum)
	err := t.decode(u, value)
	t.weigh(u)
	return err
}

// AppendKey implements dirty.Table.
func (t *itemTable) AppendKey(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, prefixItem), id)
}

// AppendValue implements dirty.Table.
func (t *itemTable) AppendValue(dst []byte, id uint32) []byte {
	it := t.at(ItemRef(id))
	dst = appendBool(appendText(append(dst, itemV2), it.ID), it.Known)
	dst = appendBytes(dst, event.AppendAttributes(nil, it.Attrs))
	dst = appendTables(appendTables(appendWords(dst, it.row), it.subs), it.bags.blocks)
	dst = appendWords(dst, it.counts)
	dst = binary.AppendUvarint(dst, uint64(len(it.heat)))
	for _, x := range it.heat {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
	}
	dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(it.positives))
	return appendWords(dst, it.neighbours)
}

func (t *itemTable) load(key, value []byte, sum dirty.Sum) error {
	if len(key) != 5 {
		return errShort
	}
	d := decoder{b: value}
	it := t.add(ItemRef(binary.BigEndian.Uint32(key[1:])))
	t.name(it, d.text())
	it.Known = d.bool()
	encoded := bytes.Clone(d.bytes())
	attrs, err := event.DecodeAttributes(encoded)
	it.Attrs, it.weight = attrs, len(encoded)
	d.fixed(it.row)
	d.tables(it.subs)
	it.bags.blocks = d.blocks(nil)
	it.counts = d.words(nil)
	for i, w := range d.words(nil) {
		if i < len(it.heat) {
			it.heat[i] = math.Float64frombits(w)
		}
	}
	if len(d.b) < 8 {
		return errors.Join(d.err, err, errShort)
	}
	it.positives = math.Float64frombits(binary.LittleEndian.Uint64(d.b))
	d.b = d.b[8:]
	it.neighbours = d.words(nil)
	t.refresh(it)
	t.set.Loaded(uint32(it.Ref), sum)
	return errors.Join(d.err, err)
}

// AppendKey implements dirty.Table.
func (t *groupTable) AppendKey(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint64(append(dst, prefixGroup), t.keys[id])
}

// AppendValue implements dirty.Table.
func (t *groupTable) AppendValue(dst []byte, id uint32) []byte {
	return appendTables(appendWords(append(dst, groupV2), t.rows[id]), t.bags[id].blocks)
}

func (t *groupTable) load(key, value []byte, sum dirty.Sum) error {
	if len(key) != 9 {
		return errShort
	}
	d := decoder{b: value}
	i := t.number()
	row := d.words(nil)
	t.enter(i, binary.BigEndian.Uint64(key[1:]), row, &bags{d.blocks(nil)})
	t.set.Loaded(i, sum)
	if d.err == nil && len(row) == 0 {
		d.err = errShort
	}
	if d.err == nil {
		t.watch(i)
	}
	return d.err
}

// AppendKey implements dirty.Table.
func (t *typeTable) AppendKey(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint16(append(dst, prefixType), uint16(id))
}

// AppendValue implements dirty.Table.
func (t *typeTable) AppendValue(dst []byte, id uint32) []byte {
	return append(append(dst, typeV2), t.names[id]...)
}

func (t *typeTable) load(key, value []byte, sum dirty.Sum) error {
	if len(key) != 3 {
		return errShort
	}
	i := binary.BigEndian.Uint16(key[1:])
	for len(t.names) <= int(i) {
		t.names, t.weights = append(t.names, ""), append(t.weights, 0)
	}
	t.names[i] = string(value)
	t.weights[i] = t.table[t.names[i]]
	t.ids[t.names[i]] = i
	t.set.Loaded(uint32(i), sum)
	return nil
}

// Load takes one entry of a checkpoint; ok is false when the key is not of this package. [Store.LoadDone] ends a load.
func (s *Store) Load(key, value []byte, sum dirty.Sum) (ok bool, err error) {
	if len(key) == 0 || !strings.ContainsRune(string([]byte{prefixUser, prefixItem, prefixGroup, prefixType, prefixMatch, prefixOut}), rune(key[0])) {
		return false, nil
	}
	if value, err = unversioned(value); err != nil {
		return true, fmt.Errorf("features: entry %x: %w", key, err)
	}
	switch key[0] {
	case prefixUser:
		err = s.users.load(key, value, sum)
	case prefixItem:
		err = s.items.load(key, value, sum)
	case prefixGroup:
		err = s.groups.load(key, value, sum)
	case prefixType:
		err = s.types.load(key, value, sum)
	case prefixMatch:
		err = s.matchers.load(key, value, sum)
	case prefixOut:
		err = s.outbox.load(key, value, sum)
	}
	if err != nil {
		err = fmt.Errorf("features: entry %x: %w", key, err)
	}
	return true, err
}

// unversioned takes the version byte off a value.
func unversioned(value []byte) ([]byte, error) {
	if len(value) == 0 || value[0] != 2 {
		return nil, errors.New("unknown version: the state was written by a newer recsvc")
	}
	return value[1:], nil
}

// ReadsThrough reports whether a table, by its prefix, need not be loaded, since its entries are read when they are needed.
// Assume then takes the place of Load.
func (s *Store) ReadsThrough(prefix byte) bool { return prefix == prefixUser && s.users.cold != nil }

// Assume says that the store has n entries, with that digest, of a table that is not loaded.
func (s *Store) Assume(prefix byte, digest dirty.Sum, n int64) { s.users.set.Assume(prefix, digest, n) }

// LoadDone derives what is kept in memory only. Users who are cold are assumed in their set by then.
func (s *Store) LoadDone() {
	s.users.known = s.users.set.Count()
	s.recall.rebuild()
}
