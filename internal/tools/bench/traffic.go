package main

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"
)

// traffic makes POST /v1/events requests out of real events: their users, items and order as they are, their times
// now, their ids new in each round. Requests are encoded beforehand; what changes has a fixed width and is written
// over. It is safe for concurrent use.
type traffic struct {
	name     byte // first digit of the rounds, so that two traffics share no ids
	requests []template
	events   int // in each request
	sent     atomic.Uint64
}

// template is a request with holes.
type template struct {
	text   []byte
	rounds []int // places of roundWidth digits
	times  []int // places of a timeForm
}

// roundWidth is the number of hexadecimal digits that make ids new.
const roundWidth = 8

// newTraffic puts every each lines into one request; what is left over is not sent. A request of one event is an
// object, others are NDJSON.
func newTraffic(name byte, lines [][]byte, each int) *traffic {
	t := &traffic{name: name, events: each}
	for start := 0; start+each <= len(lines); start += each {
		t.requests = append(t.requests, newTemplate(lines[start:start+each]))
	}
	return t
}

func newTemplate(lines [][]byte) template {
	var body []byte
	for _, line := range lines {
		line = widen(widen(line, []byte(`"id":"`)), []byte(`"request":"`))
		body = append(append(body, line...), '\n')
	}
	contentType := "application/x-ndjson"
	if len(lines) == 1 {
		contentType = "application/json"
	}
	out := template{text: post("/v1/events", contentType, body)}
	out.rounds = places(out.text, []byte(hole))
	for _, at := range places(out.text, tsKey) {
		out.times = append(out.times, at+len(tsKey))
	}
	return out
}

// hole stands in the text of an id until a round is written over it.
const hole = "~~~~~~~~"

// widen adds a hole to the id under key.
func widen(line, key []byte) []byte {
	i := bytes.Index(line, key)
	if i < 0 {
		return line
	}
	start := i + len(key)
	end := start + bytes.IndexByte(line[start:], '"')
	return fmt.Appendf(nil, "%s-%s%s", line[:end], hole, line[end:])
}

func places(text, what []byte) (at []int) {
	for from := 0; ; {
		i := bytes.Index(text[from:], what)
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + len(what)
	}
}

// next appends the next request to dst.
func (t *traffic) next(dst []byte) []byte {
	n := t.sent.Add(1) - 1
	from := &t.requests[n%uint64(len(t.requests))]
	start := len(dst)
	dst = append(dst, from.text...)
	text := dst[start:]

	round := t.round(n)
	for _, at := range from.rounds {
		copy(text[at:], round[:])
	}
	var now [len(timeForm)]byte
	putTime(now[:], time.Now().UTC())
	for _, at := range from.times {
		copy(text[at:], now[:])
	}
	return dst
}

// round is what makes the ids of the n-th request new: how often its template was sent before.
func (t *traffic) round(n uint64) (digits [roundWidth]byte) {
	n /= uint64(len(t.requests))
	for i := roundWidth - 1; i > 0; i, n = i-1, n>>4 {
		digits[i] = "0123456789abcdef"[n&15]
	}
	digits[0] = t.name
	return digits
}
