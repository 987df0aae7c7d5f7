package ingest

import (
	"fmt"

	"github.com/IBM/sarama"
)

// keyPartitioner places a message as the clients of Kafka's own project do: murmur2 of the key. Producers in other
// languages then put a person's events where this server puts the lists it served to that person, in one order.
// (sarama's default is another hash.) A message without a key goes to the partition it names.
type keyPartitioner struct{}

func newKeyPartitioner(string) sarama.Partitioner { return keyPartitioner{} }

// Partition implements sarama.Partitioner.
func (keyPartitioner) Partition(msg *sarama.ProducerMessage, partitions int32) (int32, error) {
	if msg.Key == nil {
		if msg.Partition < 0 || msg.Partition >= partitions {
			return 0, fmt.Errorf("partition %d of topic %s, which has %d", msg.Partition, msg.Topic, partitions)
		}
		return msg.Partition, nil
	}
	key, err := msg.Key.Encode()
	if err != nil {
		return 0, err
	}
	return int32(murmur2(key)&0x7fffffff) % partitions, nil
}

// RequiresConsistency implements sarama.Partitioner: a key never moves because a partition has no leader for a while.
func (keyPartitioner) RequiresConsistency() bool { return true }

// murmur2 is Austin Appleby's MurmurHash2 with the seed that Kafka's Java client gives it.
func murmur2(data []byte) uint32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
		r    = 24
	)
	h := uint32(seed) ^ uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h *= m
		h ^= k
	}
	if len(data) > 0 { // up to three bytes are left
		for i := len(data) - 1; i >= 0; i-- {
			h ^= uint32(data[i]) << (8 * i)
		}
		h *= m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return h
}
