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

// walkBytes is how far a walk goes on behind the last unreadable batch: as far as one answer to the group may reach.
const walkBytes = 2 * 4 << 20

// walk reads a partition batch by batch, from next on, and delivers it itself, so that one batch that cannot be taken
// apart (it decompresses to more than there may be, its checksum is wrong, it is larger than an answer may be) does not
// keep the others of its answer, and all other partitions of its broker, from being read for ever. Such a batch is
// replaced by one dead letter, at its last offset, which names the first and the last and holds the start of its bytes.
// That is a function of the log and of constants: another pass over the log makes the same of it.
//
// It returns where the group goes on.
func (h *kafkaHandler) walk(ctx context.Context, partition int32, next, end int64) (int64, error) {
	reader, err := h.openReader(partition)
	if err != nil {
		return 0, err
	}
	defer func() { reader.close() }()
	decoder := &kafkaDecoder{opts: &h.source.opts}
	for left := walkBytes; next < end && left > 0; {
		batches, err := reader.fetch(next, 1)
		if err != nil && !unreadable(err) {
			return 0, fmt.Errorf("partition %d at offset %d: %w", partition, next, err)
		}
		if err == nil && len(batches) == 0 {
			return next, nil
		}
		var batch *Batch
		last := next
		if err != nil {
			reader.close()
			if reader, err = h.openReader(partition); err != nil {
				return 0, err
			}
			if _, err = reader.fetch(next, 1); err == nil {
				continue // it was the transport
			}
			if batch, last, err = h.replace(partition, next, err); err != nil {
				return 0, err
			}
			reader.close()
			if reader, err = h.openReader(partition); err != nil {
				return 0, err
			}
			left = walkBytes
		} else {
			last = batches[0].LastOffset()
			left -= batchSize(batches[0])
			if batch, err = decoder.batch(messages(h.source.opts.Topic, partition, batches[0])); err != nil {
				return 0, err
			}
		}
		if _, err := h.deliver(ctx, partition, batch); err != nil {
			return 0, err
		}
		next = max(next, last) + 1
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

func batchSize(b *sarama.RecordBatch) (n int) {
	for _, r := range b.Records {
		n += len(r.Key) + len(r.Value)
	}
	return n
}
