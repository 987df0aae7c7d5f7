package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// response is what a benchmark wants of an HTTP/1.1 answer.
type response struct {
	status int
	body   []byte // overwritten by the next read
}

// errResponse reports an answer that is not HTTP/1.1 as servers write it.
var errResponse = errors.New("not an HTTP/1.1 answer")

// read reads one answer to a GET or POST. It knows Content-Length and chunks, which is all that net/http sends on a
// connection that it keeps.
func (r *response) read(in *bufio.Reader) error {
	line, err := readLine(in)
	if err != nil {
		return err
	}
	if r.status, err = parseStatus(line); err != nil {
		return err
	}
	length, chunked, err := readHeader(in)
	switch {
	case err != nil:
		return err
	case chunked:
		return r.readChunks(in)
	case length < 0:
		return fmt.Errorf("%w: status %d without a length", errResponse, r.status)
	}
	r.body = r.body[:0]
	return r.grow(in, length)
}

// parseStatus reads "HTTP/1.1 202 Accepted".
func parseStatus(line []byte) (int, error) {
	rest, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(rest) < 3 {
		return 0, fmt.Errorf("%w: status line %q", errResponse, line)
	}
	status, err := strconv.Atoi(string(rest[:3]))
	if err != nil {
		return 0, fmt.Errorf("%w: status line %q", errResponse, line)
	}
	return status, nil
}

// readHeader reads up to the empty line; length is -1 when none is given.
func readHeader(in *bufio.Reader) (length int, chunked bool, err error) {
	length = -1
	for {
		line, err := readLine(in)
		if err != nil || len(line) == 0 {
			return length, chunked, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, false, fmt.Errorf("%w: length %q", errResponse, value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		}
	}
}

// readChunks reads a chunked body and its trailer.
func (r *response) readChunks(in *bufio.Reader) error {
	r.body = r.body[:0]
	for {
		line, err := readLine(in)
		if err != nil {
			return err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 31)
		if err != nil {
			return fmt.Errorf("%w: chunk of size %q", errResponse, line)
		}
		if n == 0 {
			_, _, err := readHeader(in)
			return err
		}
		if err := r.grow(in, int(n)); err != nil {
			return err
		}
		if line, err := readLine(in); err != nil || len(line) > 0 {
			return errors.Join(err, fmt.Errorf("%w: chunk without its end", errResponse))
		}
	}
}

// maxBody bounds what an answer may hold, so that a wrong length cannot ask for all memory.
const maxBody = 64 << 20

// grow appends the next n bytes to the body.
func (r *response) grow(in *bufio.Reader, n int) error {
	start := len(r.body)
	if n > maxBody-start {
		return fmt.Errorf("%w: a body of more than %d bytes", errResponse, maxBody)
	}
	if cap(r.body) < start+n {
		r.body = append(make([]byte, 0, 2*(start+n)), r.body...)
	}
	r.body = r.body[:start+n]
	_, err := io.ReadFull(in, r.body[start:])
	return err
}

// readLine returns the next line without its end; it aliases the reader's buffer.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("%w: a line of more than %d bytes", errResponse, len(line))
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}
