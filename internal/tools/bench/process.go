package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// launch is what a server is started with.
type launch struct {
	config string // file; empty: the configuration that is built in
	data   string
	env    []string // NAME=value: settings over those of the file
}

// server is a running `recsvc serve`.
type server struct {
	cmd   *exec.Cmd
	addr  string
	start time.Time
	up    time.Duration // from its start to its ready line
	ready chan error
	done  chan error
	log   *os.File
}

// start starts a server and returns before it is ready.
func (b *bench) start(ctx context.Context, l launch) (*server, error) {
	addrs, err := freeAddresses(1)
	if err != nil {
		return nil, err
	}
	addr := addrs[0]
	log, err := os.OpenFile(filepath.Join(b.work, "server.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	s := &server{addr: addr, ready: make(chan error, 1), done: make(chan error, 1), log: log}
	args := []string{"serve", "-data", l.data, "-listen", addr}
	if l.config != "" {
		args = append(args, "-config", l.config)
	}
	s.cmd = exec.CommandContext(ctx, b.binary, args...)
	s.cmd.Stderr, s.cmd.Env = log, append(os.Environ(), l.env...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	s.start = time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		in := bufio.NewReader(out)
		line, err := in.ReadString('\n')
		if s.up = time.Since(s.start); !strings.HasPrefix(line, "ready http://") {
			err = fmt.Errorf("the server is not ready but says %q; its log ends with\n%s", line, tail(log.Name()))
		}
		s.ready <- err
		_, _ = io.Copy(io.Discard, in)
		s.done <- s.cmd.Wait()
	}()
	return s, nil
}

// tail is the end of a file, which will be gone when somebody wants to read it.
func tail(file string) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		return []byte(err.Error())
	}
	return text[max(0, len(text)-2000):]
}

// freeAddresses are different ones that nobody listens on.
func freeAddresses(n int) (addrs []string, err error) {
	for range n {
		l, failed := net.Listen("tcp", "127.0.0.1:0")
		if failed != nil {
			return nil, failed
		}
		defer func() { err = errors.Join(err, l.Close()) }() // all are held until all are known
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}

// startReady starts a server and waits for its ready line.
func (b *bench) startReady(ctx context.Context, l launch) (*server, error) {
	s, err := b.start(ctx, l)
	if err != nil {
		return nil, err
	}
	if err := <-s.ready; err != nil {
		return nil, errors.Join(err, s.kill())
	}
	return s, nil
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// stopTimeout is how long the server may take for its last checkpoint.
const stopTimeout = 60 * time.Second

// stop asks the server to end, as an operator would.
func (s *server) stop() error {
	defer s.log.Close()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	select {
	case err := <-s.done:
		if err != nil {
			return fmt.Errorf("the server ended in an error: %w; its log ends with\n%s", err, tail(s.log.Name()))
		}
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("the server does not stop within %v", stopTimeout), s.cmd.Process.Kill())
	}
}

// kill ends the server at once, and returns when it is gone.
func (s *server) kill() error {
	defer s.log.Close()
	err := s.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-s.done // killed: an error that is no news
	return err
}
