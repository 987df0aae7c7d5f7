package main

import (
	"context"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"recsvc/configs"
	"recsvc/internal/config"
	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

// The demo's data: see demodata/README.md for where it comes from and under which licence.
//
//go:embed demodata/*.jsonl.gz
var demoData embed.FS

const demoHelp = `
Starts a server that learns from a slice of real traffic before your eyes: KuaiRand short-video events (CC BY-SA 4.0), their
times shifted so that they end now. Then it keeps serving, prints curl lines to try, and shows a page at its address.

Without -data it uses a temporary directory, removed at the end. A directory that already holds a demo is served as it is.`

func demo(ctx context.Context, args []string, std stdio) error {
	fs := flags("demo", demoHelp, std)
	fs.String("listen", "", "`ADDR`ess to listen on, host:port")
	data := fs.String("data", "", "data `DIR`ectory to keep; a temporary one when absent")
	if err := parse(fs, args, nil); err != nil {
		return err
	}
	c, err := config.Parse("demo configuration", configs.KuaiRand, config.Overrides{Env: os.LookupEnv, Flags: given(fs, "listen")})
	if err != nil {
		return err
	}
	c.Kafka.Brokers = nil // the demo needs nothing else
	if c.Data = *data; c.Data == "" {
		if c.Data, err = os.MkdirTemp("", "recsvc-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(c.Data)
	}
	if err := prepareData(c.Data); err != nil {
		return err
	}
	return runDemo(ctx, c, std)
}

func runDemo(ctx context.Context, c *config.Config, std stdio) error {
	log, err := newLogger("warn", std.err)
	if err != nil {
		return err
	}
	d := &demoRun{config: c, out: std.out, bar: newProgress(std.err, false)}
	if _, err := os.Stat(d.mark()); err != nil {
		if err := d.unpack(); err != nil {
			return err
		}
		defer os.RemoveAll(d.dir)
	}
	s, err := openServer(c, log, demoUsers)
	if err != nil {
		return err
	}
	d.server = s
	return s.run(ctx, d.present)
}

// demoUsers are people of the slice with long histories, which the page and the curl lines offer.
var demoUsers = []string{"u12708", "u27", "u18375"}

// demoRun loads the slice into a running server and shows what it learns.
type demoRun struct {
	config *config.Config
	server *server
	out    io.Writer
	bar    *bar
	dir    string // of the unpacked slice; empty: there is nothing to load
}

// mark is the file that says that the slice is in the log, whole. Loading that was interrupted is done again: what is in
// already is known by its ids.
func (d *demoRun) mark() string { return filepath.Join(d.config.Data, "DEMO") }

// unpack puts the slice where a source of files can read it.
func (d *demoRun) unpack() (err error) {
	if d.dir, err = os.MkdirTemp("", "recsvc-slice-"); err != nil {
		return err
	}
	return fs.WalkDir(demoData, "demodata", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := demoData.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(d.dir, e.Name()), b, 0o644)
	})
}

// present loads the slice, says that the server is ready, and what to try.
func (d *demoRun) present(ctx context.Context, url string) error {
	if d.dir != "" {
		if err := d.load(ctx); err != nil {
			if ctx.Err() != nil {
				return nil // interrupted
			}
			return fmt.Errorf("load the demo's slice: %w", err)
		}
	}
	fmt.Fprintf(d.out, "ready %s\n", url)
	d.tour(url)
	return nil
}

// load appends the slice to the log, as a client would, while the engine follows.
func (d *demoRun) load(ctx context.Context) error {
	path := func(name string) []string { return []string{filepath.Join(d.dir, name+".jsonl.gz")} }
	files, err := ingest.NewFiles(d.server.validator, ingest.FilesOptions{
		Items: path("items"), Users: path("users"), Events: path("events"), Metrics: d.server.metrics, Progress: d.bar.update,
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(d.out, "learning from two weeks of KuaiRand traffic (CC BY-SA 4.0, times shifted to end now); each prediction")
	fmt.Fprintln(d.out, "below was made before its outcome was known:")
	fmt.Fprintf(d.out, "\n%10s  %10s  %8s  %8s   last 10,000: %8s  %8s\n", "events", "exposures", "AUC", "log-loss", "AUC", "log-loss")
	start := time.Now()
	shift := d.shift()
	var cursor event.Cursor
	var events, shown int
	err = relay(ctx, files, nil, func(b *ingest.Batch) error {
		for i := range b.Records {
			shiftRecord(&b.Records[i], shift)
		}
		if cursor, err = d.server.sink.Append(ctx, b.Records); err != nil {
			return err
		}
		if err := d.server.engine.Wait(ctx, cursor); err != nil {
			return err
		}
		if events += len(b.Records); events/demoStep > shown {
			shown = events / demoStep
			d.show(events)
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.bar.done()
	d.show(events)
	fmt.Fprintf(d.out, "\n%d records learned in %.1f s\n", events, time.Since(start).Seconds())
	if err := d.server.sink.Wait(ctx, cursor); err != nil {
		return err
	}
	return os.WriteFile(d.mark(), []byte("the demo's slice is in the log\n"), 0o644)
}

// demoStep is the number of records between two lines of metrics.
const demoStep = 20_000

func (d *demoRun) show(events int) {
	champion, at := d.server.engine.Champion()
	v := champion.Head(scoreHeads(d.config)[at]).Validation()
	total, recent := v.Total(), v.Recent()
	if total.N == 0 {
		return
	}
	fmt.Fprintf(d.out, "%10d  %10d  %8.4f  %8.4f   %21.4f  %8.4f\n", events, total.N, total.AUC, total.LogLoss, recent.AUC, recent.LogLoss)
}

// sliceEnd is the time of the last event of the slice.
var sliceEnd = time.Date(2022, 5, 8, 15, 51, 32, 0, time.UTC)

func (d *demoRun) shift() time.Duration { return time.Since(sliceEnd) - 2*time.Second }

// shiftRecord moves all times of a record by one constant: when things happened, and when items were created.
func shiftRecord(r *event.Record, by time.Duration) {
	r.Received = r.Received.Add(by)
	switch {
	case r.Event != nil:
		r.Event.Time = r.Event.Time.Add(by)
	case r.Item != nil:
		for i := range r.Item.Attrs {
			a := &r.Item.Attrs[i]
			if a.Key != "created" {
				continue
			}
			if t, err := time.Parse(time.RFC3339Nano, a.Value.Str); err == nil {
				a.Value.Str = t.Add(by).UTC().Format(time.RFC3339Nano)
			}
		}
	}
}

// tour prints what a visitor can try.
func (d *demoRun) tour(url string) {
	fmt.Fprintf(d.out, `
Open %[1]s in a browser, or paste these lines into a shell. They ask for a list, report that its first item was seen and
clicked, and ask again: the second list already knows of the click.

  U=%[1]s
  LIST=$(curl -s "$U/v1/recommendations?user=%[2]s&n=5"); echo "$LIST"
  REQUEST=$(echo "$LIST" | grep -o '"request":"[^"]*' | cut -d'"' -f4)
  ITEM=$(echo "$LIST" | grep -o '"item":"[^"]*' | head -n 1 | cut -d'"' -f4)
  CURSOR=$(curl -s "$U/v1/events" -H 'Content-Type: application/json' -d '[
    {"type":"exposure","user":"%[2]s","item":"'$ITEM'","request":"'$REQUEST'","position":1},
    {"type":"click","user":"%[2]s","item":"'$ITEM'","request":"'$REQUEST'","position":1}]' | grep -o '"cursor":"[^"]*' | cut -d'"' -f4)
  curl -s -w 'changed list after %%{time_total} s\n' "$U/v1/recommendations?user=%[2]s&n=5&after=$CURSOR"

Why an item stands where it does:   curl -s "$U/v1/recommendations?user=%[2]s&n=1&explain=true"
What was learned, and how well:     curl -s "$U/admin/v1/status"
Stop with Ctrl-C.
`, url, demoUsers[0])
}
