package main

import (
	"fmt"
	"path/filepath"

	"go.uber.org/zap"

	"recsvc/internal/ingest"
)

// kafkaOptions says how the configuration wants the topic read and written.
func (a *app) kafkaOptions() (ingest.KafkaOptions, error) {
	c := a.config.Kafka
	tls, err := c.TLS.TLSConfig()
	if err != nil {
		return ingest.KafkaOptions{}, fmt.Errorf("kafka.tls: %w", err)
	}
	if c.TLS.InsecureSkipVerify {
		a.log.Warn("kafka.tls.insecure_skip_verify: anybody between here and the brokers can read and answer")
	}
	if c.SASL.Mechanism == "PLAIN" && tls == nil {
		a.log.Warn("kafka.sasl.mechanism PLAIN without kafka.tls: the password travels in the clear", zap.String("user", c.SASL.User))
	}
	return ingest.KafkaOptions{
		Brokers: c.Brokers, Topic: c.Topic, Group: c.Group, ClientID: c.ClientID,
		TLS: tls, SASL: ingest.KafkaSASL{Mechanism: c.SASL.Mechanism, User: c.SASL.User, Password: c.SASL.Password},
		File:           filepath.Join(a.config.Data, "kafka-topic.json"),
		SkipLost:       c.OnLostRecords == "skip",
		StuckAfter:     c.StuckAfter,
		MaxRecordBytes: int(a.config.Limits.RecordBytes), DeadLetterTopic: c.DeadLetterTopic,
		Accept: a.validator.Stream, Partitions: func(all []int32) { a.engine.Expect(all) },
		Hold:    a.disk.full,
		Metrics: a.metrics, Logger: a.log, Registerer: a.registry,
	}, nil
}
