package main

import (
	"context"
	"path/filepath"
	"time"
)

const (
	crowdUsers = 1_000_000
	crowdPace  = 20_000 // events a second, nearly as many users
	crowdEach  = 200    // events in a request
	crowdConns = 4
)

// gather loads made-up events, of as many users as one can have, into a data directory under the built-in configuration. The
// last of them happened some time ago, so that no label window is open.
func (b *bench) gather(ctx context.Context) (loaded string, err error) {
	people := &stream{seed: 1, users: b.opts.scaled(crowdUsers), items: streamItems}
	n := people.users*streamClick/(streamClick-1) + 1 // until every user has come
	b.say("loading %s made-up users", plain(float64(people.users)))
	loaded = filepath.Join(b.work, "crowd")
	from := time.Now().Add(-lastMoment - time.Duration(n)*time.Second/crowdPace)
	args, err := b.writeStream(people, n, from, crowdPace)
	if err != nil {
		return "", err
	}
	_, err = b.replay(ctx, append(args, "-data", loaded))
	b.crowd = &streamed{stream: people, each: crowdEach}
	b.crowd.sent.Store(n)
	return loaded, err
}

// writeStream writes events and catalogue of a stream, over those of the one before, and returns the arguments that replay them.
func (b *bench) writeStream(s *stream, n uint64, from time.Time, perSecond int) (args []string, err error) {
	events, items := filepath.Join(b.work, "stream.jsonl"), filepath.Join(b.work, "stream-items.jsonl")
	if err := s.writeItems(items); err != nil {
		return nil, err
	}
	return []string{"replay", "-json", "-items", items, "-from", events}, s.writeEvents(events, n, from, perSecond)
}

// crowdFor has the crowd send its events at its pace.
func (s *session) crowdFor(ctx context.Context, long time.Duration) (*load, error) {
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	o := openLoad{conns: crowdConns, status: 202, every: time.Second * crowdEach / crowdPace, next: s.crowd.next}
	return o.run(ctx, s.server.addr)
}
