package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/config"
	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

const replayHelp = `
Pushes event files (NDJSON, plain or gzip) through the whole engine, as if they came in live: features, joins, learning,
checkpoints. Several files are merged by ts. The catalogue is read first. A tick at the end closes every label window.
It ends with the progressive metrics, each prediction made before its outcome was known, by day and overall, and with a
digest of all that was learned: the same input gives the same digest.

-from may also name an archive that recsvc archive has written, or Parquet files of one. Its records come in as they stood
in their log, with the time of their receipt: the catalogue, the lists that were served and ticks among them. -since and -until
leave out what happened before and after; items and users from before -since are kept, since they hold on.

Without -data everything happens in a temporary directory that is removed afterwards. With it, the directory can be
served afterwards: recsvc serve -data DIR.`

type replayFlags struct {
	from, items, users list
	since, until       instant
	config, data       string
	append, json       bool
}

// history are the flags that say which events there are, and what they are replayed under.
func (f *replayFlags) history(fs *flag.FlagSet) {
	fs.Var(&f.from, "from", "event `FILE`, or an archive; may be repeated, and arguments after the flags are further files")
	fs.Var(&f.items, "items", "catalogue `FILE`; may be repeated")
	fs.Var(&f.users, "users", "profile `FILE`; may be repeated")
	fs.Var(&f.since, "since", "of an archive, only what happened at this `TIME` or later")
	fs.Var(&f.until, "until", "of an archive, only what happened before this `TIME`")
	fs.StringVar(&f.config, "config", "", "configuration `FILE`; the built-in one when absent")
}

func replay(ctx context.Context, args []string, std stdio) error {
	var f replayFlags
	fs := flags("replay", replayHelp, std)
	f.history(fs)
	fs.StringVar(&f.data, "data", "", "data `DIR`ectory to keep; a temporary one when absent")
	fs.BoolVar(&f.append, "append", false, "go on with a data directory that was used before")
	fs.BoolVar(&f.json, "json", false, "print one JSON object instead of the table")
	var rest []string
	if err := parse(fs, args, &rest); err != nil {
		return err
	}
	f.from = append(f.from, rest...)
	if len(f.from) == 0 {
		fmt.Fprintln(std.err, "recsvc replay: name at least one event file with -from")
		fs.Usage()
		return errUsage
	}
	if err := f.check(); err != nil {
		return err
	}
	c, err := loadConfig(f.config, nil)
	if err != nil {
		return err
	}
	c.Kafka.Brokers = nil // history goes into a log of its own
	return replayInto(ctx, c, f, std)
}

// replayInto runs the replay in the directory asked for, or in one that it removes.
func replayInto(ctx context.Context, c *config.Config, f replayFlags, std stdio) error {
	c.Data = f.data
	if f.data == "" {
		dir, err := os.MkdirTemp("", "recsvc-replay-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		c.Data = dir
	}
	if err := prepareData(c.Data); err != nil {
		return err
	}
	log, err := newLogger("warn", std.err)
	if err != nil {
		return err
	}
	report, err := replayFiles(ctx, c, f, log, std)
	if err != nil {
		return err
	}
	if f.json {
		return report.writeJSON(std.out)
	}
	return report.writeTable(std.out)
}

func replayFiles(ctx context.Context, c *config.Config, f replayFlags, log *zap.Logger, std stdio) (r *report, err error) {
	start := time.Now()
	a, err := openApp(c, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = joinClose(err, a) }()
	if a.wal.Next() > 0 && !f.append {
		return nil, fmt.Errorf("data directory %s was used before: give -append to go on with it, or name an empty one", c.Data)
	}
	bar := newProgress(std.err, f.json)
	history, err := a.history(f, bar, std)
	if err != nil {
		return nil, err
	}
	before := a.engine.Status()
	src := &closing{source: history, shut: len(a.outboxStats().Open) > 0, after: a.engine.Longest() + c.Lateness, newest: before.Newest}
	if err := a.engine.Run(ctx, a.backlog().then(ingest.Logged(src, a.sink))); err != nil {
		return nil, err
	}
	bar.done()
	if last, ok := a.engine.LastCheckpoint(); !ok || !last.Cursor.Covers(a.engine.Applied()) {
		return nil, fmt.Errorf("the last checkpoint was not written: is the disk of %s full?", c.Data)
	}
	return newReport(a, before, src, time.Since(start)), nil
}

// closing hands on a source and ends it with a tick that lets every label window close, unless it has one.
type closing struct {
	source ingest.Source
	after  time.Duration
	newest event.Time
	shut   bool       // the data directory was served with webhooks: nothing of this history goes there
	ticked event.Time // how far ticks of the source itself have come

	catalogue int64 // records that are neither events nor dead letters, the tick included
}

// Run implements ingest.Source.
func (c *closing) Run(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
	return sourceFunc(c.begin).then(sourceFunc(c.pass).then(sourceFunc(c.end))).Run(ctx, from, out)
}

// begin hands out the record that shuts the outbox: a server opens it again.
func (c *closing) begin(ctx context.Context, _ event.Cursor, out chan<- *ingest.Batch) error {
	if !c.shut {
		return nil
	}
	c.catalogue++
	return hand(ctx, out, &ingest.Batch{Records: []event.Record{{Kind: event.KindControl, Control: event.Outbox{Open: []string{}}.Control()}}})
}

// pass hands on the source, but for what the outbox of another server was told.
func (c *closing) pass(ctx context.Context, from event.Cursor, out chan<- *ingest.Batch) error {
	return relay(ctx, c.source, from, func(b *ingest.Batch) error {
		b.Records = slices.DeleteFunc(b.Records, func(r event.Record) bool {
			return r.Kind == event.KindControl && r.Control.Type == event.OutboxControl
		})
		for i := range b.Records {
			if e := b.Records[i].Event; e != nil {
				c.newest = max(c.newest, e.Time)
			} else if b.Records[i].DeadLetter == nil {
				c.catalogue++
			}
			if t := b.Records[i].Tick; t != nil {
				c.ticked = max(c.ticked, min(t.Time, b.Records[i].Received))
			}
		}
		return hand(ctx, out, b)
	})
}

// end hands out the tick.
func (c *closing) end(ctx context.Context, _ event.Cursor, out chan<- *ingest.Batch) error {
	at := c.newest.Add(c.after + time.Second)
	if c.ticked >= at { // an archive of a replay has the closing tick already
		return nil
	}
	c.catalogue++
	return hand(ctx, out, &ingest.Batch{Records: []event.Record{{Kind: event.KindTick, Received: at, Tick: &event.Tick{Time: at}}}})
}
