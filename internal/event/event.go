// Package event holds the records of the log and their wire forms; nothing else.
//
// A [Record] is one entry of the log: a behaviour event, a catalogue or profile upsert, a list that was
// served, a control record, a tick, or a dead letter. Everything that changes learned state is a Record.
//
// Strings of a decoded Record alias the buffer that it was decoded from, which is never written to again:
// they are safe to read for ever, but whoever keeps one beyond the record clones it, or the whole buffer
// stays in memory.
package event

import "time"

// Kind tells the sorts of record apart. The values are part of the binary form: never reuse one.
type Kind uint8

// The kinds of record.
const (
	KindEvent      Kind = 1 // behaviour: exposure, click, dwell, …
	KindItem       Kind = 2 // catalogue upsert or removal
	KindUser       Kind = 3 // profile upsert
	KindServed     Kind = 4 // a list that this server answered with
	KindControl    Kind = 5 // restore a snapshot, …
	KindTick       Kind = 6 // time passes on a quiet partition
	KindDeadLetter Kind = 7 // what was refused, with the reason and the original bytes
)

// Time is an instant in nanoseconds since the Unix epoch. 0 means absent.
type Time int64

// FromTime converts t.
func FromTime(t time.Time) Time { return Time(t.UnixNano()) }

// Time converts t to a time.Time in UTC.
func (t Time) Time() time.Time { return time.Unix(0, int64(t)).UTC() }

// Add returns t+d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Record is one entry of the log. Exactly the pointer that Kind names is set.
type Record struct {
	Kind      Kind
	Partition int32 // of the log; 0 in the embedded one
	Offset    int64 // place in the partition, from 0
	Received  Time  // when the server, or the broker, took it in

	Event      *Event
	Item       *Item
	User       *User
	Served     *Served
	Control    *Control
	Tick       *Tick
	DeadLetter *DeadLetter
}

// Event is something that a person did, or was shown.
type Event struct {
	ID         string // chosen by the producer; empty: none, and a retry counts twice
	Type       string // exposure, click, dwell, …
	User       string
	Item       string // empty for types that have none
	Request    string // the served list it belongs to, if any
	Session    string
	Text       string
	Time       Time    // when it happened
	Position   int32   // 1-based place in the list; 0: none
	Propensity float64 // in (0, 1]; 0: none
	Value      float64 // seconds, money, stars …; meaningful only with HasValue
	HasValue   bool
	Context    Attributes // device, network, city …
}

// Item is an upsert of one catalogue item, or its removal.
type Item struct {
	ID      string
	Attrs   Attributes // the keys to change; a null value removes its key
	Deleted bool       // remove the item from recommendation; Attrs is empty
}

// User is an upsert of one profile.
type User struct {
	ID    string
	Attrs Attributes // the keys to change; a null value removes its key
}

// Served is a list that this server answered with, in the order shown.
type Served struct {
	Request string
	User    string // empty: anonymous
	Scene   string
	Time    Time   // the instant at which features were read
	Model   string // name@version of the scoring model
	Variant string // experiment arms, "name=arm,…"; may be empty
	Context Attributes
	Swap    [2]int32     // two positions whose items were exchanged with probability ½, the higher first; 0, 0: none
	Items   []ServedItem // position = index + 1
}

// ServedItem is one slot of a served list.
type ServedItem struct {
	Item       string
	Score      float64 // what the list was ranked by
	Propensity float64 // probability of this item in this slot, given the slots above; (0, 1]
}

// Control changes the server itself.
type Control struct {
	Type  string     // "restore", …
	Attrs Attributes // its parameters
}

// Tick says that a partition's time has reached Time although nothing happened.
type Tick struct{ Time Time }

// DeadLetter is input that was refused.
type DeadLetter struct {
	Source string // "http", "kafka:topic", a file's name …
	Reason string // a short constant, fit for a metric label
	Detail string // what was wrong, for people
	Place  string // where it stood: "topic/partition/offset", "file:line", "/v1/events[17]"
	Bytes  []byte // the original, at most MaxDeadLetterBytes of it
	Size   int64  // the original's whole length in bytes
}

// Limits on what a record may hold.
const (
	MaxIDBytes         = 256
	MaxDeadLetterBytes = 64 << 10
)

// Cursor is the next offset of each partition: every record before it is included.
type Cursor []PartitionOffset // sorted by Partition

// PartitionOffset is the next offset of one partition.
type PartitionOffset struct {
	Partition int32
	Offset    int64
}
