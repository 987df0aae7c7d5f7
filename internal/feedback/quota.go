package feedback

import (
	"encoding/binary"
	"time"
	"unsafe"

	"recsvc/internal/dirty"
	"recsvc/internal/event"
)

// quotas count the outcomes of each user within a minute of event time: that of the event, but never one that the watermark has
// passed, nor one before the latest that the user was counted in. A user whose minute the watermark has passed is forgotten.
type quotas struct {
	most  uint32 // outcomes of a user in a minute; 0: any number, and nothing is counted
	users slab[quota]
	byKey index
	due   []ending // heap
	set   *dirty.Set
}

// quota is what a user has used up. Its entry is version u8 | minute i64 | count u32; its key 'o' 'u' user u64.
type quota struct {
	user   uint64
	minute int64
	count  uint32
}

// ending says that a quota may end with its minute; stale if the quota is by then of a later one.
type ending struct {
	minute int64
	id     uint32
}

const quotaV1 = 1

func (e ending) before(f ending) bool {
	return e.minute < f.minute || e.minute == f.minute && e.id < f.id
}

func minuteOf(t event.Time) int64 {
	m := int64(t) / int64(time.Minute)
	if int64(t)%int64(time.Minute) < 0 {
		m--
	}
	return m
}

// use counts an outcome of a user at t, and reports whether it is within what he has.
func (q *quotas) use(user uint64, t, watermark event.Time) bool {
	if q.most == 0 || user == 0 {
		return true
	}
	minute := minuteOf(max(t, watermark))
	id := q.byKey.get(user)
	if id == 0 {
		id = q.users.alloc()
		q.set.Touch(id)
		*q.users.at(id) = quota{user: user, minute: minute}
		q.byKey.put(user, id)
		q.due = push(q.due, ending{minute, id}, ending.before)
	}
	u := q.users.at(id)
	if u.minute < minute {
		q.set.Touch(id)
		u.minute, u.count = minute, 0
		q.due = push(q.due, ending{minute, id}, ending.before)
	}
	if u.count >= q.most {
		return false
	}
	q.set.Touch(id)
	u.count++
	return true
}

// expire forgets those whose minute is over.
func (q *quotas) expire(watermark event.Time) {
	for now := minuteOf(watermark); len(q.due) > 0 && q.due[0].minute < now; {
		var e ending
		e, q.due = pop(q.due, ending.before)
		if u := q.users.find(e.id); u != nil && u.user != 0 && u.minute == e.minute {
			q.remove(e.id)
		}
	}
}

func (q *quotas) erase(user uint64) {
	if id := q.byKey.get(user); id != 0 {
		q.remove(id)
	}
}

func (q *quotas) remove(id uint32) {
	q.set.Remove(id)
	q.byKey.remove(q.users.at(id).user)
	q.users.release(id)
}

func (q *quotas) load(user uint64, value []byte, sum dirty.Sum) error {
	r := reader{buf: value}
	r.version(quotaV1)
	u := quota{user: user, minute: int64(r.u64()), count: r.u32()}
	if err := r.end(); err != nil {
		return err
	}
	if user == 0 || q.byKey.get(user) != 0 {
		return ErrCorrupt
	}
	id := q.users.alloc()
	*q.users.at(id) = u
	q.byKey.put(user, id)
	q.due = push(q.due, ending{u.minute, id}, ending.before)
	q.set.Loaded(id, sum)
	return nil
}

// AppendKey implements dirty.Table.
func (q *quotas) AppendKey(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint64(append(dst, prefixRest, restQuota), q.users.at(id).user)
}

// AppendValue implements dirty.Table.
func (q *quotas) AppendValue(dst []byte, id uint32) []byte {
	u := q.users.at(id)
	dst = binary.LittleEndian.AppendUint64(append(dst, quotaV1), uint64(u.minute))
	return binary.LittleEndian.AppendUint32(dst, u.count)
}

func (q *quotas) bytes() int64 {
	return q.users.bytes() + q.byKey.bytes() + int64(q.users.live())*markBytes + int64(cap(q.due))*int64(unsafe.Sizeof(ending{}))
}
