package main

import (
	"bufio"
	"fmt"
	"net"
	"time"
)

// conn is one persistent connection. Requests are written as they are, in one write: the generator shares its cores
// with the server, and net/http's client would cost as much as the server does. It belongs to one goroutine.
type conn struct {
	net.Conn
	in     *bufio.Reader
	answer response // to the last request
}

// dialTimeout and answerTimeout bound the wait for a server that hangs.
const (
	dialTimeout   = 5 * time.Second
	answerTimeout = 30 * time.Second
)

func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, dialTimeout)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, in: bufio.NewReaderSize(c, 16<<10)}, nil
}

func (c *conn) close() { _ = c.Conn.Close() } // nothing is left to lose

// do sends a whole request and reads the answer to it.
func (c *conn) do(request []byte) error {
	if err := c.send(request); err != nil {
		return err
	}
	return c.answer.read(c.in)
}

func (c *conn) send(request []byte) error {
	if err := c.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	_, err := c.Write(request)
	return err
}

// read asks for path and returns the body of the answer, which has to be 200; it is overwritten by the next request.
func (c *conn) read(path string) ([]byte, error) {
	if err := c.do(get(path)); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if c.answer.status != 200 {
		return nil, fmt.Errorf("read %s: answered %d: %s", path, c.answer.status, c.answer.body)
	}
	return c.answer.body, nil
}

// post encodes a whole request. The server takes only the machine's own name from clients without a key.
func post(path, contentType string, body []byte) []byte {
	head := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", path, contentType, len(body))
	return append(head, body...)
}

func get(path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path)
}
