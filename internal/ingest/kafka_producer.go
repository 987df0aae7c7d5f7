package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/semaphore"
)

// ErrKafkaClosed reports an Append after Close.
var ErrKafkaClosed = errors.New("kafka log closed")

// kafkaProducer sends messages and waits until they are acknowledged. It connects at the first of them. Any number of
// goroutines may send at once; their messages share requests. What is under way is bounded: sends wait for room.
type kafkaProducer struct {
	brokers []string
	config  func() *sarama.Config
	room    *semaphore.Weighted // bytes

	mu         sync.Mutex
	connecting *connecting // nil while nobody is
	dialer     *kafkaDialer
	client     sarama.Client
	producer   sarama.SyncProducer // nil before the first message
	closed     bool
	sending    sync.WaitGroup // those that use the producer, those given up by their callers too
}

// connecting is an attempt to connect that several share.
type connecting struct {
	dialer *kafkaDialer
	done   chan struct{}
	err    error // once done is closed
}

// What is under way costs its bytes and something for each message and each call, so that many small ones are bounded, too.
const (
	producerRoom = 32 << 20
	messageCost  = 256
	callCost     = 4 << 10
)

func newKafkaProducer(brokers []string, config func() *sarama.Config) *kafkaProducer {
	return &kafkaProducer{brokers: brokers, config: config, room: semaphore.NewWeighted(producerRoom)}
}

func costOf(msgs []*sarama.ProducerMessage) int64 {
	cost := callCost
	for _, m := range msgs {
		cost += messageCost + m.Value.Length()
	}
	return int64(min(cost, producerRoom))
}

// send returns when every message is acknowledged or has failed, or when ctx ends: then nothing is known of them, and they
// take up room until something is.
func (p *kafkaProducer) send(ctx context.Context, msgs []*sarama.ProducerMessage) error {
	cost := costOf(msgs)
	if err := p.room.Acquire(ctx, cost); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() { // sarama knows no contexts
		defer p.room.Release(cost)
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

// begin returns the producer, connecting it first when there is none yet, and counts the caller in. Those that come while
// somebody connects share what comes of it: with brokers out of reach they would else try for one another's turn.
func (p *kafkaProducer) begin() (sarama.SyncProducer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.producer == nil {
		if p.closed {
			return nil, ErrKafkaClosed
		}
		if err := p.connectOnce(); err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
	}
	p.sending.Add(1)
	return p.producer, nil
}

// connectOnce connects, or waits for who does. It lets go of the lock meanwhile.
func (p *kafkaProducer) connectOnce() error {
	c := p.connecting
	if c != nil {
		p.mu.Unlock()
		<-c.done
		p.mu.Lock()
		return c.err
	}
	settings := p.config()
	c = &connecting{dialer: dialThrough(settings), done: make(chan struct{})}
	p.connecting = c
	p.mu.Unlock()
	client, producer, err := connect(p.brokers, settings)
	p.mu.Lock()
	if err == nil && p.closed {
		err = errors.Join(ErrKafkaClosed, producer.Close(), client.Close())
	}
	if err == nil {
		p.dialer, p.client, p.producer = c.dialer, client, producer
	}
	c.err, p.connecting = err, nil
	close(c.done)
	return err
}

func connect(brokers []string, settings *sarama.Config) (sarama.Client, sarama.SyncProducer, error) {
	client, err := sarama.NewClient(brokers, settings)
	if err != nil {
		return nil, nil, err
	}
	producer, err := sarama.NewSyncProducerFromClient(client)
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	return client, producer, nil
}

// close waits for what is being sent, but not for long, and lets go of the brokers. A second close does nothing.
func (p *kafkaProducer) close(grace time.Duration) error {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	p.mu.Lock()
	p.closed = true
	if c := p.connecting; c != nil {
		p.mu.Unlock()
		stop := c.dialer.cutAfter(now, grace)
		<-c.done
		stop()
		p.mu.Lock()
	}
	dialer, producer, client := p.dialer, p.producer, p.client
	p.dialer, p.producer, p.client = nil, nil, nil
	p.mu.Unlock()
	if producer == nil {
		return nil
	}
	defer dialer.cutAfter(now, grace)()
	p.sending.Wait()
	return errors.Join(producer.Close(), client.Close())
}
