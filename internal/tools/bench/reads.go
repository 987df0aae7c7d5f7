package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// readTime is how long features are read at each size of a batch.
	readTime = 10 * time.Second

	readConns    = 8
	readRequests = 256 // different ones of each size, sent in turn
)

// reads takes the figures of POST /v1/features: all features of users with an item, one and a hundred in a request.
func (b *bench) reads(ctx context.Context, data string) error {
	return b.serve(ctx, launch{config: b.config, data: data}, func(s *session) error {
		if _, err := s.readFeatures(ctx, 100, b.opts.long(warmUp)); err != nil {
			return err
		}
		for _, size := range []int{1, 100} {
			if err := s.addReads(ctx, size); err != nil {
				return err
			}
		}
		s.addMemory("feature-reads")
		return nil
	})
}

func (s *session) addReads(ctx context.Context, size int) error {
	l, err := s.readFeatures(ctx, size, s.opts.long(readTime))
	if err != nil {
		return err
	}
	name := fmt.Sprintf("all features of an entity over HTTP, %d in a request, %d connections", size, readConns)
	f := s.figures.add(name, "entities/s", noGoal, l.perSecond()*float64(size))
	f.cpu = append(f.cpu, l.usage)
	s.addLatency(name, l.took, noGoal)
	s.figures.add(name+", CPU of the server per entity", "µs", noGoal, l.usage.server*1e6/(l.perSecond()*float64(size)))
	return nil
}

func (s *session) readFeatures(ctx context.Context, size int, long time.Duration) (*load, error) {
	next, err := readRequestsOf(s.pairs, size)
	if err != nil {
		return nil, err
	}
	c := closedLoad{conns: readConns, status: 200, next: next, check: hasRows}
	return s.measure(ctx, "reads", func(ctx context.Context) (*load, error) { return c.run(ctx, s.server.addr, long) })
}

// pair is a user with an item that was shown to it.
type pair struct {
	User string `json:"user"`
	Item string `json:"item"`
}

// pairsOf returns the users of events with their items, in the order in which they come.
func pairsOf(lines [][]byte) ([]pair, error) {
	pairs := make([]pair, len(lines))
	for i, line := range lines {
		if err := json.Unmarshal(line, &pairs[i]); err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
	}
	return pairs, nil
}

// readRequestsOf asks for the features of so many pairs at a time, one after the other and again from the start.
func readRequestsOf(pairs []pair, size int) (func(dst []byte) []byte, error) {
	type entity struct {
		pair
		Context map[string]any `json:"context"`
	}
	var requests [][]byte
	for n := range readRequests {
		entities := make([]entity, size)
		for i := range entities {
			entities[i] = entity{pairs[(n*size+i)%len(pairs)], map[string]any{"tab": 1, "duration": 30}}
		}
		body, err := json.Marshal(map[string]any{"entities": entities})
		if err != nil {
			return nil, fmt.Errorf("request of %d entities: %w", size, err)
		}
		requests = append(requests, post("/v1/features", "application/json", body))
	}
	var n atomic.Uint64
	return func(dst []byte) []byte { return append(dst, requests[n.Add(1)%readRequests]...) }, nil
}

// hasRows reports whether an answer holds values.
func hasRows(body []byte) bool { return bytes.Contains(body, []byte(`,"rows":[{"user":`)) }
