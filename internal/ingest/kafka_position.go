package ingest

import (
	"fmt"

	"github.com/IBM/sarama"
)

// kafkaPosition is where the source stands in one partition.
type kafkaPosition struct {
	start   int64                     // where Run has begun
	next    int64                     // offset of the next record to deliver
	end     int64                     // offset after the newest record, as told when the session began
	claim   sarama.ConsumerGroupClaim // of the present or last session; nil before the first
	claimed bool                      // in the session that was set up last
}

// logEnd returns the offset after the newest record that the broker has told of.
func (p *kafkaPosition) logEnd() int64 {
	end := max(p.next, p.end)
	if p.claim != nil {
		end = max(end, p.claim.HighWaterMarkOffset())
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

// unclaim forgets whose the partitions were: a session begins.
func (s *KafkaSource) unclaim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.positions {
		p.claimed = false
	}
}

// startAt returns where a partition goes on, oldest when it is new to us, and notes that it is ours and where the log ends.
func (s *KafkaSource) startAt(partition int32, oldest, end int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.positions[partition]
	if p == nil {
		p = &kafkaPosition{start: oldest, next: oldest}
		s.positions[partition] = p
	}
	p.end, p.claimed = end, true
	return p.next
}

// up notes that a session has begun.
func (s *KafkaSource) up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected, s.lastErr = true, nil
	s.metrics.connected.Set(1)
	s.metrics.sessions.Inc()
}

// claimed notes who knows the end of a partition's log.
func (s *KafkaSource) claimed(claim sarama.ConsumerGroupClaim) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.positions[claim.Partition()].claim = claim
}

// delivered moves a partition on.
func (s *KafkaSource) delivered(partition int32, next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.positions[partition].next = next
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
