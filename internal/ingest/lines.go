package ingest

import (
	"bytes"
	"cmp"
	"io"

	"recsvc/internal/event"
)

// lineChunk is a run of whole lines of a file.
type lineChunk struct {
	line int64  // number of the first line, from 1
	data []byte // owned by who takes the chunk
	size int64  // of the line in bytes, when it is one that was too long and data holds only its start; else 0
}

// lineReader cuts a stream into chunks of whole lines.
type lineReader struct {
	src    io.Reader
	chunk  int // bytes of a chunk
	limit  int // longest line in bytes; longer ones come by themselves, with their start only
	line   int64
	rest   []byte // read, and not handed out yet
	ended  bool
	source error // what ended the stream, unless io.EOF
}

// next returns the next chunk, or io.EOF, or what broke the stream.
func (r *lineReader) next() (lineChunk, error) {
	buf := make([]byte, 0, max(r.chunk, len(r.rest)+r.chunk/4))
	buf = append(buf, r.rest...)
	r.rest = nil
	for {
		buf = r.fill(buf)
		cut := bytes.LastIndexByte(buf, '\n') + 1
		if r.ended && r.source == nil {
			cut = len(buf)
		}
		switch {
		case cut > 0:
			r.rest = bytes.Clone(buf[cut:])
			return r.take(buf[:cut:cut]), nil
		case r.ended:
			return lineChunk{}, cmp.Or(r.source, io.EOF)
		case len(buf) > r.limit:
			return r.long(buf)
		}
		buf = append(make([]byte, 0, 2*cap(buf)), buf...)
	}
}

// fill reads until buf is full or the stream ends.
func (r *lineReader) fill(buf []byte) []byte {
	for len(buf) < cap(buf) && !r.ended {
		n, err := r.src.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			r.ended = true
			if err != io.EOF {
				r.source = err
			}
		}
	}
	return buf
}

func (r *lineReader) take(data []byte) lineChunk {
	c := lineChunk{line: r.line + 1, data: data}
	r.line += int64(bytes.Count(data, []byte{'\n'}))
	return c
}

// long goes over a line that is longer than the limit and keeps its start.
func (r *lineReader) long(buf []byte) (lineChunk, error) {
	r.line++
	c := lineChunk{line: r.line, data: bytes.Clone(buf[:min(len(buf), event.MaxDeadLetterBytes)]), size: int64(len(buf))}
	for !r.ended {
		buf = r.fill(buf[:0])
		if end := bytes.IndexByte(buf, '\n'); end >= 0 {
			c.size += int64(end)
			r.rest = bytes.Clone(buf[end+1:])
			return c, nil
		}
		c.size += int64(len(buf))
	}
	return c, nil
}

// eachLine calls fn for the lines of a chunk that are not blank, without the ends of line.
func (c lineChunk) eachLine(fn func(line int64, text []byte)) {
	line, data := c.line, c.data
	for len(data) > 0 {
		text := data
		if end := bytes.IndexByte(data, '\n'); end >= 0 {
			text, data = data[:end], data[end+1:]
		} else {
			data = nil
		}
		if text = bytes.Trim(text, jsonSpace); len(text) > 0 {
			fn(line, text)
		}
		line++
	}
}
