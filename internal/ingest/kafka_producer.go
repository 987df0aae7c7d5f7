package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// ErrKafkaClosed reports an Append after Close.
var ErrKafkaClosed = errors.New("kafka log closed")

// kafkaProducer sends messages and waits until they are acknowledged. It connects at the first of them. Any number of
// goroutines may send at once; their messages share requests.
type kafkaProducer struct {
	brokers []string
	config  func() *sarama.Config

	mu       sync.Mutex
	dialer   *kafkaDialer
	client   sarama.Client
	producer sarama.SyncProducer // nil before the first message
	closed   bool
	sending  sync.WaitGroup // those that use the producer, those given up by their callers too
}

// send returns when every message is acknowledged or has failed, or when ctx ends: then nothing is known of them.
func (p *kafkaProducer) send(ctx context.Context, msgs []*sarama.ProducerMessage) error {
	sent := make(chan error, 1)
	go func() { // sarama knows no contexts
		producer, err := p.begin()
		if err != nil {
			sent <- err
			return
		}
		defer p.sending.Done()
		sent <- producer.SendMessages(msgs)
	}()
	select {
	case err := <-sent:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin returns the producer, connecting it first when there is none yet, and counts the caller in.
func (p *kafkaProducer) begin() (sarama.SyncProducer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrKafkaClosed
	}
	if p.producer == nil {
		if err := p.connect(); err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
	p.sending.Add(1)
	return p.producer, nil
}

func (p *kafkaProducer) connect() error {
	settings := p.config()
	dialer := dialThrough(settings)
	client, err := sarama.NewClient(p.brokers, settings)
	if err != nil {
		return err
	}
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	p.dialer, p.client, p.producer = dialer, client, producer
	return nil
}

// close waits for what is being sent, but not for long, and lets go of the brokers. A second close does nothing.
func (p *kafkaProducer) close(grace time.Duration) error {
	p.mu.Lock()
	p.closed = true
	dialer, producer, client := p.dialer, p.producer, p.client
	p.dialer, p.producer, p.client = nil, nil, nil
	p.mu.Unlock()
	if producer == nil {
		return nil
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	defer dialer.cutAfter(now, grace)()
	p.sending.Wait()
	return errors.Join(producer.Close(), client.Close())
}
