package ingest

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"recsvc/internal/event"
)

// KafkaLog is the Log of a Kafka topic. What Append has returned for is acknowledged by all in-sync replicas, and the
// records of one person keep the order of the Appends that returned one after the other. Any number of goroutines may
// append at once; their records share requests. About 32 MiB may be on their way, then Append waits for room.
type KafkaLog struct {
	opts KafkaOptions

	producer *kafkaProducer
}

var _ Log = (*KafkaLog)(nil)

// NewKafkaLog checks the options. It does not reach out to a broker: the first Append does.
func NewKafkaLog(opts KafkaOptions) (*KafkaLog, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &KafkaLog{opts: opts, producer: newKafkaProducer(opts.Brokers, opts.logConfig)}, nil
}

// Append implements Log: it writes recs, stamps each with its Partition and Offset, and returns the cursor just after
// them. Append keeps no reference to recs.
//
// After an error, a time-out above all, some of the records may be in the log all the same, in places unknown: the broker
// may have written them and its answer be lost. Inside of Append a request that is sent again is recognised by the broker
// (the producer is idempotent) and written once. Beyond that nobody knows, so the caller sees the error and its client an
// HTTP 503, and sends again: an event with an id that was written the first time is then in the log twice and applied
// once, by (user, id); one without an id counts twice.
func (l *KafkaLog) Append(ctx context.Context, recs []event.Record) (event.Cursor, error) {
	if len(recs) == 0 {
		return nil, nil
	}
	msgs, err := l.messages(recs)
	if err != nil {
		return nil, err
	}
	switch err = l.producer.send(ctx, msgs); {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("append to kafka topic %s: %w: whether the records were written is not known", l.opts.Topic, ctx.Err())
	case err != nil:
		return nil, l.appendError(err, len(recs))
	}
	var next event.Cursor
	for i, msg := range msgs {
		if msg.Offset < 0 {
			return nil, fmt.Errorf("append to kafka topic %s: the records were written before, in places that the broker no longer knows", l.opts.Topic)
		}
		recs[i].Partition, recs[i].Offset = msg.Partition, msg.Offset
		next = next.Set(msg.Partition, max(next.Offset(msg.Partition), msg.Offset+1))
	}
	return next, nil
}

// Wait implements Log. Nothing is left to wait for: Append has.
func (l *KafkaLog) Wait(ctx context.Context, _ event.Cursor) error { return ctx.Err() }

// Close waits for what is being sent, for Timeout at most, and lets go of the brokers. Appends after it fail with
// ErrKafkaClosed; a second Close does nothing.
func (l *KafkaLog) Close() error { return l.producer.close(l.opts.Timeout) }

func (l *KafkaLog) messages(recs []event.Record) ([]*sarama.ProducerMessage, error) {
	msgs := make([]*sarama.ProducerMessage, len(recs))
	for i := range recs {
		msg, err := message(l.opts.Topic, &recs[i])
		if err != nil {
			return nil, err
		}
		if n := msg.Value.Length(); n > l.opts.MaxRecordBytes {
			return nil, fmt.Errorf("kafka: record %d of %d: %w", i+1, len(recs), &event.Error{
				Reason: event.ReasonTooLarge, Detail: fmt.Sprintf("%d bytes, more than %d", n, l.opts.MaxRecordBytes)})
		}
		msgs[i] = msg
	}
	return msgs, nil
}

// appendError says how many records failed and why the first one did.
func (l *KafkaLog) appendError(err error, of int) error {
	var failed sarama.ProducerErrors
	if errors.As(err, &failed) {
		return fmt.Errorf("append to kafka topic %s: %d of %d records failed: %w", l.opts.Topic, len(failed), of, l.opts.explain(firstFailure(err)))
	}
	return fmt.Errorf("append to kafka topic %s: %w", l.opts.Topic, l.opts.explain(err))
}

// firstFailure returns why the first of several messages failed.
func firstFailure(err error) error {
	var failed sarama.ProducerErrors
	if errors.As(err, &failed) && len(failed) > 0 {
		return failed[0].Err
	}
	return err
}

// logConfig asks for the strongest promise that Kafka makes without transactions.
func (o *KafkaOptions) logConfig() *sarama.Config {
	c := o.saramaConfig()
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true // a request sent again after a lost answer is written once
	c.Net.MaxOpenRequests = 1    // and in its place
	c.Producer.Retry.Max = 5
	c.Producer.Transaction.Retry.Max = 10 // attempts to get a producer id, 100 ms apart
	c.Producer.Timeout = o.Timeout
	c.Producer.MaxMessageBytes = o.MaxRecordBytes + 4<<10 // key, headers, framing
	c.Producer.Compression = sarama.CompressionLZ4
	c.Producer.Partitioner = newKeyPartitioner
	c.Producer.Return.Successes = true // SyncProducer reads both
	c.Producer.Return.Errors = true
	return c
}
