package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// broker is a real Kafka with one node.
type broker struct {
	env  []string // of the scripts
	addr string
	pid  int
}

func (b *bench) startBroker(ctx context.Context) (*broker, error) {
	k := &broker{}
	dir := filepath.Join(b.work, "kafka")
	k.env = append(os.Environ(), "KAFKA_WIPE=1", "KAFKA_HOME_DIR="+dir)
	addrs, err := freeAddresses(2)
	if err != nil {
		return nil, err
	}
	for i, name := range []string{"KAFKA_PORT", "KAFKA_CTRL_PORT"} {
		_, port, _ := net.SplitHostPort(addrs[i]) // our own
		k.env = append(k.env, name+"="+port)
	}
	var log strings.Builder
	cmd := exec.CommandContext(ctx, "scripts/kafka-start.sh")
	cmd.Env, cmd.Stderr = k.env, &log
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("start Kafka: %w\n%s%s\n%s", err, log.String(), tail(filepath.Join(dir, "format.log")), tail(filepath.Join(dir, "server.log")))
	}
	k.addr = strings.TrimSpace(string(out))
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err == nil {
		k.pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return nil, errors.Join(err, k.stop())
	}
	return k, nil
}

func (k *broker) stop() error {
	cmd := exec.Command("scripts/kafka-stop.sh")
	cmd.Env = k.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("stop Kafka: %w\n%s", err, out)
	}
	return nil
}

// brokerPartitions is how many partitions a topic has.
const brokerPartitions = 4

// topic makes an empty topic.
func (k *broker) topic(name string) error {
	admin, err := sarama.NewClusterAdmin([]string{k.addr}, sarama.NewConfig())
	if err != nil {
		return err
	}
	err = admin.CreateTopic(name, &sarama.TopicDetail{NumPartitions: brokerPartitions, ReplicationFactor: 1}, false)
	return errors.Join(err, admin.Close())
}

// outlet produces to a topic.
type outlet struct {
	topic    string
	producer sarama.AsyncProducer
	acked    func(partition int32, offset int64, sampled bool)
	ended    chan error
}

// open makes a producer; all in-sync replicas acknowledge. acked is called by one goroutine, for each message that is; linger is how
// long the producer gathers messages for a request, where it is free to send one.
func (k *broker) open(topic string, linger time.Duration, acked func(partition int32, offset int64, sampled bool)) (*outlet, error) {
	c := sarama.NewConfig()
	c.ClientID = "bench"
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Return.Successes = true
	c.Producer.Flush.Frequency = linger
	p, err := sarama.NewAsyncProducer([]string{k.addr}, c)
	if err != nil {
		return nil, err
	}
	o := &outlet{topic: topic, producer: p, acked: acked, ended: make(chan error, 1)}
	go o.listen()
	return o, nil
}

func (o *outlet) listen() {
	failures, failed := o.producer.Errors(), make(chan error, 1)
	go func() {
		var first error
		for err := range failures {
			if first == nil {
				first = err
			}
		}
		failed <- first
	}()
	for m := range o.producer.Successes() {
		if o.acked != nil {
			o.acked(m.Partition, m.Offset, m.Metadata != nil)
		}
	}
	o.ended <- <-failed
}

// send hands a message over. kind is empty for an event.
func (o *outlet) send(kind string, key, value []byte, sampled bool) {
	m := &sarama.ProducerMessage{Topic: o.topic, Key: sarama.ByteEncoder(key), Value: sarama.ByteEncoder(value)}
	if kind != "" {
		m.Headers = []sarama.RecordHeader{{Key: []byte("kind"), Value: []byte(kind)}}
	}
	if sampled {
		m.Metadata = true
	}
	o.producer.Input() <- m
}

// close waits for the acknowledgement of everything.
func (o *outlet) close() error {
	o.producer.AsyncClose()
	return <-o.ended
}

// sendItems sends the catalogue of a stream.
func (o *outlet) sendItems(s *stream) {
	for n := range s.items {
		o.send("item", fmt.Appendf(nil, "v%d", n), s.appendItem(nil, n), false)
	}
}

// sendEvent sends event i of a stream, as of now.
func (o *outlet) sendEvent(s *stream, i uint64, sampled bool) {
	o.send("", s.appendUser(nil, i), s.appendEvent(nil, i, time.Time{}), sampled)
}
