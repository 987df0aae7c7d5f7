package outbox

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"
)

// Box is where messages wait. Its methods are called by one goroutine at a time. After an error the sender asks again.
type Box interface {
	// Waiting returns up to n messages that skip does not leave out, once what has made them is durable.
	Waiting(ctx context.Context, n int, skip func(id string) bool) ([]Message, error)
	// Delivered says that messages have arrived, or go to nobody. It returns when that is durable.
	Delivered(ctx context.Context, messages []Message) error
	// GivenUp says that a message has waited too long. It returns when that is durable.
	GivenUp(ctx context.Context, m Message) error
}

// Options of a sender. A zero field takes the default named beside it.
type Options struct {
	Hooks    map[string]Hook  // by name: where messages of a hook go; those of others go to nobody
	Timeout  time.Duration    // of one request; 10s
	Parallel int              // requests at a time; 8
	Keep     time.Duration    // how long a message is tried; 168h
	Poll     time.Duration    // between two looks into the box; 100ms
	Pause    time.Duration    // after the first failure; doubled with each further one; 1s
	MaxPause time.Duration    // between two tries of a message; 5m
	Clock    func() time.Time // time.Now

	Registerer prometheus.Registerer // nil: counted, not exported
	Logger     *zap.Logger           // nil: silent
}

func (o *Options) setDefaults() {
	for _, d := range []struct {
		p *time.Duration
		v time.Duration
	}{{&o.Timeout, 10 * time.Second}, {&o.Keep, 7 * 24 * time.Hour}, {&o.Poll, 100 * time.Millisecond}, {&o.Pause, time.Second}, {&o.MaxPause, 5 * time.Minute}} {
		if *d.p <= 0 {
			*d.p = d.v
		}
	}
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
}

// Sender sends. Run drives it; it has no other method, and no state that must outlive it.
type Sender struct {
	box     Box
	opts    Options
	client  *http.Client
	metrics metrics
	known   map[string]*attempt // messages that it has to do with, by id
	under   int                 // requests under way
	unsaid  []Message           // delivered, and the box could not be told yet
	trouble time.Time           // the box is left alone until then
	results chan result
}

// attempt is how a message stands.
type attempt struct {
	sending bool
	done    bool // delivered or given up
	told    bool // and the box knows, which may show it a little longer
	tries   int
	next    time.Time // not before
}

type result struct {
	message Message
	err     error
}

type metrics struct {
	sent   *prometheus.CounterVec
	gone   *prometheus.CounterVec
	oldest prometheus.Gauge
}

// New returns a sender for what waits in the box.
func New(box Box, opts Options) *Sender {
	opts.setDefaults()
	f := promauto.With(opts.Registerer)
	return &Sender{
		box: box, opts: opts, known: map[string]*attempt{}, results: make(chan result, opts.Parallel),
		client: &http.Client{
			Timeout:       opts.Timeout,
			Transport:     &http.Transport{MaxIdleConnsPerHost: opts.Parallel, IdleConnTimeout: time.Minute, Proxy: http.ProxyFromEnvironment},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		metrics: metrics{
			sent:   f.NewCounterVec(prometheus.CounterOpts{Name: "recsvc_outbox_requests_total", Help: "Requests to webhooks, by what came of them."}, []string{"pattern", "result"}),
			gone:   f.NewCounterVec(prometheus.CounterOpts{Name: "recsvc_outbox_given_up_total", Help: "Outputs that became dead letters, since their webhook never took them."}, []string{"pattern"}),
			oldest: f.NewGauge(prometheus.GaugeOpts{Name: "recsvc_outbox_failing", Help: "Outputs that have failed at least once and are tried again."}),
		},
	}
}

// Run sends until ctx ends.
func (s *Sender) Run(ctx context.Context) {
	requests, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		for ; s.under > 0; s.under-- {
			<-s.results
		}
		s.client.CloseIdleConnections()
	}()
	t := time.NewTicker(s.opts.Poll)
	defer t.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case r := <-s.results:
			err = s.settle(ctx, r)
		case now := <-t.C:
			if now.After(s.trouble) {
				err = s.look(ctx, requests)
			}
		}
		if err != nil && ctx.Err() == nil {
			s.trouble = time.Now().Add(s.opts.Pause)
			s.opts.Logger.Warn("the outbox waits: the log cannot be written", zap.Error(err))
		}
	}
}

// look sends what may be sent now.
func (s *Sender) look(ctx, requests context.Context) error {
	now := s.opts.Clock()
	s.forget(now)
	if err := s.delivered(ctx, nil); err != nil {
		return err
	}
	free := s.opts.Parallel - s.under
	if free <= 0 {
		return nil
	}
	list, err := s.box.Waiting(ctx, free, func(id string) bool {
		a := s.known[id]
		return a != nil && (a.sending || a.done || now.Before(a.next))
	})
	if err != nil {
		return err
	}
	var nobodys []Message
	for _, m := range list {
		hook, ok := s.opts.Hooks[m.Hook]
		switch {
		case !ok:
			nobodys = append(nobodys, m)
		case now.Sub(m.Made) > s.opts.Keep:
			if err := s.giveUp(ctx, m); err != nil {
				return err
			}
		default:
			s.send(requests, hook, m, now)
		}
	}
	if len(nobodys) == 0 {
		return nil
	}
	s.opts.Logger.Warn("outputs of a pattern that has no webhook any more go to nobody", zap.Int("outputs", len(nobodys)), zap.String("pattern", nobodys[0].Hook))
	return s.delivered(ctx, nobodys)
}

// forget drops what has long been delivered: the box does not show it any more.
func (s *Sender) forget(now time.Time) {
	failing := 0
	for id, a := range s.known {
		if a.told && now.Sub(a.next) > time.Minute {
			delete(s.known, id)
		} else if a.tries > 0 && !a.done {
			failing++
		}
	}
	s.metrics.oldest.Set(float64(failing))
}

func (s *Sender) attempt(id string) *attempt {
	a := s.known[id]
	if a == nil {
		a = &attempt{}
		s.known[id] = a
	}
	return a
}

func (s *Sender) send(ctx context.Context, hook Hook, m Message, now time.Time) {
	s.attempt(m.ID).sending = true
	s.under++
	go func() { s.results <- result{m, hook.post(ctx, s.client, &m, now)} }()
}

// settle takes what came of a request.
func (s *Sender) settle(ctx context.Context, r result) error {
	arrived := s.take(r)
	for more := true; more; { // what has come meanwhile goes into the same record
		select {
		case r := <-s.results:
			arrived = append(arrived, s.take(r)...)
		default:
			more = false
		}
	}
	if len(arrived) == 0 {
		return nil
	}
	return s.delivered(ctx, arrived)
}

func (s *Sender) take(r result) []Message {
	s.under--
	a := s.attempt(r.message.ID)
	a.sending = false
	if r.err == nil {
		s.metrics.sent.WithLabelValues(r.message.Hook, "accepted").Inc()
		return []Message{r.message}
	}
	s.metrics.sent.WithLabelValues(r.message.Hook, "failed").Inc()
	a.tries++
	a.next = s.opts.Clock().Add(s.pause(a.tries))
	if a.tries == 1 {
		s.opts.Logger.Warn("a webhook failed, and is tried again", zap.String("pattern", r.message.Hook), zap.String("id", r.message.ID), zap.Error(r.err))
	}
	return nil
}

// pause is how long to wait after so many failures.
func (s *Sender) pause(tries int) time.Duration {
	p := s.opts.Pause
	for ; tries > 1 && p < s.opts.MaxPause; tries-- {
		p *= 2
	}
	return min(p, s.opts.MaxPause)
}

// delivered tells the box what has arrived, now and before.
func (s *Sender) delivered(ctx context.Context, messages []Message) error {
	for _, m := range messages {
		s.attempt(m.ID).done = true
	}
	s.unsaid = append(s.unsaid, messages...)
	if len(s.unsaid) == 0 {
		return nil
	}
	if err := s.box.Delivered(ctx, s.unsaid); err != nil {
		return err
	}
	for _, m := range s.unsaid {
		s.attempt(m.ID).said(s.opts.Clock())
	}
	s.unsaid = s.unsaid[:0]
	return nil
}

// said notes that the box knows; it may show the message a little longer.
func (a *attempt) said(now time.Time) { a.done, a.told, a.next = true, true, now }

func (s *Sender) giveUp(ctx context.Context, m Message) error {
	if err := s.box.GivenUp(ctx, m); err != nil {
		return err
	}
	s.metrics.gone.WithLabelValues(m.Hook).Inc()
	s.attempt(m.ID).said(s.opts.Clock())
	s.opts.Logger.Error("a webhook never took an output: it is a dead letter now", zap.String("pattern", m.Hook), zap.String("id", m.ID))
	return nil
}
