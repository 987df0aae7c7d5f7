package ingest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"recsvc/internal/event"
)

// kafkaIdentity is what a source remembers beside the state: who it is, and which topic the state was made from. A name
// does not say that: a topic that was deleted and made anew has the same one, and other records at the same offsets.
type kafkaIdentity struct {
	Version  int             `json:"version"`
	Instance string          `json:"instance"` // random; names the consumer group of this data directory
	Topic    string          `json:"topic,omitempty"`
	TopicID  string          `json:"topic_id,omitempty"` // as Kafka's own tools print it; "" where brokers have none (before 2.8)
	Cluster  string          `json:"cluster_id,omitempty"`
	Cut      map[int32]int64 `json:"cut,omitempty"` // partitions whose log was found to end before what the state had applied: where

	mu   sync.Mutex
	path string // "": nowhere
}

const kafkaIdentityV1 = 1

// openKafkaIdentity reads the file, or makes it.
func openKafkaIdentity(path string) (*kafkaIdentity, error) {
	id := &kafkaIdentity{Version: kafkaIdentityV1, Instance: strings.ToLower(rand.Text()[:12]), path: path}
	if path == "" {
		return id, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return id, id.save()
	}
	if err != nil {
		return nil, fmt.Errorf("kafka: File: %w", err)
	}
	*id = kafkaIdentity{path: path}
	if err := json.Unmarshal(text, id); err != nil || id.Version != kafkaIdentityV1 || !kafkaName.MatchString(id.Instance) {
		return nil, fmt.Errorf("kafka: %s is damaged or of another version (version %d): bring back a copy, or remove it to take the "+
			"topic that is there now for the one that the state was made from: %w", path, id.Version, errors.Join(err, ErrStateCorrupt))
	}
	return id, nil
}

// save replaces the file whole: temporary file, sync, rename, sync of the directory.
func (id *kafkaIdentity) save() error {
	if id.path == "" {
		return nil
	}
	text, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(id.path)
	f, err := os.CreateTemp(dir, filepath.Base(id.path)+".*")
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("kafka: write %s: %w", id.path, err)
	}
	if err := os.Rename(f.Name(), id.path); err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// begin forgets the topic when the state is new: it has nothing of it. A state that was taken back to before a cut has nothing of
// what was cut.
func (id *kafkaIdentity) begin(from event.Cursor) error {
	id.mu.Lock()
	defer id.mu.Unlock()
	if len(from) == 0 {
		id.Topic, id.TopicID, id.Cluster, id.Cut = "", "", "", nil
		return nil
	}
	known := len(id.Cut)
	maps.DeleteFunc(id.Cut, func(p int32, end int64) bool { return from.Offset(p) <= end })
	if len(id.Cut) == known {
		return nil
	}
	return id.save()
}

// meet compares the topic of the brokers with the one that the state was made from, which at first contact it becomes.
// The error is an ErrKafkaTopic, or says that the file could not be written.
func (id *kafkaIdentity) meet(topic, topicID, cluster string) error {
	id.mu.Lock()
	defer id.mu.Unlock()
	switch {
	case id.Topic == "":
		id.Topic, id.TopicID, id.Cluster = topic, topicID, cluster
		return id.save()
	case id.Topic != topic:
		return fmt.Errorf("%w: the state was made from topic %s: name that one, or start from an empty data directory", ErrKafkaTopic, id.Topic)
	case id.TopicID != "" && topicID != "" && id.TopicID != topicID:
		return fmt.Errorf("%w: it was deleted and made anew: the state was made from topic id %s, and this one is %s. Its records are "+
			"others, at the same offsets. Start from an empty data directory, or bring the old topic back", ErrKafkaTopic, id.TopicID, topicID)
	case topicID == "" && id.Cluster != "" && cluster != "" && id.Cluster != cluster:
		return fmt.Errorf("%w: the state was made from cluster %s, and this is %s: name the right brokers, or start from an empty "+
			"data directory", ErrKafkaTopic, id.Cluster, cluster)
	case id.TopicID == "" && topicID != "": // brokers that were made newer, or a file of before
		id.TopicID, id.Cluster = topicID, cluster
		return id.save()
	}
	return nil
}

// cutBack remembers that the log of a partition ends at end, before what the state has applied. What is written there from
// now on is other than what the state has seen, though the offsets will soon look right.
func (id *kafkaIdentity) cutBack(partition int32, end int64) error {
	id.mu.Lock()
	defer id.mu.Unlock()
	if known, ok := id.Cut[partition]; ok && known <= end {
		return nil
	}
	if id.Cut == nil {
		id.Cut = map[int32]int64{}
	}
	id.Cut[partition] = end
	return id.save()
}

// wasCut returns where the log of a partition was cut back to, if the state to go on from at next is not of that log.
func (id *kafkaIdentity) wasCut(partition int32, next int64) (int64, bool) {
	id.mu.Lock()
	defer id.mu.Unlock()
	end, ok := id.Cut[partition]
	return end, ok && next > end
}

// identify makes sure that the topic is the one that the state was made from. What a broker says that has just come back
// may be old, so that a difference must be confirmed.
func (s *KafkaSource) identify(ctx context.Context, client sarama.Client) error {
	for tries := 1; ; tries++ {
		topicID, cluster, err := topicIdentity(client, s.opts.Topic)
		if err != nil {
			return err
		}
		err = s.identity.meet(s.opts.Topic, topicID, cluster)
		if err == nil || !errors.Is(err, ErrKafkaTopic) || tries == confirmations {
			return err
		}
		if wait := sleep(ctx, confirmPause); wait != nil {
			return wait
		}
	}
}

// How often a difference must be seen that stops a partition, and the time between.
const (
	confirmations = 3
	confirmPause  = 300 * time.Millisecond
)

// topicIdentity asks a broker for the topic's id ("" where it has none) and the cluster's.
func topicIdentity(client sarama.Client, topic string) (topicID, cluster string, err error) {
	broker := client.LeastLoadedBroker()
	if broker == nil {
		return "", "", ErrKafkaDown
	}
	answer, err := broker.GetMetadata(sarama.NewMetadataRequest(client.Config().Version, []string{topic}))
	if err != nil {
		return "", "", fmt.Errorf("identity of the topic: %w", err)
	}
	if answer.ClusterID != nil {
		cluster = *answer.ClusterID
	}
	for _, t := range answer.Topics {
		if t.Name != topic {
			continue
		}
		if t.Err != sarama.ErrNoError {
			return "", "", fmt.Errorf("identity of the topic: %w", t.Err)
		}
		if t.Uuid != (sarama.Uuid{}) {
			topicID = base64.RawURLEncoding.EncodeToString(t.Uuid[:])
		}
	}
	return topicID, cluster, nil
}

// identifyingClient looks at the topic's identity whenever sarama looks its leaders up anew. It does so after every error
// of a fetch, and so after the one that a deleted topic answers: nothing of the topic that came in its place is fetched.
type identifyingClient struct {
	sarama.Client
	ctx    context.Context
	source *KafkaSource
	leave  context.CancelCauseFunc
}

// RefreshMetadata implements sarama.Client.
func (c *identifyingClient) RefreshMetadata(topics ...string) error {
	if err := c.Client.RefreshMetadata(topics...); err != nil {
		return err
	}
	err := c.source.identify(c.ctx, c.Client)
	if errors.Is(err, ErrKafkaTopic) {
		c.leave(err)
	}
	return err
}
