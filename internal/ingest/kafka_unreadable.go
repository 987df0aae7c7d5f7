package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
	"go.uber.org/zap"

	"recsvc/internal/event"
)

// reasonUnreadable is the reason of the dead letter that stands for a whole batch.
const reasonUnreadable = "unreadable_batch"

// Bytes of the log as they are on the wire.
const (
	walkStep  = 256 << 10    // asked for at first, as the group does
	walkBytes = 4 * walkStep // how far a walk goes on behind the last unreadable batch: an answer to the group reaches less far
)

// walk reads a partition from next on and delivers it itself, so that one batch that cannot be taken apart (it decompresses
// to more than there may be, its checksum is wrong, it is larger than an answer may be) does not keep the others of its
// answer, and all other partitions of its broker, from being read for ever. Such a batch is replaced by one dead letter, at
// its last offset, which names the first and the last and holds the start of its bytes. That is a function of the log and
// of constants: another pass over the log makes the same of it.
//
// It returns where the group goes on. An error that is unreadable is one of the log: there is no way to go on behind it.
func (h *kafkaHandler) walk(ctx context.Context, partition int32, next, end int64) (int64, error) {
	decoder := &kafkaDecoder{opts: &h.source.opts}
	step := walkStep
	for left := walkBytes; next < end && left > 0; {
		batches, err := h.fetchOnce(partition, next, max(step, 1))
		switch {
		case err == nil && len(batches) == 0:
			return next, nil
		case err == nil:
			if next, err = h.deliverAll(ctx, decoder, partition, next, batches); err != nil {
				return 0, err
			}
			left -= step
			step = min(64*max(step, 1), walkStep)
		case !unreadable(err):
			return 0, fmt.Errorf("partition %d at offset %d: %w", partition, next, err)
		case step > 0:
			step /= 64 // down to nothing: an answer holds one batch at least
		default:
			letter, last, err := h.replace(partition, next, err)
			if err != nil {
				return 0, err
			}
			if _, err := h.deliver(ctx, partition, letter); err != nil {
				return 0, err
			}
			next, step, left = last+1, walkStep, walkBytes
		}
	}
	return next, nil
}

// fetchOnce fetches over a connection of its own: after some errors one is of no use any more.
func (h *kafkaHandler) fetchOnce(partition int32, offset int64, bytes int) ([]*sarama.RecordBatch, error) {
	reader, err := h.openReader(partition)
	if err != nil {
		return nil, err
	}
	defer reader.close()
	return reader.fetch(offset, int32(bytes))
}

// deliverAll delivers batches in their order and returns the offset behind them.
func (h *kafkaHandler) deliverAll(ctx context.Context, decoder *kafkaDecoder, partition int32, next int64, batches []*sarama.RecordBatch) (int64, error) {
	for _, b := range batches {
		batch, err := decoder.batch(messages(h.source.opts.Topic, partition, b))
		if err != nil {
			return 0, err
		}
		if _, err := h.deliver(ctx, partition, batch); err != nil {
			return 0, err
		}
		next = max(next, b.LastOffset()+1)
	}
	return next, nil
}

// replace makes the dead letter of the batch at an offset.
func (h *kafkaHandler) replace(partition int32, offset int64, why error) (*Batch, int64, error) {
	reader, err := h.openReader(partition)
	if err != nil {
		return nil, 0, err
	}
	defer reader.close()
	raw, err := reader.raw(offset, event.MaxDeadLetterBytes)
	if err == nil && (raw.first > offset || raw.last < offset) {
		err = fmt.Errorf("the batch of offsets %d to %d came instead", raw.first, raw.last)
	}
	if err != nil { // without its last offset there is no going on behind it
		return nil, 0, fmt.Errorf("partition %d: the batch at offset %d cannot be read: %w", partition, offset, errors.Join(why, err))
	}
	topic := h.source.opts.Topic
	h.source.metrics.unreadable.Inc()
	h.source.opts.Logger.Error("kafka: a batch that cannot be read becomes one dead letter", zap.Int32("partition", partition),
		zap.Int64("first", offset), zap.Int64("last", raw.last), zap.Int64("bytes", raw.size), zap.Error(why))
	refusal := &event.Error{Reason: reasonUnreadable,
		Detail: fmt.Sprintf("offsets %d to %d, %d bytes: %v", max(raw.first, offset), raw.last, raw.size, why)}
	h.source.opts.Metrics.reject(refusal)
	rec := letterRecord("kafka:"+topic, fmt.Sprintf("%s/%d/%d", topic, partition, raw.last), raw.start, raw.size, refusal)
	rec.Partition, rec.Offset = partition, raw.last
	rec.Received = raw.received()
	return &Batch{Records: []event.Record{rec}}, raw.last, nil
}

// messages takes a batch apart as sarama's consumer does.
func messages(topic string, partition int32, b *sarama.RecordBatch) []*sarama.ConsumerMessage {
	if b.Control {
		return nil
	}
	msgs := make([]*sarama.ConsumerMessage, 0, len(b.Records))
	for _, r := range b.Records {
		stamp := b.FirstTimestamp.Add(r.TimestampDelta)
		if b.LogAppendTime {
			stamp = b.MaxTimestamp
		}
		msgs = append(msgs, &sarama.ConsumerMessage{Topic: topic, Partition: partition, Offset: b.FirstOffset + r.OffsetDelta,
			Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: stamp})
	}
	return msgs
}
