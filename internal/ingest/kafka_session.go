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
	dialer  *kafkaDialer
	group   sarama.ConsumerGroup
	out     chan<- *Batch
	backoff *backoff
}

// Setup puts each claimed partition at the source's own offset. One that is not in the log is not read: going on from
// anywhere else would lose records or repeat them.
func (h *kafkaHandler) Setup(session sarama.ConsumerGroupSession) error {
	topic := h.source.opts.Topic
	all, err := h.partitions(session.Context())
	if err != nil {
		return err
	}
	if h.source.opts.Partitions != nil {
		h.source.opts.Partitions(all)
	}
	claims := session.Claims()[topic]
	h.source.share(all, claims)
	for _, partition := range claims {
		start, err := h.position(session.Context(), partition)
		if err != nil {
			return err
		}
		// Mark only moves forward and Reset only back: together they set.
		session.MarkOffset(topic, partition, start, "")
		session.ResetOffset(topic, partition, start, "")
	}
	h.source.setSuspect(false)
	h.backoff.tries = 0
	h.source.up()
	return nil
}

// partitions returns those of the topic. A broker that has just come back may not know of the newest.
func (h *kafkaHandler) partitions(ctx context.Context) ([]int32, error) {
	topic := h.source.opts.Topic
	for tries := 1; ; tries++ {
		all, err := h.client.Partitions(topic)
		if err != nil {
			return nil, fmt.Errorf("partitions: %w", err)
		}
		if err = h.source.checkPartitions(len(all)); err == nil || tries == confirmations {
			return all, err
		}
		if err := sleep(ctx, confirmPause); err != nil {
			return nil, err
		}
		if err := h.client.RefreshMetadata(topic); err != nil {
			return nil, fmt.Errorf("partitions: %w", err)
		}
	}
}

// position returns the offset at which a partition goes on: our own, or for one that we have never read the oldest. For a
// partition that stands still it is one that sarama takes.
func (h *kafkaHandler) position(ctx context.Context, partition int32) (int64, error) {
	oldest, end, err := h.bounds(partition)
	if err != nil {
		return 0, err
	}
	next, halted := h.source.startAt(partition, oldest, end)
	if halted {
		return oldest, nil
	}
	for tries := 1; next > end && tries < confirmations; tries++ { // a leader that has just changed may not know the end yet
		if err := sleep(ctx, confirmPause); err != nil {
			return 0, err
		}
		if oldest, end, err = h.bounds(partition); err != nil {
			return 0, err
		}
	}
	if err := h.judge(partition, next, oldest, end); err != nil {
		h.standStill(partition, err)
		return oldest, nil
	}
	next = max(next, oldest)
	if !h.source.isSuspect() {
		return next, nil
	}
	start, err := h.walk(ctx, partition, next, end)
	if err != nil && ctx.Err() == nil && unreadable(err) {
		h.standStill(partition, err)
		return oldest, nil
	}
	return start, err
}

func (h *kafkaHandler) standStill(partition int32, why error) {
	h.source.halt(why, partition)
	h.source.opts.Logger.Error("kafka: a partition stands still", zap.Int32("partition", partition), zap.Error(why))
}

// bounds asks for the ends of a partition.
func (h *kafkaHandler) bounds(partition int32) (oldest, end int64, err error) {
	topic := h.source.opts.Topic
	if oldest, err = h.client.GetOffset(topic, partition, sarama.OffsetOldest); err != nil {
		return 0, 0, fmt.Errorf("oldest offset of partition %d: %w", partition, err)
	}
	if end, err = h.client.GetOffset(topic, partition, sarama.OffsetNewest); err != nil {
		return 0, 0, fmt.Errorf("newest offset of partition %d: %w", partition, err)
	}
	return oldest, end, nil
}

// judge says why a partition cannot go on at next, if it cannot. Records that were removed unread are passed over where
// the configuration says so.
func (h *kafkaHandler) judge(partition int32, next, oldest, end int64) error {
	if next > end {
		if err := h.source.identity.cutBack(partition, end); err != nil {
			h.source.opts.Logger.Error("kafka: where the log was cut back could not be noted: after a restart it may not be seen", zap.Error(err))
		}
	}
	cut, wasCut := h.source.identity.wasCut(partition, next)
	switch {
	case wasCut || next > end:
		return fmt.Errorf("%w: partition %d: the state goes on at %d, and the log ended at %d: the topic was made anew, or lost "+
			"records. Start from an empty data directory, or restore a backup from before offset %d", ErrKafkaOutOfRange, partition, next,
			min(end, cut), min(end, cut))
	case next < oldest && !h.source.opts.SkipLost:
		return fmt.Errorf("%w: partition %d: the state goes on at %d, and the log starts at %d: retention has removed %d offsets "+
			"that were never applied. Start from an empty data directory, restore a newer backup, or let them go with "+
			"kafka.on_lost_records: skip", ErrKafkaOutOfRange, partition, next, oldest, oldest-next)
	case next < oldest:
		h.source.opts.Logger.Error("kafka: retention has removed records that were never applied: going on without them, as configured",
			zap.Int32("partition", partition), zap.Int64("from", next), zap.Int64("to", oldest), zap.Int64("lost", oldest-next))
		h.source.metrics.lost.Add(float64(oldest - next))
		h.source.skipTo(partition, oldest)
	}
	return nil
}

// Cleanup implements sarama.ConsumerGroupHandler. Every ConsumeClaim has returned: nothing of the session is under way.
// The offsets that are committed here are a hint; a group that cannot take them loses nothing.
func (h *kafkaHandler) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	return nil
}

// ConsumeClaim delivers one partition until the session ends. It returns only when nothing of it is under way any more,
// so that no batch of an old session can be delivered beside a new one.
func (h *kafkaHandler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	h.source.claimed(claim)
	if h.source.halted(claim.Partition()) {
		drain(session.Context(), claim)
		return nil
	}
	_ = pipeline[[]*sarama.ConsumerMessage, *Batch]{
		workers: h.source.opts.Workers,
		produce: func(ctx context.Context, emit func([]*sarama.ConsumerMessage) error) error {
			return h.gather(ctx, claim, emit)
		},
		worker: func() func([]*sarama.ConsumerMessage) (*Batch, error) {
			decoder := &kafkaDecoder{opts: &h.source.opts}
			return decoder.batch
		},
		consume: func(b *Batch) error {
			next, err := h.deliver(session.Context(), claim.Partition(), b)
			if err == nil {
				session.MarkOffset(claim.Topic(), claim.Partition(), next, "")
			}
			return err
		},
	}.run(session.Context()) // it ends with the session, for a reason that Run knows
	return nil
}

// drain reads a partition that stands still to nobody, for what is fetched before regulate pauses it: its broker's other
// partitions would wait for it.
func drain(ctx context.Context, claim sarama.ConsumerGroupClaim) {
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-claim.Messages():
			if !ok {
				return
			}
		}
	}
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

// deliver waits for the receiver to take a batch, and before that for whatever stands against it. It returns where the
// partition goes on.
func (h *kafkaHandler) deliver(ctx context.Context, partition int32, batch *Batch) (next int64, err error) {
	defer func() { h.source.handed(partition, next) }()
	h.source.handing(partition)
	batch = h.source.fence(partition, batch)
	n := len(batch.Records)
	if n == 0 {
		return 0, nil
	}
	if err := h.source.sendLetters(ctx, partition, batch); err != nil {
		return 0, err
	}
	if err := h.source.whileHeld(ctx); err != nil {
		return 0, err
	}
	next = batch.Records[n-1].Offset + 1 // once sent, the batch is the receiver's
	if err := send(ctx, h.out, batch); err != nil {
		return 0, err
	}
	h.source.metrics.records.Add(float64(n))
	return next, nil
}
