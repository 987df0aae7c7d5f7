package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// server is a running `recsvc serve`.
type server struct {
	cmd  *exec.Cmd
	addr string
	up   time.Duration // from its start to its ready line
	done chan error
	log  *os.File
}

// startServer starts the binary and waits for its ready line. Its log goes to the file logTo.
func startServer(ctx context.Context, binary, config, data, logTo string) (*server, error) {
	log, err := os.OpenFile(logTo, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	s := &server{done: make(chan error, 1), log: log}
	s.cmd = exec.CommandContext(ctx, binary, "serve", "-config", config, "-data", data, "-listen", "127.0.0.1:0")
	s.cmd.Stderr = log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	start := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	in := bufio.NewReader(out)
	line, err := in.ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "ready http://")
	if err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("the server is not ready but says %q; see %s", line, logTo), err, s.cmd.Cancel(), s.cmd.Wait(), log.Close())
	}
	s.addr, s.up = addr, time.Since(start)
	go func() {
		_, _ = io.Copy(io.Discard, in)
		s.done <- s.cmd.Wait()
	}()
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
			return fmt.Errorf("the server ended in an error, see %s: %w", s.log.Name(), err)
		}
		return nil
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("the server does not stop within %v", stopTimeout), s.cmd.Process.Kill())
	}
}
