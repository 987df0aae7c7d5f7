package main

import (
	"bufio"
	"errors"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// stream is a seeded sequence of made-up events for loads that no real data set is large enough for: event i is a function of
// i, so that any part of it can be made anywhere. One in streamClick is a click on an exposure a little before it, the others are
// exposures, each in a list of its own. The first exposures are of one user after the other, all later ones of any.
type stream struct {
	seed         uint64
	users, items uint64
}

const (
	streamClick = 21  // 5 clicks for 100 exposures
	streamBack  = 500 // exposures that its own lies before a click, at most

	streamItems      = 10_000
	streamCategories = 40
	streamAuthors    = 2_000
)

// mix is splitmix64's finalizer.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// word is the k-th word, 0 to 3, of something with a number.
func (s *stream) word(n, k uint64) uint64 { return mix(s.seed + (4*n+k+1)*0x9E3779B97F4A7C15) }

// exposure returns the number of the exposure that event i is or is a click on.
func (s *stream) exposure(i uint64) (n uint64, click bool) {
	n = i - i/streamClick
	if i%streamClick != streamClick-1 {
		return n, false
	}
	return n - 1 - s.word(i, 0)%min(streamBack, n), true
}

func (s *stream) user(exposure uint64) uint64 {
	if exposure < s.users {
		return exposure
	}
	return s.word(exposure, 1) % s.users
}

// appendUser appends the user of event i.
func (s *stream) appendUser(dst []byte, i uint64) []byte {
	n, _ := s.exposure(i)
	return strconv.AppendUint(append(dst, 'u'), s.user(n), 10)
}

// appendEvent appends event i as JSON; without a time the server takes that of its receipt.
func (s *stream) appendEvent(dst []byte, i uint64, at time.Time) []byte {
	n, click := s.exposure(i)
	dst = strconv.AppendUint(append(dst, `{"id":"e`...), i, 36)
	if click {
		dst = append(dst, `","type":"click","user":"u`...)
	} else {
		dst = append(dst, `","type":"exposure","user":"u`...)
	}
	dst = strconv.AppendUint(dst, s.user(n), 10)
	dst = strconv.AppendUint(append(dst, `","item":"v`...), s.word(n, 2)%s.items, 10)
	dst = strconv.AppendUint(append(dst, `","request":"r`...), n, 36)
	dst = strconv.AppendUint(append(dst, `","position":1,"context":{"tab":`...), s.word(n, 3)%8, 10)
	dst = append(dst, '}')
	if !at.IsZero() {
		dst = strconv.AppendInt(append(dst, `,"ts":`...), at.UnixMilli(), 10)
	}
	return append(dst, '}')
}

// appendItem appends the catalogue record of item n as JSON.
func (s *stream) appendItem(dst []byte, n uint64) []byte {
	w := mix(s.seed ^ n)
	dst = strconv.AppendUint(append(dst, `{"item":"v`...), n, 10)
	dst = strconv.AppendUint(append(dst, `","categories":["c`...), w%streamCategories, 10)
	dst = strconv.AppendUint(append(dst, `"],"tags":["a`...), w>>32%streamAuthors, 10)
	dst = strconv.AppendUint(append(dst, `"],"duration":`...), 5+w>>48%300, 10)
	return append(dst, '}')
}

// writeEvents writes the first n events to a file, the first at a time and so many in each second from then on.
func (s *stream) writeEvents(file string, n uint64, from time.Time, perSecond int) error {
	return writeLines(file, n, func(dst []byte, i uint64) []byte {
		return s.appendEvent(dst, i, from.Add(time.Duration(i)*time.Second/time.Duration(perSecond)))
	})
}

func (s *stream) writeItems(file string) error { return writeLines(file, s.items, s.appendItem) }

func writeLines(file string, n uint64, line func(dst []byte, i uint64) []byte) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriterSize(f, 1<<20)
	var buf []byte
	for i := range n {
		buf = append(line(buf[:0], i), '\n')
		if _, err := out.Write(buf); err != nil {
			return err
		}
	}
	return out.Flush()
}

// streamed makes POST /v1/events requests of the events of a stream, from sent on. It is safe for concurrent use.
type streamed struct {
	*stream
	each uint64 // events in a request
	sent atomic.Uint64
}

// next appends the next request to dst.
func (s *streamed) next(dst []byte) []byte {
	from := s.sent.Add(s.each) - s.each
	body := make([]byte, 0, s.each*160)
	for i := range s.each {
		body = append(s.appendEvent(body, from+i, time.Time{}), '\n')
	}
	return append(dst, post("/v1/events", "application/x-ndjson", body)...)
}
