package ingest

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/zap"

	"recsvc/internal/event"
)

// sendLetters produces the dead letters of a batch to their topic, and returns when they are acknowledged by all in-sync
// replicas. While that topic cannot take them the partition waits, and says so: nothing is dropped. A batch that was not
// handed out in the end, or that lies behind the last checkpoint, comes again and so do its letters: at least once each.
// Their keys tell which are the same.
func (s *KafkaSource) sendLetters(ctx context.Context, partition int32, batch *Batch) error {
	if s.letters == nil {
		return nil
	}
	var msgs []*sarama.ProducerMessage
	for i := range batch.Records {
		if rec := &batch.Records[i]; rec.Kind == event.KindDeadLetter {
			msgs = append(msgs, letterMessage(&s.opts, rec))
		}
	}
	if len(msgs) == 0 {
		return nil
	}
	backoff := backoff{max: s.opts.MaxBackoff}
	for {
		err := s.letters.send(ctx, msgs)
		if err == nil {
			s.metrics.letters.Add(float64(len(msgs)))
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err = fmt.Errorf("the topic of dead letters, %s, cannot be written: %w", s.opts.DeadLetterTopic, s.opts.explain(firstFailure(err)))
		s.waits(partition, err)
		s.metrics.letterFailures.Inc()
		s.opts.Logger.Warn("kafka: a partition waits for the topic of dead letters", zap.Int32("partition", partition), zap.Error(err),
			zap.Duration("retry_in", backoff.next()))
		if err := backoff.wait(ctx); err != nil {
			return err
		}
	}
}

// letterMessage is a dead letter as it goes to its topic: the bytes that were refused, as many as were kept, and all that
// is known of them in headers.
func letterMessage(o *KafkaOptions, rec *event.Record) *sarama.ProducerMessage {
	l := rec.DeadLetter
	msg := &sarama.ProducerMessage{
		Topic: o.DeadLetterTopic,
		Key:   sarama.StringEncoder(fmt.Sprintf("%s/%d/%d", o.Topic, rec.Partition, rec.Offset)),
		Value: sarama.ByteEncoder(l.Bytes[:min(len(l.Bytes), event.MaxDeadLetterBytes)]),
	}
	for _, h := range [...]struct{ key, value string }{
		{"reason", l.Reason},
		{"detail", l.Detail},
		{"source", l.Source},
		{"place", l.Place},
		{"topic", o.Topic},
		{"partition", strconv.Itoa(int(rec.Partition))},
		{"offset", strconv.FormatInt(rec.Offset, 10)},
		{"received", rec.Received.Time().UTC().Format(time.RFC3339Nano)},
		{"size", strconv.FormatInt(l.Size, 10)},
	} {
		if h.value != "" {
			msg.Headers = append(msg.Headers, sarama.RecordHeader{Key: []byte(h.key), Value: []byte(h.value)})
		}
	}
	return msg
}

// letterConfig is that of a producer for which twice is no harm.
func (o *KafkaOptions) letterConfig() *sarama.Config {
	c := o.logConfig()
	c.Producer.Idempotent = false // sendLetters tries again whatever the error is
	c.Producer.Retry.Max = 1
	c.Producer.MaxMessageBytes = event.MaxDeadLetterBytes + 16<<10 // key, headers, framing
	c.Producer.Partitioner = sarama.NewHashPartitioner
	return c
}
