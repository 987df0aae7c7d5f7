package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"go.uber.org/zap"
)

// holdInterval is how often Hold is asked.
const holdInterval = 100 * time.Millisecond

// What ends a membership that looks well to sarama.
var (
	errKafkaStuck  = errors.New("records wait and none comes: joining the group anew")
	errKafkaSilent = errors.New("the brokers do not answer")
)

// regulate pauses the fetching of what must not be handed out now, until ctx ends: everything while Hold says so, a
// partition while it stands still or its letters cannot be sent. Heartbeats go on: pausing is no reason to rebalance.
func (h *kafkaHandler) regulate(ctx context.Context, leave context.CancelCauseFunc) {
	var held, paused bool
	for sleep(ctx, holdInterval) == nil {
		was := held
		held = h.source.hold() != nil
		if was && !held { // nothing was fetched for a while, so that no error could tell that the topic is another
			if err := h.source.identify(ctx, h.client); errors.Is(err, ErrKafkaTopic) {
				leave(err)
				return
			}
		}
		stop, run := h.source.paused(held)
		if len(stop) > 0 {
			h.group.Pause(map[string][]int32{h.source.opts.Topic: stop})
		}
		if paused && len(run) > 0 {
			h.group.Resume(map[string][]int32{h.source.opts.Topic: run})
		}
		paused = len(stop) > 0
	}
}

// hold asks Hold, and notes the answer.
func (s *KafkaSource) hold() error {
	err := s.opts.Hold()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil && s.held == nil:
		s.opts.Logger.Warn("kafka: consumption is held", zap.Error(err))
	case err == nil && s.held != nil:
		s.opts.Logger.Info("kafka: consumption goes on")
	}
	s.held = err
	return err
}

// whileHeld waits until nothing may be held any more.
func (s *KafkaSource) whileHeld(ctx context.Context) error {
	for s.hold() != nil {
		if err := sleep(ctx, holdInterval); err != nil {
			return err
		}
	}
	return nil
}

// paused divides our partitions into those that are not to be fetched and the others.
func (s *KafkaSource) paused(held bool) (stop, run []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for partition, p := range s.positions {
		switch {
		case !p.claimed:
		case held || p.halted != nil || p.waiting != nil:
			stop = append(stop, partition)
		default:
			run = append(run, partition)
		}
	}
	return stop, run
}

// look asks the brokers now and then, until ctx ends: whether they answer, whether the topic is still the same, where its
// partitions end, and so whether a partition is stuck. sarama's own heartbeats take minutes to give up a broker that has
// stopped to answer.
func (h *kafkaHandler) look(ctx context.Context, leave context.CancelCauseFunc) {
	for sleep(ctx, h.source.opts.Look) == nil {
		if err := h.lookAround(ctx); err != nil {
			h.source.opts.Logger.Error("kafka: leaving the session", zap.Error(err))
			leave(err)
			return
		}
	}
}

// lookAround returns why the session is to be left, if it is. What fails is not judged: then other requests fail, too.
func (h *kafkaHandler) lookAround(ctx context.Context) error {
	err := h.source.within(func() error { return h.source.identify(ctx, h.client) })
	if errors.Is(err, ErrKafkaTopic) || errors.Is(err, errKafkaSilent) {
		return err
	}
	for _, partition := range h.source.running() {
		err := h.source.within(func() error { return h.lookAt(partition) })
		if errors.Is(err, errKafkaStuck) {
			h.source.metrics.rejoins.Inc()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// within lets f ask a broker, for as long as a request may take and one is connected.
func (s *KafkaSource) within(f func() error) error {
	answered := make(chan error, 1)
	s.asking.Go(func() { answered <- f() })
	late := time.NewTimer(2 * s.opts.Timeout)
	defer late.Stop()
	select {
	case err := <-answered:
		return err
	case <-late.C:
		return errKafkaSilent
	}
}

// running returns the partitions that are being read.
func (s *KafkaSource) running() (partitions []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for partition, p := range s.positions {
		if s.connected && p.claimed && p.halted == nil {
			partitions = append(partitions, partition)
		}
	}
	return partitions
}

// lookAt returns an error when a partition is stuck.
func (h *kafkaHandler) lookAt(partition int32) error {
	end, err := h.client.GetOffset(h.source.opts.Topic, partition, sarama.OffsetNewest)
	if err != nil {
		return nil
	}
	next, idle := h.source.idle(partition, end)
	if idle < h.source.opts.Look {
		return nil
	}
	bare, err := h.bareUntil(partition, next, end)
	h.source.setBare(partition, bare)
	if bare >= end || idle < h.source.opts.StuckAfter {
		return nil
	}
	return fmt.Errorf("partition %d: nothing at offset %d for %v, and the log ends at %d: %w", partition, next, idle.Round(time.Second), end,
		errors.Join(errKafkaStuck, err))
}

// idle notes where a partition ends and returns for how long nothing came of it although records wait, and nothing here
// kept them from coming.
func (s *KafkaSource) idle(partition int32, end int64) (next int64, idle time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.positions[partition]
	p.end = end
	if p.next >= end || p.bare >= end || p.handing || s.held != nil || !s.connected {
		p.moved = time.Now()
		return p.next, 0
	}
	return p.next, time.Since(p.moved)
}

// setBare notes that no records lie before an offset.
func (s *KafkaSource) setBare(partition int32, bare int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.positions[partition].bare = bare
}

// bareUntil returns the end of the run of offsets from next on that hold no record: a transaction ends in a marker, which
// sarama passes over and tells nobody of.
func (h *kafkaHandler) bareUntil(partition int32, next, end int64) (int64, error) {
	reader, err := h.openReader(partition)
	if err != nil {
		return next, err
	}
	defer reader.close()
	for next < end {
		batches, err := reader.fetch(next, h.client.Config().Consumer.Fetch.Default)
		if err != nil || len(batches) == 0 {
			return next, err
		}
		for _, b := range batches {
			if !b.Control && len(b.Records) > 0 && b.LastOffset() >= next {
				return next, nil
			}
			next = max(next, b.LastOffset()+1)
		}
	}
	return next, nil
}
