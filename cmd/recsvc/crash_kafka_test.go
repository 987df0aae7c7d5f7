package main

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	battery "recsvc/internal/crash"
)

// TestAServerKilledWhileItReadsFromKafkaEndsLikeOneThatNeverWas needs a real broker, whose address is in KAFKA_BROKERS. The state's cursor says where a life goes on; so each joins a
// group of its own, and need not wait until the broker has missed the member before.
func TestAServerKilledWhileItReadsFromKafkaEndsLikeOneThatNeverWas(t *testing.T) {
	t.Parallel()
	brokers := realBrokers(t)
	topic := onePartition(t, brokers)
	text := crashConfig + fmt.Sprintf("kafka: {brokers: ['%s'], topic: %s}\n", strings.Join(brokers, "', '"), topic)
	file := writeConfig(t, text)
	end := replayed.log(t, text, t.TempDir())
	start := func(data, env string) *life {
		return begin(t, file, data, env, "RECSVC_KAFKA_GROUP="+strings.ToLower(crand.Text()))
	}

	begun, data := time.Now(), t.TempDir()
	l := start(data, thinMemory)
	l.await()
	k := newKiller(t, time.Since(begun)/time.Duration(battery.Times(2, 4)))
	wantFoldsAndEvictions(newClient(t, l.url), end)
	want := l.judge(data, end).String()
	t.Logf("in one go: %s", want)

	for round := 0; k.kills < battery.Times(2, 20); round++ {
		env, data := []string{thinMemory, foldsOften}[round%2], t.TempDir()
		l := k.lives(data, func() *life { return start(data, env) })
		if got := l.judge(data, end).String(); got != want {
			t.Errorf("round %d (%s): %s, a server that was never killed has %s", round, env, got, want)
		}
	}
	k.count("kills survived while reading from a real Kafka")
}

func realBrokers(t *testing.T) []string {
	t.Helper()
	brokers := os.Getenv("KAFKA_BROKERS")
	if brokers == "" {
		if os.Getenv("REQUIRE_KAFKA") == "1" {
			t.Fatal("REQUIRE_KAFKA=1, and KAFKA_BROKERS names no broker")
		}
		t.Skip("KAFKA_BROKERS is not set: NO server was killed while it reads from a real Kafka")
	}
	return strings.Split(brokers, ",")
}

// onePartition makes a topic that keeps records of any age, and removes it at the end of the test.
func onePartition(t *testing.T, brokers []string) string {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	topic, forever := kmsg.NewCreateTopicsRequestTopic(), "-1"
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "kills-"+strings.ToLower(crand.Text()), 1, 1
	topic.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "retention.ms", Value: &forever}}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Topics = append(create.Topics, topic)
	made, err := create.RequestWith(t.Context(), client)
	if err == nil {
		err = kerr.ErrorForCode(made.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		remove := kmsg.NewPtrDeleteTopicsRequest()
		remove.TopicNames = []string{topic.Topic}
		remove.Topics = []kmsg.DeleteTopicsRequestTopic{{Topic: &topic.Topic}}
		if _, err := remove.RequestWith(context.Background(), client); err != nil {
			t.Error(err)
		}
		client.Close()
	})
	return topic.Topic
}
