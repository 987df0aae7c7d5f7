package ingest

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"
	"go.uber.org/zap"
)

// The setting of a topic that says whose clock stamps its messages.
const (
	timestampType = "message.timestamp.type"
	logAppendTime = "LogAppendTime"
)

// checkTimestamps warns, once, when producers stamp the messages. What a message is stamped with is its receipt, which
// bounds how far an event may be ahead and drag the watermark: with the producers' own clocks, one that is wrong makes the
// events of all others late. Capping the receipt by this machine's clock is no way out: the state would depend on when a
// record was read, and no longer on the log alone.
func (s *KafkaSource) checkTimestamps(client sarama.Client) {
	if s.told {
		return
	}
	got, err := topicSetting(client, s.opts.Topic, timestampType)
	topic := zap.String("topic", s.opts.Topic)
	switch {
	case errors.Is(err, sarama.ErrTopicAuthorizationFailed), errors.Is(err, sarama.ErrClusterAuthorizationFailed): // it will not be next time
		s.told = true
		s.opts.Logger.Warn("whether the topic has "+timestampType+"="+logAppendTime+" could not be read: see to it that it has",
			topic, zap.Error(err))
	case err != nil: // the next connection asks again
		s.opts.Logger.Info("the topic's settings could not be read", topic, zap.Error(err))
	case got != logAppendTime:
		s.told = true
		s.opts.Logger.Warn("the topic's messages carry the time of their producers: one with a wrong clock makes everyone's later "+
			"events late. Set "+timestampType+"="+logAppendTime+" on the topic", topic, zap.String(timestampType, got))
	default:
		s.told = true
	}
}

// topicSetting returns one setting of a topic, as it is in force. It asks a broker itself, since sarama's ClusterAdmin wants
// a client that knows the whole cluster.
func topicSetting(client sarama.Client, topic, name string) (string, error) {
	broker := client.LeastLoadedBroker()
	if broker == nil {
		return "", ErrKafkaDown
	}
	answer, err := broker.DescribeConfigs(&sarama.DescribeConfigsRequest{
		Version:   4,
		Resources: []*sarama.ConfigResource{{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{name}}},
	})
	if err != nil {
		return "", err
	}
	for _, r := range answer.Resources {
		if r.ErrorCode != 0 {
			return "", &sarama.DescribeConfigError{Err: sarama.KError(r.ErrorCode), ErrMsg: r.ErrorMsg}
		}
		for _, e := range r.Configs {
			if e.Name == name {
				return e.Value, nil
			}
		}
	}
	return "", fmt.Errorf("kafka topic %s: the broker does not tell its %s", topic, name)
}
