package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

const (
	kafkaUsers = 100_000

	kafkaTime   = 30 * time.Second
	kafkaPace   = 5_000 // events a second
	kafkaSample = 25    // one in so many is followed
	kafkaConns  = 16    // on which they are

	kafkaBacklog = 2_000_000 // events
	kafkaLinger  = 5 * time.Millisecond
)

// kafka takes the figures of a server whose log is a topic of a real broker, which runs on the same cores.
func (b *bench) kafka(ctx context.Context) (err error) {
	if !b.opts.runs("kafka") {
		return nil
	}
	if _, err := exec.LookPath("java"); err != nil {
		b.note("Nothing was measured with Kafka: there is no Java to run it.")
		return nil
	}
	k, err := b.startBroker(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.stop()) }()
	b.helpers = []int{k.pid}
	defer func() { b.helpers = nil }()
	b.note("With Kafka, the cores that the broker used count as the generator's.")
	for i := range b.opts.repeats {
		b.say("kafka, repeat %d of %d", i+1, b.opts.repeats)
		for _, part := range []func(context.Context, *broker, launch) error{b.kafkaPaced, b.kafkaCatchUp} {
			if err := b.onTopic(ctx, k, part); err != nil {
				return fmt.Errorf("kafka: %w", err)
			}
		}
	}
	return nil
}

// onTopic runs part with an empty topic and an empty data directory.
func (b *bench) onTopic(ctx context.Context, k *broker, part func(context.Context, *broker, launch) error) error {
	b.topics++
	topic := fmt.Sprintf("bench-%d", b.topics)
	if err := k.topic(topic); err != nil {
		return err
	}
	data := filepath.Join(b.work, topic)
	l := launch{data: data, env: []string{"RECSVC_KAFKA_BROKERS=" + k.addr, "RECSVC_KAFKA_TOPIC=" + topic}}
	return errors.Join(part(ctx, k, l), os.RemoveAll(data))
}

func (l launch) topic() string { return filepath.Base(l.data) }

// ack is the acknowledgement of a message.
type ack struct {
	cursor string // just after it
	at     time.Time
}

// kafkaPaced measures how long a message takes from its acknowledgement to an answer that includes it.
func (b *bench) kafkaPaced(ctx context.Context, k *broker, l launch) error {
	return b.serve(ctx, l, func(s *session) error {
		acks := make(chan ack, kafkaPace)
		out, err := k.open(l.topic(), 0, func(partition int32, offset int64, sampled bool) {
			if sampled {
				acks <- ack{fmt.Sprintf("%d-%d", partition, offset+1), time.Now()}
			}
		})
		if err != nil {
			return err
		}
		people := &stream{seed: 3, users: kafkaUsers, items: streamItems}
		out.sendItems(people)
		warm := out.sendPaced(ctx, people, 0, b.opts.long(warmUp), 0)
		name := fmt.Sprintf("Kafka, %s events/s produced", plain(kafkaPace))
		paced, err := s.measure(ctx, name, func(ctx context.Context) (*load, error) {
			start := time.Now()
			f := s.follow(ctx, acks)
			sent := out.sendPaced(ctx, people, warm, b.opts.long(kafkaTime), kafkaSample)
			err := out.close()
			s.figures.add(name, "events/s", noGoal, float64(sent)/time.Since(start).Seconds())
			close(acks)
			return f.wait(err)
		})
		if err != nil {
			return err
		}
		s.addLatency(name+": acknowledged → visible", paced.took, atMost(25))
		f := s.figures.add(name+": engine behind at most", "s", noGoal, paced.worst.seconds)
		f.cpu = append(f.cpu, paced.usage)
		return nil
	})
}

// sendPaced sends events from number i on at the pace of the goal, and returns how many. One in sample is followed; 0: none.
func (o *outlet) sendPaced(ctx context.Context, s *stream, i uint64, long time.Duration, sample uint64) (sent uint64) {
	start := time.Now()
	for n := uint64(long.Seconds() * kafkaPace); sent < n && ctx.Err() == nil; sent++ {
		time.Sleep(time.Until(start.Add(time.Duration(sent) * time.Second / kafkaPace)))
		o.sendEvent(s, i+sent, sample > 0 && sent%sample == 0)
	}
	return sent
}

// followers wait until what was acknowledged is visible.
type followers struct {
	workers sync.WaitGroup
	took    [kafkaConns]latencies
	errs    [kafkaConns]error
}

func (s *session) follow(ctx context.Context, acks <-chan ack) *followers {
	f := &followers{}
	for i := range kafkaConns {
		f.workers.Go(func() {
			c, err := dial(s.server.addr)
			if err != nil {
				f.errs[i] = err
			}
			for a := range acks { // all of them, so that nobody waits for us
				if f.errs[i] != nil {
					continue
				}
				if f.errs[i] = c.await(ctx, a.cursor); f.errs[i] == nil {
					f.took[i] = append(f.took[i], time.Since(a.at))
				}
			}
			if c != nil {
				c.close()
			}
		})
	}
	return f
}

func (f *followers) wait(err error) (*load, error) {
	f.workers.Wait()
	return &load{took: sorted(f.took[:]...)}, errors.Join(append(f.errs[:], err)...)
}

// kafkaCatchUp measures how fast a server that begins works through what has gathered in the topic.
func (b *bench) kafkaCatchUp(ctx context.Context, k *broker, l launch) (err error) {
	n := b.opts.scaled(kafkaBacklog)
	out, err := k.open(l.topic(), kafkaLinger, nil)
	if err != nil {
		return err
	}
	people := &stream{seed: 4, users: kafkaUsers, items: streamItems}
	out.sendItems(people)
	for i := range n {
		out.sendEvent(people, i, false)
	}
	if err := out.close(); err != nil {
		return err
	}
	srv, err := b.start(ctx, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	w, err := srv.reach(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	first, err := w.applied(ctx, 1)
	if err != nil {
		return err
	}
	start, before := time.Now(), readCPU(srv.pid(), b.helpers...)
	last, err := w.applied(ctx, int64(n+people.items))
	if err != nil {
		return err
	}
	f := b.figures.add(fmt.Sprintf("Kafka, catching up with %s events", plain(float64(n))), "events/s", atLeast(100_000),
		float64(last-first)/time.Since(start).Seconds())
	f.cpu = append(f.cpu, before.until(readCPU(srv.pid(), b.helpers...)))
	return <-srv.ready
}

// applied waits until so many records have become something, and returns how many then have.
func (w *watch) applied(ctx context.Context, n int64) (int64, error) {
	for {
		s, err := w.look()
		if c := s.Counts; err != nil || c.Applied+c.Duplicate+c.Late+c.DeadLettered >= n {
			return c.Applied + c.Duplicate + c.Late + c.DeadLettered, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(caughtUpEvery):
		}
	}
}

// reach waits until the server answers, ready or not.
func (s *server) reach(ctx context.Context) (*watch, error) {
	for {
		w, err := newWatch(s.addr)
		if err == nil {
			return w, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-s.ready: // not yet: it has ended
			return nil, err
		case <-time.After(caughtUpEvery):
		}
	}
}
