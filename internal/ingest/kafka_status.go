package ingest

import (
	"errors"
	"fmt"
	"slices"
)

// ErrKafkaDown reports that there is no session with the brokers.
var ErrKafkaDown = errors.New("kafka is out of reach")

// KafkaPartition is where a source stands in one partition.
type KafkaPartition struct {
	Partition int32
	Start     int64 // offset of the first record of this Run
	Next      int64 // offset of the next record to deliver
	End       int64 // offset after the newest record that the broker has told of; Next when no record waits
	Claimed   bool  // ours in the present session with the group, or in the last one while there is none, and not halted
	Halted    error // why it is not read any more, until an operator does something; nil: it is
	Waiting   error // what its next batch waits for, other than the receiver; nil: nothing
}

// KafkaStatus is what a KafkaSource is doing at this moment.
type KafkaStatus struct {
	Connected  bool  // a session with the group is up
	Err        error // what went wrong last; nil while connected
	Held       error // what Hold says; nothing is handed out meanwhile
	Elsewhere  []int32
	Partitions []KafkaPartition
}

// Lag returns how many records of the log wait to be delivered, at most: offsets that hold none (the markers of
// transactions, what compaction removed) are known as such only at the end of a partition.
func (s KafkaStatus) Lag() int64 {
	var lag int64
	for _, p := range s.Partitions {
		lag += p.End - p.Next
	}
	return lag
}

// Problem says what keeps records from being handed out, all of it; nil: nothing does.
func (s KafkaStatus) Problem() error {
	if !s.Connected {
		switch {
		case s.Err == nil:
			return ErrKafkaDown
		case errors.Is(s.Err, ErrKafkaTopic):
			return s.Err
		}
		return fmt.Errorf("%w: %w", ErrKafkaDown, s.Err)
	}
	var problems []error
	if s.Held != nil {
		problems = append(problems, fmt.Errorf("held: %w", s.Held))
	}
	for _, p := range s.Partitions {
		if p.Halted != nil {
			problems = append(problems, p.Halted)
		}
		if p.Waiting != nil {
			problems = append(problems, fmt.Errorf("partition %d waits: %w", p.Partition, p.Waiting))
		}
	}
	return errors.Join(problems...)
}

// Status may be called at any time by any goroutine.
func (s *KafkaSource) Status() KafkaStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := KafkaStatus{Connected: s.connected, Err: s.lastErr, Held: s.held, Elsewhere: slices.Clone(s.elsewhere)}
	for partition, p := range s.positions {
		st.Partitions = append(st.Partitions, KafkaPartition{
			Partition: partition, Start: p.start, Next: p.next, End: p.logEnd(),
			Claimed: p.claimed && p.halted == nil, Halted: p.halted, Waiting: p.waiting,
		})
	}
	slices.SortFunc(st.Partitions, func(a, b KafkaPartition) int { return int(a.Partition) - int(b.Partition) })
	return st
}
