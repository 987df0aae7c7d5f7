package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// timeouts bound how long a client may take, against those that drip.
type timeouts struct {
	header time.Duration // until the header is read
	read   time.Duration // until the body is
	write  time.Duration // until the answer is written
	idle   time.Duration // between two requests
}

var defaultTimeouts = timeouts{header: 5 * time.Second, read: 30 * time.Second, write: 60 * time.Second, idle: 60 * time.Second}

// Serve answers on ln until ctx ends; then it takes no new requests, lets those under way finish for up to Options.Drain,
// and returns nil. Any earlier end is an error. It closes ln.
func (a *API) Serve(ctx context.Context, ln net.Listener) error {
	errorLog, err := zap.NewStdLogAt(a.log, zap.WarnLevel)
	if err != nil {
		return fmt.Errorf("serve on %v: %w", ln.Addr(), err)
	}
	srv := &http.Server{
		Handler:           a,
		ReadHeaderTimeout: a.timeouts.header,
		ReadTimeout:       a.timeouts.read,
		WriteTimeout:      a.timeouts.write,
		IdleTimeout:       a.timeouts.idle,
		MaxHeaderBytes:    a.opts.HeaderBytes,
		ErrorLog:          errorLog,
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve on %v: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	a.draining.Store(true)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.opts.Drain)
	defer cancel()
	err = srv.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		a.log.Warn("requests cut off at the end", zap.Duration("after", a.opts.Drain))
		err = srv.Close()
	}
	<-ended
	if err != nil {
		return fmt.Errorf("shut down %v: %w", ln.Addr(), err)
	}
	return nil
}
