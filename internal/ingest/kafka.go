package ingest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rcrowley/go-metrics"
	"go.uber.org/zap"

	"recsvc/internal/event"
)

// Errors that a KafkaSource stands still at: going on would lose or repeat records, and only an operator can decide.
var (
	// ErrKafkaOutOfRange reports that the log no longer holds, or never held, the offset to go on from.
	ErrKafkaOutOfRange = errors.New("offset out of range")
	// ErrKafkaTopic reports that the topic is missing, or is not the one that the state was made from.
	ErrKafkaTopic = errors.New("unusable topic")
)

// KafkaOptions says which topic is the log and how to reach it. A zero field takes the default named beside it.
type KafkaOptions struct {
	Brokers  []string // host:port of some brokers; required
	Topic    string   // required; it must exist
	Group    string   // consumer group of this instance alone; "recsvc-" and the name in File. Its committed offsets are written, never followed
	ClientID string   // shown to the brokers; "recsvc"

	TLS  *tls.Config // nil: plain text
	SASL KafkaSASL   // the zero value: nobody asks who we are

	// File is where a source keeps its own name and which topic its state is of, so that a topic that was made anew is not
	// taken for the old one. It belongs beside the state. "": a source of its own each time, which cannot tell.
	File string

	// SkipLost lets a partition go on with the oldest record when those before it were removed unread: it is logged, and
	// counted by their number. Without it the partition stands still.
	SkipLost bool

	// DeadLetterTopic is where dead letters are produced to, too, before they are handed out: at least once each. While
	// it cannot be reached the partition waits. "": nowhere.
	DeadLetterTopic string

	MaxRecordBytes int           // longer messages become dead letters, and are refused by Append; 1,000 KiB, which brokers take by default
	BatchRecords   int           // most records in a Batch; 1024
	Workers        int           // goroutines that decode, for each partition; 2
	Timeout        time.Duration // most that one request to a broker may take; 10s
	MaxBackoff     time.Duration // longest pause between two attempts to reach the brokers; 10s
	Refresh        time.Duration // how often to look for new partitions; 1m
	Rebalance      time.Duration // most that the group waits for a member that is slow to come back; 20s
	Look           time.Duration // how often to ask where partitions end, and whether the topic is still the same; 5s
	StuckAfter     time.Duration // no record for so long although some wait: the session is left and joined anew; 1m

	// Hold is asked ten times a second and before each batch: while it returns an error nothing is fetched or handed out.
	// The membership goes on. Called by several goroutines; nil: never.
	Hold func() error

	// Accept judges a decoded record by the rules that need no state, and may complete it (an event without a time).
	// Its error, best an *event.Error, turns the record into a dead letter. Called by several goroutines; nil: all pass.
	Accept func(*event.Record) error

	// Partitions is told the partitions of the topic whenever a session begins, before a record of it is handed out: time
	// must not pass over the ones that happen to be read last. nil: nobody asks.
	Partitions func(all []int32)

	Metrics    *Metrics              // counts refusals, shared with the intake; nil: its own, not exported
	Logger     *zap.Logger           // nil: silent
	Registerer prometheus.Registerer // nil: counted, not exported
}

// kafkaName is what Kafka allows in names of topics; groups and clients are held to the same.
var kafkaName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// withDefaults fills in what is zero and checks the rest.
func (o KafkaOptions) withDefaults() (KafkaOptions, error) {
	setDefault(&o.ClientID, "recsvc")
	setDefault(&o.MaxRecordBytes, 1000<<10)
	setDefault(&o.BatchRecords, 1024)
	setDefault(&o.Workers, 2)
	setDefault(&o.Timeout, 10*time.Second)
	setDefault(&o.MaxBackoff, 10*time.Second)
	setDefault(&o.Refresh, time.Minute)
	setDefault(&o.Rebalance, 20*time.Second)
	setDefault(&o.Look, 5*time.Second)
	setDefault(&o.StuckAfter, time.Minute)
	if o.Accept == nil {
		o.Accept = func(*event.Record) error { return nil }
	}
	if o.Hold == nil {
		o.Hold = func() error { return nil }
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return o, o.check()
}

func (o KafkaOptions) check() error {
	if len(o.Brokers) == 0 {
		return errors.New("kafka: Brokers is empty")
	}
	for _, name := range []struct {
		field, value string
		optional     bool
	}{{"Topic", o.Topic, false}, {"Group", o.Group, true}, {"ClientID", o.ClientID, false}, {"DeadLetterTopic", o.DeadLetterTopic, true}} {
		if !kafkaName.MatchString(name.value) && !(name.optional && name.value == "") {
			return fmt.Errorf("kafka: %s %q: want 1 to 249 letters, digits, dots, underscores or dashes", name.field, name.value)
		}
	}
	if o.DeadLetterTopic == o.Topic {
		return fmt.Errorf("kafka: DeadLetterTopic %q is the topic itself: its letters would come back without end", o.Topic)
	}
	if err := o.SASL.check(); err != nil {
		return err
	}
	if o.MaxRecordBytes < 1<<10 || o.MaxRecordBytes > maxKafkaResponse/2 {
		return fmt.Errorf("kafka: MaxRecordBytes %d: want 1 KiB to %d MiB", o.MaxRecordBytes, maxKafkaResponse>>21)
	}
	if o.BatchRecords < 1 || o.Workers < 1 {
		return fmt.Errorf("kafka: BatchRecords %d and Workers %d must be positive", o.BatchRecords, o.Workers)
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{{"Timeout", o.Timeout}, {"MaxBackoff", o.MaxBackoff}, {"Refresh", o.Refresh}, {"Rebalance", o.Rebalance}, {"Look", o.Look}, {"StuckAfter", o.StuckAfter}} {
		if d.value < time.Millisecond {
			return fmt.Errorf("kafka: %s %v must be at least 1ms", d.field, d.value)
		}
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Bounds on what one answer of a broker may cost, however small it was on the wire.
const (
	maxKafkaResponse     = 32 << 20 // bytes of one response
	maxKafkaDecompressed = 64 << 20 // bytes of one record batch after decompression: a bomb is refused
)

// boundSarama sets what sarama and the library of its own metrics keep in package variables: the limits, and that
// those metrics, which nobody reads, are not taken. Once, before the first client starts: they are read without a lock.
var boundSarama = sync.OnceFunc(func() {
	metrics.UseNilMetrics = true
	sarama.MaxResponseSize = maxKafkaResponse
	sarama.MaxDecompressedBatchSize = maxKafkaDecompressed
})

// saramaConfig returns what source and log have in common.
func (o *KafkaOptions) saramaConfig() *sarama.Config {
	boundSarama()
	c := sarama.NewConfig()
	c.Version = sarama.V2_8_0_0 // of the protocol: brokers from 2.8 on, 4.x among them
	c.ClientID = o.ClientID
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = o.Timeout, o.Timeout, o.Timeout
	c.Metadata.Full = false // of our topic, not of the whole cluster
	c.Metadata.Timeout = o.Timeout
	c.Metadata.RefreshFrequency = o.Refresh
	o.secure(c)
	return c
}
