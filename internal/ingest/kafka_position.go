package ingest

import (
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/zap"
)

// kafkaPosition is where the source stands in one partition.
type kafkaPosition struct {
	start   int64                     // where Run has begun
	next    int64                     // offset of the next record to deliver
	end     int64                     // offset after the newest record, as told when the brokers were asked last
	bare    int64                     // up to here, from next on, the log holds no record: markers of transactions, compaction
	claim   sarama.ConsumerGroupClaim // of the present or last session; nil before the first
	claimed bool                      // in the session that was set up last

	halted  error     // it stands still
	waiting error     // what its next batch waits for
	handing bool      // a batch is ready and waits to be handed out
	moved   time.Time // by this machine's clock: when a batch was handed out last, or could have been for the first time
}

// logEnd returns the offset after the newest record that the broker has told of; next when no record is there.
func (p *kafkaPosition) logEnd() int64 {
	end := max(p.next, p.end)
	if p.claim != nil {
		end = max(end, p.claim.HighWaterMarkOffset())
	}
	if end <= p.bare {
		return p.next
	}
	return end
}

// checkPartitions compares the topic with what the state was made from. Partitions may be added, never removed.
func (s *KafkaSource) checkPartitions(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for partition := range s.positions {
		if int(partition) >= n {
			return fmt.Errorf("%w: it has %d partitions, and the state has applied records of partition %d: it was made "+
				"anew. Start from an empty data directory, or name the right topic", ErrKafkaTopic, n, partition)
		}
	}
	return nil
}

// share notes which partitions are ours in the session that begins, and warns, once per change, of those that are not.
func (s *KafkaSource) share(all, ours []int32) {
	elsewhere := slices.DeleteFunc(slices.Clone(all), func(p int32) bool { return slices.Contains(ours, p) })
	s.mu.Lock()
	changed := !slices.Equal(elsewhere, s.elsewhere)
	s.elsewhere = elsewhere
	for partition, p := range s.positions {
		p.claimed = slices.Contains(ours, partition)
	}
	s.mu.Unlock()
	switch {
	case changed && len(elsewhere) > 0:
		s.opts.Logger.Warn("another member of the consumer group has some of the partitions: this instance does not see their "+
			"records, and their users' state stands still. Give each instance a group of its own",
			zap.String("group", s.opts.Group), zap.Int32s("elsewhere", elsewhere), zap.Int32s("ours", ours))
	case changed:
		s.opts.Logger.Info("all partitions are this instance's again", zap.String("group", s.opts.Group))
	}
}

// startAt returns where a partition goes on, oldest when it is new to us, and notes where the log ends.
func (s *KafkaSource) startAt(partition int32, oldest, end int64) (next int64, halted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.positions[partition]
	if p == nil {
		p = &kafkaPosition{start: oldest, next: oldest}
		s.positions[partition] = p
	}
	p.end, p.claimed, p.moved = end, true, time.Now()
	return p.next, p.halted != nil
}

// skipTo lets a partition go on at next: what was there before is lost.
func (s *KafkaSource) skipTo(partition int32, next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.positions[partition].next = next
}

// up notes that a session has begun.
func (s *KafkaSource) up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected, s.lastErr, s.trouble = true, nil, nil
	s.metrics.connected.Set(1)
	s.metrics.sessions.Inc()
}

// halt lets some partitions stand still, or all that are known.
func (s *KafkaSource) halt(err error, partitions ...int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for partition, p := range s.positions {
		if len(partitions) == 0 || slices.Contains(partitions, partition) {
			p.halted = err
		}
	}
}

// halted says whether a partition stands still.
func (s *KafkaSource) halted(partition int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.positions[partition].halted != nil
}

// claimed notes who knows the end of a partition's log.
func (s *KafkaSource) claimed(claim sarama.ConsumerGroupClaim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.positions[claim.Partition()].claim = claim
}

// handing notes that a batch of a partition is ready, and waits for its receiver.
func (s *KafkaSource) handing(partition int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.positions[partition].handing = true
}

// waits notes what a batch waits for, other than its receiver; nil: for nothing any more.
func (s *KafkaSource) waits(partition int32, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.positions[partition].waiting = why
}

// handed notes that no batch of a partition waits any more, and moves the partition on, unless next is 0.
func (s *KafkaSource) handed(partition int32, next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.positions[partition]
	p.handing, p.waiting, p.moved = false, nil, time.Now()
	p.next = max(p.next, next)
}

// fence takes records out of batch that were delivered before. A claim starts at our own offset, so there are none;
// this makes it certain, whatever a rebalance or a broker does.
func (s *KafkaSource) fence(partition int32, batch *Batch) *Batch {
	s.mu.Lock()
	next := s.positions[partition].next
	s.mu.Unlock()
	i := 0
	for i < len(batch.Records) && batch.Records[i].Offset < next {
		i++
	}
	batch.Records = batch.Records[i:]
	return batch
}

func (s *KafkaSource) setSuspect(suspect bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.suspect = suspect
}

func (s *KafkaSource) isSuspect() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.suspect
}

func (s *KafkaSource) setTrouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = err
}

func (s *KafkaSource) lastTrouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}
