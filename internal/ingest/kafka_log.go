package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"recsvc/internal/event"
)

// ErrKafkaClosed reports an Append after Close.
var ErrKafkaClosed = errors.New("kafka log closed")

// KafkaLog is the Log of a Kafka topic. What Append has returned for is acknowledged by all in-sync replicas, and the
// records of one person keep the order of the Appends that returned one after the other. Any number of goroutines may
// append at once; their records share requests.
type KafkaLog struct {
	opts KafkaOptions

	mu       sync.Mutex
	client   sarama.Client
	producer sarama.SyncProducer // nil before the first Append
	closed   bool
	sending  sync.WaitGroup // Appends that use the producer, those given up by their callers too
}

var _ Log = (*KafkaLog)(nil)

// NewKafkaLog checks the options. It does not reach out to a broker: the first Append does.
func NewKafkaLog(opts KafkaOptions) (*KafkaLog, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &KafkaLog{opts: opts}, nil
}

// Append implements Log: it writes recs, stamps each with its Partition and Offset, and returns the cursor just after
// them. After an error some of them may be in the log all the same, in places unknown; sending those again is safe for
// records with an id. Append keeps no reference to recs.
func (l *KafkaLog) Append(ctx context.Context, recs []event.Record) (event.Cursor, error) {
	if len(recs) == 0 {
		return nil, nil
	}
	msgs, err := l.messages(recs)
	if err != nil {
		return nil, err
	}
	sent := make(chan error, 1)
	go func() { sent <- l.send(msgs) }() // sarama knows no contexts
	select {
	case err = <-sent:
	case <-ctx.Done():
		return nil, fmt.Errorf("append to kafka topic %s: %w: whether the records were written is not known", l.opts.Topic, ctx.Err())
	}
	if err != nil {
		return nil, l.appendError(err, len(recs))
	}
	var next event.Cursor
	for i, msg := range msgs {
		recs[i].Partition, recs[i].Offset = msg.Partition, msg.Offset
		next = next.Set(msg.Partition, max(next.Offset(msg.Partition), msg.Offset+1))
	}
	return next, nil
}

// Wait implements Log. Nothing is left to wait for: Append has.
func (l *KafkaLog) Wait(ctx context.Context, _ event.Cursor) error { return ctx.Err() }

// Close waits for what is being sent and lets go of the brokers. Appends after it
// fail with ErrKafkaClosed; a second Close does nothing.
func (l *KafkaLog) Close() error {
	l.mu.Lock()
	l.closed = true
	producer, client := l.producer, l.client
	l.producer, l.client = nil, nil
	l.mu.Unlock()
	if producer == nil {
		return nil
	}
	l.sending.Wait()
	return errors.Join(producer.Close(), client.Close())
}

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

// send returns when every message is acknowledged or has failed.
func (l *KafkaLog) send(msgs []*sarama.ProducerMessage) error {
	producer, err := l.begin()
	if err != nil {
		return err
	}
	defer l.sending.Done()
	return producer.SendMessages(msgs)
}

// begin returns the producer, connecting it first when there is none yet, and counts the caller in.
func (l *KafkaLog) begin() (sarama.SyncProducer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrKafkaClosed
	}
	if l.producer == nil {
		if err := l.connect(); err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
	l.sending.Add(1)
	return l.producer, nil
}

func (l *KafkaLog) connect() error {
	client, err := sarama.NewClient(l.opts.Brokers, l.opts.logConfig())
	if err != nil {
		return err
	}
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	l.client, l.producer = client, producer
	return nil
}

// appendError says how many records failed and why the first one did.
func (l *KafkaLog) appendError(err error, of int) error {
	var failed sarama.ProducerErrors
	if errors.As(err, &failed) && len(failed) > 0 {
		return fmt.Errorf("append to kafka topic %s: %d of %d records failed: %w", l.opts.Topic, len(failed), of, explain(failed[0].Err))
	}
	return fmt.Errorf("append to kafka topic %s: %w", l.opts.Topic, err)
}

// logConfig asks for the strongest promise that Kafka makes without transactions.
func (o KafkaOptions) logConfig() *sarama.Config {
	c := o.saramaConfig()
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Idempotent = true // a request sent again after a lost answer is written once
	c.Net.MaxOpenRequests = 1    // and in its place
	c.Producer.Retry.Max = 5
	c.Producer.Timeout = o.Timeout
	c.Producer.MaxMessageBytes = o.MaxRecordBytes + 4<<10 // key, headers, framing
	c.Producer.Compression = sarama.CompressionLZ4
	c.Producer.Partitioner = newKeyPartitioner
	c.Producer.Return.Successes = true // SyncProducer reads both
	c.Producer.Return.Errors = true
	return c
}
