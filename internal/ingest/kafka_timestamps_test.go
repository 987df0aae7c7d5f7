package ingest

import (
	"context"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestKafkaWarnsOnceWhenProducersStampTheMessages(t *testing.T) {
	onEachBroker(t, func(t *testing.T, brokers []string) {
		for _, tc := range []struct {
			stamp string
			want  int
		}{{"CreateTime", 1}, {"LogAppendTime", 0}} {
			core, logs := observer.New(zap.WarnLevel)
			o := testOptions(brokers, makeTopic(t, brokers, 1))
			o.Logger = zap.New(core)
			withAdmin(t, brokers, func(admin sarama.ClusterAdmin) error {
				return admin.AlterConfig(sarama.TopicResource, o.Topic, map[string]*string{timestampType: &tc.stamp}, false)
			})
			mustAppend(t, openKafkaLog(t, o), clicks(1, 0, 2)...)
			r := runKafka(t, o, nil)
			r.take(2)
			r.end()
			again := make(chan *Batch)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- r.source.Run(ctx, nil, again) }()
			<-again
			stop()
			<-ended
			if n := logs.FilterMessageSnippet("time of their producers").Len(); n != tc.want {
				t.Errorf("%s: %d warnings, want %d: %v", tc.stamp, n, tc.want, logs.All())
			}
		}
	})
}

func TestKafkaReadsOnWhereTheTopicsSettingsAreNotShown(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	cluster := fakeKafka(t)
	o := testOptions(cluster.ListenAddrs(), makeTopic(t, cluster.ListenAddrs(), 1))
	o.Logger = zap.New(core)
	cluster.ControlKey(int16(kmsg.DescribeConfigs), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
		resource := kmsg.NewDescribeConfigsResponseResource()
		resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, o.Topic
		resource.ErrorCode = kerr.TopicAuthorizationFailed.Code
		resp.Resources = append(resp.Resources, resource)
		return resp, nil, true
	})
	mustAppend(t, openKafkaLog(t, o), clicks(1, 0, 2)...)
	runKafka(t, o, nil).take(2)
	if n := logs.FilterMessageSnippet("could not be read").Len(); n != 1 {
		t.Errorf("%d warnings: %v", n, logs.All())
	}
}
