package ingest

import (
	"context"
	"errors"
	"fmt"
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
// has committed: state and offsets must be of one moment. The group's offsets are written every few seconds and when a
// session ends, as a hint to monitoring tools. Records of one partition are delivered in order, each once in a Run,
// whatever the group goes through; between partitions there is no order.
//
// A partition that the group takes away is fenced: its ConsumeClaim has returned, and with it everything that was on its
// way from the broker to the receiver, before the group hears that it was let go, and only then can another member get
// it. What the receiver holds by then it may apply in peace: those records come before the place where this source goes
// on when the partition comes back, and no member reads the state of another. For the same reason it does no harm when
// the group has given a partition away unheard, because this process was stopped for a while, and both read it.
//
// Nothing is skipped silently. Where the log cannot be read on, the partition, or the whole source, stands still and
// Status says why; Run does not return, since lists can be served all the same.
//
// Memory is bounded by the batches under way (a few per partition, of at most BatchRecords) and by what one answer of
// a broker may hold. When the receiver is slow, or Hold says so, the source stops fetching; its membership goes on.
type KafkaSource struct {
	opts     KafkaOptions
	metrics  *kafkaMetrics
	identity *kafkaIdentity
	letters  *kafkaProducer // of the present Run; nil without DeadLetterTopic

	mu        sync.Mutex
	positions map[int32]*kafkaPosition
	elsewhere []int32       // partitions that another member of the group has
	client    sarama.Client // of the membership; nil while there is none
	asking    sync.WaitGroup
	connected bool
	lastErr   error
	trouble   error // what the consumer reported last in the present session
	held      error
	suspect   bool // something was read that sarama could not take apart: the next session looks for it

	told bool // what was wrong with the topic's settings; Run's own
}

var _ Source = (*KafkaSource)(nil)

// NewKafkaSource checks the options and reads or makes File. It does not reach out to a broker.
func NewKafkaSource(opts KafkaOptions) (*KafkaSource, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &KafkaSource{opts: opts, positions: map[int32]*kafkaPosition{}}
	if s.identity, err = openKafkaIdentity(opts.File); err != nil {
		return nil, err
	}
	setDefault(&s.opts.Group, "recsvc-"+s.identity.Instance)
	s.metrics = newKafkaMetrics(opts.Registerer, s)
	return s, nil
}

// Run implements Source. It outlives lost brokers, leaders and sessions, trying again with growing pauses, and returns
// only when ctx ends or the settings are such that no retry can succeed. One Run at a time.
func (s *KafkaSource) Run(ctx context.Context, from event.Cursor, out chan<- *Batch) error {
	s.begin(from)
	if s.opts.DeadLetterTopic != "" {
		s.letters = newKafkaProducer(s.opts.Brokers, s.opts.letterConfig)
		defer s.letters.close(leaveGrace)
	}
	backoff := backoff{max: s.opts.MaxBackoff}
	for {
		err := s.connect(ctx, out, &backoff)
		if ctx.Err() != nil {
			s.fail(ctx.Err())
			return ctx.Err()
		}
		if err == nil { // a session ended as sessions do, by a rebalance
			continue
		}
		err = fmt.Errorf("kafka topic %s: %w", s.opts.Topic, s.opts.explain(err))
		s.fail(err)
		var settings sarama.ConfigurationError
		switch {
		case errors.As(err, &settings):
			return err
		case errors.Is(err, ErrKafkaTopic) && !errors.Is(err, sarama.ErrUnknownTopicOrPartition):
			s.opts.Logger.Error("kafka: standing still", zap.Error(err))
			s.halt(err)
			<-ctx.Done()
			return ctx.Err()
		}
		s.metrics.failures.Inc()
		s.opts.Logger.Warn("kafka is out of reach", zap.Error(err), zap.Duration("retry_in", backoff.next()))
		if backoff.wait(ctx) != nil {
			return ctx.Err()
		}
	}
}

// begin forgets a former Run.
func (s *KafkaSource) begin(from event.Cursor) {
	if err := s.identity.begin(from); err != nil {
		s.opts.Logger.Warn("kafka: the topic's file could not be written", zap.Error(err)) // it says the same at the next start
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.positions)
	s.suspect = false
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
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	settings := s.opts.sourceConfig()
	dialer := dialThrough(settings)
	defer dialer.cutAfter(ctx, leaveGrace)()
	client, err := sarama.NewClient(s.opts.Brokers, settings)
	if err != nil {
		return err
	}
	defer func() {
		cancel(nil)
		err = errors.Join(err, s.leave(client))
	}()
	s.join(client)
	if err := s.identify(ctx, client); err != nil {
		return err
	}
	s.checkTimestamps(client)
	group, err := sarama.NewConsumerGroupFromClient(s.opts.Group,
		&identifyingClient{Client: client, ctx: ctx, source: s, leave: cancel})
	if err != nil {
		return err
	}
	handler := &kafkaHandler{source: s, client: client, dialer: dialer, group: group, out: out, backoff: backoff}

	var watch sync.WaitGroup
	watch.Go(func() { s.watchErrors(group.Errors(), cancel) })
	watch.Go(func() { handler.regulate(ctx, cancel) })
	watch.Go(func() { handler.look(ctx, cancel) })
	defer func() {
		cancel(nil)
		_ = group.Close() // leaving is a courtesy: the broker notices by itself
		watch.Wait()
	}()

	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{s.opts.Topic}, handler); err != nil && ctx.Err() == nil {
			return err
		}
		s.fail(s.lastTrouble())
	}
	return context.Cause(ctx)
}

// watchErrors reads what goes wrong beside the sessions; sarama blocks when nobody does. It ends with the group.
func (s *KafkaSource) watchErrors(errs <-chan error, cancel context.CancelCauseFunc) {
	for err := range errs {
		s.metrics.failures.Inc()
		s.opts.Logger.Warn("kafka consumer error", zap.Error(err))
		s.setTrouble(err)
		if unreadable(err) {
			s.setSuspect(true)
			cancel(err)
		}
	}
}

// explain gives sarama's errors our names, and says what to do.
func (o *KafkaOptions) explain(err error) error {
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return fmt.Errorf("%w: it does not exist: create it, with as many partitions as it will ever need (if it was deleted, bring it back: a new one "+
			"takes an empty data directory): %w", ErrKafkaTopic, err)
	}
	return o.explainSecurity(err)
}

// sourceConfig bounds what the consumer holds in memory, and keeps sarama from deciding by itself where to read.
func (o *KafkaOptions) sourceConfig() *sarama.Config {
	c := o.saramaConfig()
	c.ChannelBufferSize = 32                         // messages per partition between fetch and decode
	c.Consumer.Fetch.Default = 256 << 10             // bytes asked of one partition; a larger message still comes whole
	c.Consumer.Fetch.MaxBytes = 4 << 20              // bytes of one answer
	c.Consumer.Fetch.Max = 0                         // with a limit sarama skips messages above it
	c.Consumer.MaxProcessingTime = 5 * time.Second   // a slow receiver is back-pressure: others of its broker wait for no longer
	c.Consumer.Return.Errors = true                  // read by watchErrors
	c.Consumer.Offsets.Initial = sarama.OffsetOldest // never asked: each claim is positioned
	c.Consumer.Offsets.AutoCommit.Interval = time.Second * 10
	c.Consumer.Group.ResetInvalidOffsets = false // never jump
	c.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{sarama.NewBalanceStrategySticky()}
	c.Consumer.Group.Session.Timeout = 6 * time.Second // how long the group waits for a killed instance
	c.Consumer.Group.Heartbeat.Interval = 2 * time.Second
	c.Consumer.Group.Rebalance.Timeout = o.Rebalance
	c.Net.ReadTimeout = o.Timeout + o.Rebalance // joining a group may take as long as a rebalance
	c.Consumer.Group.Rebalance.Retry.Backoff = 500 * time.Millisecond
	c.Consumer.Retry.Backoff = 250 * time.Millisecond // a leader that has moved is found so fast
	c.Consumer.Retry.Max = 8                          // then the session ends and everything is looked up anew
	return c
}

// backoff doubles a pause from 1/40 of its maximum, and starts anew after success.
type backoff struct {
	max   time.Duration
	tries int
}

func (b *backoff) next() time.Duration { return min(b.max/40<<min(b.tries, 10), b.max) }

func (b *backoff) wait(ctx context.Context) error {
	pause := b.next()
	b.tries++
	return sleep(ctx, pause)
}

// sleep waits for d, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	pause := time.NewTimer(d)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-pause.C:
		return nil
	}
}
