package ingest

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"
	"go.uber.org/zap"
)

// kafkaHandler is our side of a group's sessions: sarama calls Setup, then ConsumeClaim once per partition, each in a
// goroutine of its own, and Cleanup when all of them have returned.
type kafkaHandler struct {
	source  *KafkaSource
	client  sarama.Client
	out     chan<- *Batch
	backoff *backoff
}

// Setup puts each claimed partition at the source's own offset. It refuses a session in which one of them is not in
// the log: reading on from anywhere else would lose records or repeat them.
func (h *kafkaHandler) Setup(session sarama.ConsumerGroupSession) error {
	topic := h.source.opts.Topic
	all, err := h.client.Partitions(topic)
	if err != nil {
		return fmt.Errorf("partitions: %w", err)
	}
	if err := h.source.checkPartitions(len(all)); err != nil {
		return err
	}
	if h.source.opts.Partitions != nil {
		h.source.opts.Partitions(all)
	}
	claims := session.Claims()[topic]
	if len(claims) < len(all) {
		h.source.opts.Logger.Warn("another member of the consumer group has some of the partitions: this instance does not see their records",
			zap.String("group", h.source.opts.Group), zap.Int("partitions", len(all)), zap.Int("ours", len(claims)))
	}
	h.source.unclaim()
	for _, partition := range claims {
		next, err := h.position(topic, partition)
		if err != nil {
			return err
		}
		// Mark only moves forward and Reset only back: together they set.
		session.MarkOffset(topic, partition, next, "")
		session.ResetOffset(topic, partition, next, "")
	}
	h.backoff.tries = 0
	h.source.up()
	return nil
}

// position returns the offset at which a partition goes on: our own, or for one that we have never read the oldest.
func (h *kafkaHandler) position(topic string, partition int32) (int64, error) {
	oldest, err := h.client.GetOffset(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return 0, fmt.Errorf("oldest offset of partition %d: %w", partition, err)
	}
	end, err := h.client.GetOffset(topic, partition, sarama.OffsetNewest)
	if err != nil {
		return 0, fmt.Errorf("newest offset of partition %d: %w", partition, err)
	}
	next := h.source.startAt(partition, oldest, end)
	switch {
	case next < oldest:
		return 0, fmt.Errorf("%w: partition %d: the state goes on at %d, and the log starts at %d: retention has removed "+
			"records that were never applied. Start from an empty data directory, or restore a newer backup", ErrKafkaOutOfRange, partition, next, oldest)
	case next > end:
		return 0, fmt.Errorf("%w: partition %d: the state goes on at %d, and the log ends at %d: the topic was made anew, or "+
			"lost records. Start from an empty data directory, or name the right topic", ErrKafkaOutOfRange, partition, next, end)
	}
	return next, nil
}

// Cleanup implements sarama.ConsumerGroupHandler.
func (h *kafkaHandler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim delivers one partition until the session ends. It returns only when nothing of it is under way any more,
// so that no batch of an old session can be delivered beside a new one.
func (h *kafkaHandler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	h.source.claimed(claim)
	_ = pipeline[[]*sarama.ConsumerMessage, *Batch]{
		workers: h.source.opts.Workers,
		produce: func(ctx context.Context, emit func([]*sarama.ConsumerMessage) error) error {
			return h.gather(ctx, claim, emit)
		},
		worker: func() func([]*sarama.ConsumerMessage) (*Batch, error) {
			decoder := &kafkaDecoder{opts: &h.source.opts}
			return decoder.batch
		},
		consume: func(b *Batch) error { return h.deliver(session, claim, b) },
	}.run(session.Context()) // it ends with the session, for a reason that Run knows
	return nil
}

// gather cuts the stream of messages into chunks: as many as are there, so that a quiet stream is not kept waiting and
// a busy one is not handled message by message.
func (h *kafkaHandler) gather(ctx context.Context, claim sarama.ConsumerGroupClaim, emit func([]*sarama.ConsumerMessage) error) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case msg, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			if err := emit(h.fill(claim, msg)); err != nil {
				return err
			}
		}
	}
}

// fill adds to first what is ready now, up to the largest batch.
func (h *kafkaHandler) fill(claim sarama.ConsumerGroupClaim, first *sarama.ConsumerMessage) []*sarama.ConsumerMessage {
	messages := []*sarama.ConsumerMessage{first}
	bytes := len(first.Value)
	for len(messages) < h.source.opts.BatchRecords && bytes < h.source.opts.MaxRecordBytes {
		select {
		case msg, ok := <-claim.Messages():
			if !ok {
				return messages
			}
			messages = append(messages, msg)
			bytes += len(msg.Value)
		default:
			return messages
		}
	}
	return messages
}

// deliver waits for the receiver to take a batch.
func (h *kafkaHandler) deliver(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim, batch *Batch) error {
	batch = h.source.fence(claim.Partition(), batch)
	n := len(batch.Records)
	if n == 0 {
		return nil
	}
	next := batch.Records[n-1].Offset + 1 // once sent, the batch is the receiver's
	if err := send(session.Context(), h.out, batch); err != nil {
		return err
	}
	h.source.delivered(claim.Partition(), next)
	h.source.metrics.records.Add(float64(n))
	session.MarkOffset(claim.Topic(), claim.Partition(), next, "")
	return nil
}
