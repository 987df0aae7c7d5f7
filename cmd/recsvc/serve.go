package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"recsvc/internal/api"
	"recsvc/internal/config"
	"recsvc/internal/ingest"
	"recsvc/internal/rank"
	"recsvc/internal/state"
)

const serveHelp = `
Runs the server until it is interrupted. Settings come from the flags, else from the environment (RECSVC_LISTEN,
RECSVC_DATA, RECSVC_KAFKA_BROKERS, …: see docs/configuration.md), else from the file, else from the defaults. Without
-config the built-in configuration applies. Without API keys the server listens on loopback addresses only.

It prints "ready http://ADDR" once /readyz answers 200.`

func serve(ctx context.Context, args []string, std stdio) error {
	fs := flags("serve", serveHelp, std)
	file := fs.String("config", "", "configuration `FILE`")
	fs.String("listen", "", "`ADDR`ess to listen on, host:port")
	fs.String("data", "", "data `DIR`ectory")
	fs.String("role", "", "all, trainer or server: see docs/operations.md; `ROLE` of the configuration")
	if err := parse(fs, args, nil); err != nil {
		return err
	}
	c, err := loadConfig(*file, given(fs, "listen", "data", "role"))
	if err != nil {
		return err
	}
	log, err := newLogger(c.LogLevel, std.err)
	if err != nil {
		return err
	}
	if _, err := restoreNewest(ctx, c, log); err != nil {
		return err
	}
	if err := prepareData(c.Data); err != nil {
		return err
	}
	s, err := openServer(c, log, nil)
	if err != nil {
		return err
	}
	return s.run(ctx, func(_ context.Context, url string) error {
		fmt.Fprintf(std.out, "ready %s\n", url)
		return nil
	})
}

// server is the app with its HTTP side.
type server struct {
	*app
	ranker   *rank.Ranker
	copier   *Copier // nil: none is configured
	mail     *mailroom
	publish  *publisher // nil: it is no trainer
	api      *api.API
	listener net.Listener
}

// openServer opens everything and takes the address; it answers nothing yet.
func openServer(c *config.Config, log *zap.Logger, pageUsers []string) (s *server, err error) {
	keys, err := apiKeys(c)
	if err != nil {
		return nil, err
	}
	if err := api.CheckListen(c.Listen, len(keys)); err != nil {
		return nil, err
	}
	a, err := openLive(c, log)
	if err != nil {
		return nil, err
	}
	s = &server{app: a, copier: a.newCopier(), mail: newMailroom(a)}
	defer func() {
		if err != nil {
			err = joinClose(err, a)
		}
	}()
	if a.backfill == nil { // what recsvc backfill may have left is of no use any more
		err = os.RemoveAll(a.aside())
	}
	if err = errors.Join(err, a.backfill.register(a.registry)); err != nil {
		return nil, err
	}
	if s.publish, err = newPublisher(a); err != nil {
		return nil, err
	}
	a.follow = newFollower(a)
	s.ranker, err = rank.New(rank.FromFeatures(a.features), newScorers(a), rank.Options{
		Scenes: scenes(c), Seed: uint64(c.Seed), Registerer: a.registry,
	})
	if err != nil {
		return nil, err
	}
	rooms := api.Rooms{
		Log: a.sink, Gate: &gate{app: a}, Ranker: s.ranker, Reader: &reader{a.features}, Engine: &engineRoom{a},
		Backup: &backupRoom{a}, Features: &featureRoom{a}, Metrics: prometheus.Gatherers{a.registry, a.learning},
	}
	if a.follow == nil {
		a.doctor = newDoctor(a)
		if a.schedule, err = newSchedule(a); err != nil {
			return nil, err
		}
		rooms.Models, rooms.Snapshots = &modelRoom{a}, &snapshotRoom{a}
	}
	if a.evaluator != nil && a.follow == nil {
		rooms.Evaluator = a.evaluator
	}
	intake, err := a.newIntake()
	if err != nil {
		return nil, err
	}
	rooms.Intake = intake
	rooms.DeadLetters = ingest.NewLetterOffice(a.letters, intake, a.sink, ingest.LetterOfficeOptions{Applied: a.engine.Wait})
	s.api, err = api.New(rooms, api.Options{
		Keys: keys, Deadline: c.RequestDeadline, BodyBytes: int64(c.Limits.BodyBytes), HeaderBytes: int(c.Limits.HeaderBytes),
		PageUsers: pageUsers, Version: release, Log: log, Registerer: a.registry, Drain: c.Shutdown.Drain,
	})
	if err != nil {
		return nil, err
	}
	s.listener, err = net.Listen("tcp", c.Listen)
	return s, err
}

// apiKeys reads the configured keys, those of the environment included.
func apiKeys(c *config.Config) ([]api.Key, error) {
	var keys []api.Key
	for i, k := range c.Keys {
		secret := k.Key
		if k.KeyEnv != "" {
			if secret = os.Getenv(k.KeyEnv); secret == "" {
				return nil, c.Errorf(fmt.Sprintf("keys[%d].key_env", i), "the environment variable %s is empty", k.KeyEnv)
			}
		}
		key := api.Key{Name: k.Name, Key: secret}
		for j, r := range k.Roles {
			role, err := api.ParseRole(r)
			if err != nil {
				return nil, c.Errorf(fmt.Sprintf("keys[%d].roles[%d]", i, j), "%v", err)
			}
			key.Roles |= role
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// run serves until ctx ends or something breaks: HTTP stops first, then the writer, which leaves a last checkpoint. ready
// is called with the server's URL when it has caught up with its log.
func (s *server) run(ctx context.Context, ready func(ctx context.Context, url string) error) (err error) {
	defer func() { err = joinClose(err, s.app) }()
	url := "http://" + s.listener.Addr().String()
	var stopping time.Time // when the last request was answered
	writing, stopWriter := context.WithCancel(context.Background())
	defer stopWriter()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		err := s.engine.Run(writing, s.source)
		if writing.Err() != nil && errors.Is(err, context.Canceled) {
			err = nil // it was asked to stop
		}
		if err == nil && ctx.Err() == nil {
			err = errors.New("the log ended")
		}
		if writing.Err() != nil {
			s.log.Info("writer stopped, last checkpoint written", zap.Duration("took", time.Since(stopping)), zap.Error(err))
		}
		return err
	})
	g.Go(func() error {
		defer stopWriter()
		start := time.Now()
		err := s.api.Serve(ctx, s.listener)
		stopping = time.Now()
		s.log.Info("requests drained", zap.Duration("served", stopping.Sub(start)))
		return err
	})
	g.Go(func() error { return s.scrub.run(ctx) })
	g.Go(func() error { return s.backfill.run(ctx) })
	g.Go(func() error { return s.copier.Run(ctx) })
	g.Go(func() error { return s.follow.run(ctx) })
	g.Go(func() error {
		if err := s.awaitReady(ctx); err != nil {
			return nil // stopped before
		}
		s.follow.look() // the first list is scored, if it can be
		if s.follow == nil {
			s.openMail(ctx, g)
		}
		g.Go(func() error { return s.publish.run(ctx) })
		g.Go(func() error { return s.schedule.run(ctx) })
		if s.doctor != nil {
			g.Go(func() error { return s.doctor.run(ctx) })
		}
		s.log.Info("ready", zap.String("url", url), zap.Stringer("cursor", s.engine.Applied()))
		if err := ready(ctx, url); err != nil {
			return err
		}
		return s.tick(ctx)
	})
	start := time.Now()
	if err = g.Wait(); errors.Is(err, state.ErrCorrupt) {
		err = errors.Join(err, s.mark(err)) // wherever it was found: the next start looks at all of it
	}
	s.log.Info("stopped", zap.Duration("served", time.Since(start)), zap.Stringer("cursor", s.engine.Applied()))
	return err
}

// openMail lets the outputs of patterns out. Where there is a trainer, it is the one who sends them.
func (s *server) openMail(ctx context.Context, g *errgroup.Group) {
	g.Go(func() error {
		s.mail.run(ctx)
		return nil
	})
	if err := s.mail.open(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("the outbox is not open yet", zap.Error(err))
	}
}

// awaitReady returns when the engine has caught up.
func (s *server) awaitReady(ctx context.Context) error {
	room := engineRoom{s.app}
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		if room.Ready() == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}
