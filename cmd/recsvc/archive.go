package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"recsvc/internal/archive"
	"recsvc/internal/event"
	"recsvc/internal/wal"
)

const archiveHelp = `
Writes the embedded log of a data directory as Parquet files, partitioned by kind of record, date and hour (UTC) in the way of
Hive, that DuckDB, Spark, pandas and most other engines query as they are. Nothing of the log is lost: recsvc replay -from OUT
reads the archive back as the log that it was. The columns and examples of queries are in docs/archive.md.

A second run goes on where the one before ended, and adds only what is new. What is interrupted goes on behind the last whole
stretch. The log is only read, as far as it is known to be durable: a server may have it open. To run it now and then, before
log.retain_age removes anything, is the way to keep more history than the log does.`

type archiveFlags struct {
	data, out    string
	from, to     instant
	append, json bool
}

func archiveLog(ctx context.Context, args []string, std stdio) error {
	var f archiveFlags
	fs := flags("archive", archiveHelp, std)
	fs.StringVar(&f.data, "data", "", "data `DIR`ectory, of a server that runs or not, or a copy of one")
	fs.StringVar(&f.out, "out", "", "`DIR`ectory of the archive; it is made when it is missing")
	fs.Var(&f.from, "from", "begin with the first record received at this `TIME` or later")
	fs.Var(&f.to, "to", "end before the first record received at this `TIME` or later")
	fs.BoolVar(&f.append, "append", false, "go on although the log has lost records, by retention, that the archive lacks")
	fs.BoolVar(&f.json, "json", false, "print one JSON object instead of a sentence")
	if err := parse(fs, args, nil); err != nil {
		return err
	}
	if f.data == "" || f.out == "" {
		fmt.Fprintln(std.err, "recsvc archive: name the data directory with -data and the archive with -out")
		fs.Usage()
		return errUsage
	}
	report, err := f.run(ctx, std)
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(std.out).Encode(report)
	}
	return report.write(std.out)
}

// archived is what an archive run ends with.
type archived struct {
	Log     int64   `json:"log"`    // which log it is
	From    int64   `json:"from"`   // records From to Next-1 were added
	Next    int64   `json:"next"`   // where the next run goes on
	Behind  int64   `json:"behind"` // records that the log has behind Next: received at -to or later
	Records int64   `json:"records"`
	Parts   int64   `json:"parts"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`

	dir string
}

func (r *archived) write(w io.Writer) error {
	if r.Records == 0 {
		_, err := fmt.Fprintf(w, "nothing new: %s has all records before %d\n", r.dir, r.Next)
		return err
	}
	_, err := fmt.Fprintf(w, "records %d to %d in %d files of %s, %.1f bytes a record, in %.2f s, %.0f a second; the next run goes on at record %d\n",
		r.From, r.Next-1, r.Parts, sizeText(r.Bytes), float64(r.Bytes)/float64(r.Records), r.Seconds, float64(r.Records)/r.Seconds, r.Next)
	return err
}

func (f *archiveFlags) run(ctx context.Context, std stdio) (report *archived, err error) {
	start := time.Now()
	log, err := openLogToRead(f.data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return nil, err
	}
	held, err := holdDirectory(f.out)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	defer held.Close()
	w, err := archive.NewWriter(f.out, archive.WriterOptions{})
	if err != nil {
		return nil, err
	}
	c := &archiver{log: log, writer: w, data: f.data, out: f.out, warn: std.err, bar: newCount(std.err, f.json, "archive")}
	from, err := c.stretch(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := c.copy(ctx, from); err != nil {
		return nil, err
	}
	c.bar.done()
	added := w.Added()
	return &archived{
		Log: log.ID(), From: from, Next: w.Next(), Behind: log.Next() - w.Next(),
		Records: added.Records, Parts: added.Parts, Bytes: added.Bytes, Seconds: time.Since(start).Seconds(), dir: f.out,
	}, nil
}

// openLogToRead opens the embedded log of a data directory without holding it.
func openLogToRead(data string) (*wal.Log, error) {
	dir := filepath.Join(data, "log")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("data directory %s has no log: with Kafka the log is a topic, and what has never been served has none", data)
	}
	return wal.OpenReadOnly(dir, wal.Options{})
}

// archiver copies a stretch of the log into the archive.
type archiver struct {
	log       *wal.Log
	writer    *archive.Writer
	data, out string
	end       int64
	warn      io.Writer
	bar       *bar
	decoder   event.Decoder
}

// stretch finds out which records are to be archived: from the one returned on, up to end.
func (c *archiver) stretch(ctx context.Context, f *archiveFlags) (from int64, err error) {
	first := int64(0)
	c.end = c.log.Next()
	if f.from.set {
		if first, err = c.log.SeekTime(ctx, f.from.at.Time(), c.received); err != nil {
			return 0, err
		}
	}
	if f.to.set {
		if c.end, err = c.log.SeekTime(ctx, f.to.at.Time(), c.received); err != nil {
			return 0, err
		}
	}
	return c.writer.Resume(c.log.ID(), c.log.First(), first, f.append)
}

// received reads the time of receipt out of a record.
func (c *archiver) received(payload []byte) (time.Time, error) {
	var r event.Record
	err := c.decoder.DecodeBinary(payload, &r)
	return r.Received.Time(), err
}

// copy archives the records from the given one on, up to end.
func (c *archiver) copy(ctx context.Context, from int64) error {
	if from >= c.end {
		return nil
	}
	reader, err := c.log.Reader(from)
	if err == nil {
		err = errors.Join(c.records(ctx, reader, from), reader.Close())
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("retention has removed a segment that was being read; what was archived before it is kept: %w", err)
	}
	return err
}

func (c *archiver) records(ctx context.Context, reader *wal.Reader, from int64) error {
	for next := from; next < c.end; {
		b, err := reader.Read(ctx)
		if err != nil {
			return err
		}
		for i, payload := range b.Payloads[:min(int64(len(b.Payloads)), c.end-b.First)] {
			r := event.Record{Offset: b.First + int64(i)}
			if err := c.decoder.DecodeBinary(payload, &r); err != nil {
				return fmt.Errorf("log record %d: %w", r.Offset, err)
			}
			if err := c.snapshot(&r); err != nil {
				return err
			}
			if err := c.writer.Add(ctx, &r, payload); err != nil {
				return err
			}
		}
		next = b.Next()
		c.bar.reach(next-from, c.end-from)
	}
	return c.writer.Flush(ctx)
}
