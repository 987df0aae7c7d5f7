package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/zap"

	"recsvc/internal/event"
)

// KafkaSource is the Source of a Kafka topic, through a consumer group that by default has this instance as its only
// member and therefore reads every partition.
//
// Where to go on is decided by the cursor given to Run, which comes from our own checkpoint, never by what the group
// has committed: state and offsets must be of one moment. The group's offsets are written every few seconds, as a
// hint to monitoring tools. Records of one partition are delivered in order, each once in a Run, whatever the group
// goes through; between partitions there is no order.
//
// Memory is bounded by the batches under way (a few per partition, of at most BatchRecords) and by what one answer of
// a broker may hold. When the receiver is slow the source stops fetching.
type KafkaSource struct {
	opts    KafkaOptions
	metrics *kafkaMetrics

	mu        sync.Mutex
	positions map[int32]*kafkaPosition
	client    sarama.Client // of the membership; nil while there is none
	asking    sync.WaitGroup
	connected bool
	lastErr   error

	told bool // what was wrong with the topic's settings; Run's own
}

// KafkaPartition is where a source stands in one partition.
type KafkaPartition struct {
	Partition int32
	Start     int64 // offset of the first record of this Run
	Next      int64 // offset of the next record to deliver
	End       int64 // offset after the newest record that the broker has told of; Next when it has not
	Claimed   bool  // ours in the present session with the group, or in the last one while there is none
}

// KafkaStatus is what a KafkaSource is doing at this moment.
type KafkaStatus struct {
	Connected  bool  // a session with the group is up
	Err        error // what went wrong last; nil while connected
	Partitions []KafkaPartition
}

// Lag returns how many records of the log wait to be delivered.
func (s KafkaStatus) Lag() int64 {
	var lag int64
	for _, p := range s.Partitions {
		lag += p.End - p.Next
	}
	return lag
}

var _ Source = (*KafkaSource)(nil)

// NewKafkaSource checks the options. It does not reach out to a broker.
func NewKafkaSource(opts KafkaOptions) (*KafkaSource, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &KafkaSource{opts: opts, positions: map[int32]*kafkaPosition{}}
	s.metrics = newKafkaMetrics(opts.Registerer, func() float64 { return float64(s.Status().Lag()) })
	return s, nil
}

// Status may be called at any time by any goroutine.
func (s *KafkaSource) Status() KafkaStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := KafkaStatus{Connected: s.connected, Err: s.lastErr}
	for partition, p := range s.positions {
		st.Partitions = append(st.Partitions, KafkaPartition{
			Partition: partition, Start: p.start, Next: p.next, End: p.logEnd(), Claimed: p.claimed,
		})
	}
	slices.SortFunc(st.Partitions, func(a, b KafkaPartition) int { return int(a.Partition) - int(b.Partition) })
	return st
}

// Run implements Source. It outlives lost brokers, leaders and sessions, trying again with growing pauses, and returns
// only when ctx ends, or when going on is not safe (ErrKafkaOutOfRange, ErrKafkaTopic) or not allowed. One Run at a time.
func (s *KafkaSource) Run(ctx context.Context, from event.Cursor, out chan<- *Batch) error {
	s.begin(from)
	backoff := backoff{max: s.opts.MaxBackoff}
	for {
		err := s.connect(ctx, out, &backoff)
		s.fail(err)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil: // a session ended as sessions do, by a rebalance
			continue
		case fatal(err) || backoff.tries >= maxTopicTries && errors.Is(err, sarama.ErrUnknownTopicOrPartition):
			return fmt.Errorf("kafka topic %s: %w", s.opts.Topic, explain(err))
		}
		s.metrics.failures.Inc()
		s.opts.Logger.Warn("kafka is out of reach", zap.Error(err), zap.Duration("retry_in", backoff.next()))
		if backoff.wait(ctx) != nil {
			return ctx.Err()
		}
	}
}

// maxTopicTries is how often in a row the brokers may deny that the topic exists before that is believed: just after
// it was made, or while they start, they do not know of it yet.
const maxTopicTries = 5

// begin forgets a former Run.
func (s *KafkaSource) begin(from event.Cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.positions)
	for _, p := range from {
		s.positions[p.Partition] = &kafkaPosition{start: p.Offset, next: p.Offset, end: p.Offset}
	}
}

// fail notes that no session is up, and why.
func (s *KafkaSource) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connected, s.lastErr = false, err
	s.metrics.connected.Set(0)
}

// connect makes one client and one membership and keeps them for as many sessions as they serve.
func (s *KafkaSource) connect(ctx context.Context, out chan<- *Batch, backoff *backoff) (err error) {
	client, err := sarama.NewClient(s.opts.Brokers, s.opts.sourceConfig())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.leave(client)) }()
	s.join(client)
	s.checkTimestamps(client)
	group, err := sarama.NewConsumerGroupFromClient(s.opts.Group, client)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var watch sync.WaitGroup
	watch.Go(func() { s.watchErrors(group.Errors(), cancel) })
	defer func() {
		_ = group.Close() // leaving is a courtesy: the broker notices by itself
		watch.Wait()
	}()

	handler := &kafkaHandler{source: s, client: client, out: out, backoff: backoff}
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{s.opts.Topic}, handler); err != nil && ctx.Err() == nil {
			return err
		}
		s.fail(nil)
	}
	return context.Cause(ctx)
}

// watchErrors reads what goes wrong beside the sessions; sarama blocks when nobody does. It ends with the group.
func (s *KafkaSource) watchErrors(errs <-chan error, cancel context.CancelCauseFunc) {
	for err := range errs {
		s.metrics.failures.Inc()
		s.opts.Logger.Warn("kafka consumer error", zap.Error(err))
		if fatal(err) {
			cancel(err)
		}
	}
}

// fatal tells errors that no retry mends from those of a cluster in trouble.
func fatal(err error) bool {
	var configuration sarama.ConfigurationError
	if errors.As(err, &configuration) {
		return true
	}
	return slices.ContainsFunc([]error{
		ErrKafkaOutOfRange, ErrKafkaTopic,
		sarama.ErrOffsetOutOfRange, sarama.ErrMessageTooLarge, sarama.ErrUnsupportedVersion, sarama.ErrInvalidTopic,
		sarama.ErrTopicAuthorizationFailed, sarama.ErrGroupAuthorizationFailed, sarama.ErrClusterAuthorizationFailed,
		sarama.ErrSASLAuthenticationFailed,
	}, func(target error) bool { return errors.Is(err, target) })
}

// explain gives sarama's errors our names.
func explain(err error) error {
	switch {
	case errors.Is(err, sarama.ErrOffsetOutOfRange) && !errors.Is(err, ErrKafkaOutOfRange):
		return fmt.Errorf("%w: %w", ErrKafkaOutOfRange, err)
	case errors.Is(err, sarama.ErrUnknownTopicOrPartition):
		return fmt.Errorf("%w: it does not exist: create it, with as many partitions as it will ever need: %w", ErrKafkaTopic, err)
	}
	return err
}

// sourceConfig bounds what the consumer holds in memory, and keeps sarama from deciding by itself where to read.
func (o KafkaOptions) sourceConfig() *sarama.Config {
	c := o.saramaConfig()
	c.ChannelBufferSize = 32                         // messages per partition between fetch and decode
	c.Consumer.Fetch.Default = 256 << 10             // bytes asked of one partition; a larger message still comes whole
	c.Consumer.Fetch.MaxBytes = 4 << 20              // bytes of one answer
	c.Consumer.Fetch.Max = 0                         // with a limit sarama skips messages above it
	c.Consumer.MaxProcessingTime = 30 * time.Second  // a slow receiver is back-pressure, not a reason to subscribe anew
	c.Consumer.Return.Errors = true                  // read by watchErrors
	c.Consumer.Offsets.Initial = sarama.OffsetOldest // never asked: each claim is positioned
	c.Consumer.Offsets.AutoCommit.Interval = time.Second * 10
	c.Consumer.Group.ResetInvalidOffsets = false // never jump
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	c.Consumer.Group.Session.Timeout = 6 * time.Second // how long the group waits for a killed instance
	c.Consumer.Group.Heartbeat.Interval = 2 * time.Second
	c.Consumer.Group.Rebalance.Timeout = 20 * time.Second
	c.Net.ReadTimeout = max(o.Timeout, 30*time.Second) // joining a group may take as long as a rebalance
	c.Consumer.Retry.Max = 5                           // then the session ends and everything is looked up anew
	return c
}

// backoff doubles a pause from 1/40 of its maximum, and starts anew after success.
type backoff struct {
	max   time.Duration
	tries int
}

func (b *backoff) next() time.Duration { return min(b.max/40<<min(b.tries, 10), b.max) }

func (b *backoff) wait(ctx context.Context) error {
	pause := time.NewTimer(b.next())
	defer pause.Stop()
	b.tries++
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-pause.C:
		return nil
	}
}
