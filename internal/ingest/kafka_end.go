package ingest

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"
)

// join lets others ask the client of the present membership.
func (s *KafkaSource) join(client sarama.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client = client
}

// leave closes the client and waits for those who were asking it.
func (s *KafkaSource) leave(client sarama.Client) error {
	s.mu.Lock()
	s.client = nil
	s.mu.Unlock()
	err := client.Close()
	s.asking.Wait()
	return err
}

// End asks the broker for the offset after the newest record of a partition, which Status may learn of a little later:
// a producer's acknowledgement can be faster than the next answer to the consumer. It may be called by any goroutine.
// ErrKafkaDown: there is no connection to ask through.
func (s *KafkaSource) End(ctx context.Context, partition int32) (int64, error) {
	s.mu.Lock()
	client := s.client
	if client == nil {
		s.mu.Unlock()
		return 0, ErrKafkaDown
	}
	s.asking.Add(1)
	s.mu.Unlock()
	type answer struct {
		end int64
		err error
	}
	answered := make(chan answer, 1)
	go func() { // sarama knows no contexts
		defer s.asking.Done()
		end, err := client.GetOffset(s.opts.Topic, partition, sarama.OffsetNewest)
		answered <- answer{end, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			return 0, fmt.Errorf("end of partition %d of kafka topic %s: %w", partition, s.opts.Topic, a.err)
		}
		return a.end, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
