package config

import "time"

// Config is a whole configuration with its defaults filled in. It is read only once Load has returned.
type Config struct {
	Listen          string        `yaml:"listen"`           // address of the HTTP server; 127.0.0.1:8080
	Data            string        `yaml:"data"`             // directory of log and state; ./data
	LogLevel        string        `yaml:"log_level"`        // debug, info, warn or error; info
	RequestDeadline time.Duration `yaml:"request_deadline"` // most that a request may take; 1s
	Lateness        time.Duration `yaml:"lateness"`         // how far event time may lag before the watermark; 5s
	Horizon         time.Duration `yaml:"horizon"`          // how late an event may come, and how long ids are remembered; 24h
	MaxFuture       time.Duration `yaml:"max_future"`       // how far ahead of receipt a live event's ts may be; 5m
	Role            string        `yaml:"role"`             // all, trainer or server; all
	Seed            int64         `yaml:"seed"`             // of exploration's randomness; 0: a different one each start

	Checkpoint Checkpoint `yaml:"checkpoint"`
	Memory     Memory     `yaml:"memory"`
	Scrub      Scrub      `yaml:"scrub"`
	Shutdown   Shutdown   `yaml:"shutdown"`
	Log        Log        `yaml:"log"`
	Kafka      Kafka      `yaml:"kafka"`
	Keys       []Key      `yaml:"keys"`
	Limits     Limits     `yaml:"limits"`
	Backup     Backup     `yaml:"backup"`
	Publish    Publish    `yaml:"publish"`

	ItemlessTypes []string   `yaml:"itemless_types"` // event types that need no item, beside search, enter and exit
	Features      []Feature  `yaml:"features"`
	Patterns      []Pattern  `yaml:"patterns"`
	Outbox        Outbox     `yaml:"outbox"`
	Models        []Model    `yaml:"models"`
	Feedback      Feedback   `yaml:"feedback"`
	Health        Health     `yaml:"health"`
	Train         Train      `yaml:"train"`
	Recall        Recall     `yaml:"recall"`
	Rank          Rank       `yaml:"rank"`
	OffPolicy     OffPolicy  `yaml:"off_policy"`
	Validation    Validation `yaml:"validation"`

	file    string
	places  map[string]place // by path; of what stands in the file
	origins map[string]place // by path; of what the environment or a flag overrode
}

// Checkpoint says how often state is written.
type Checkpoint struct {
	Interval time.Duration `yaml:"interval"`  // between the starts of two checkpoints: costs recovery time, not data; 10s
	MinPause time.Duration `yaml:"min_pause"` // least time between the end of one and the start of the next; 1s
	Timeout  time.Duration `yaml:"timeout"`   // after which one is given up, to be tried again; 10m
}

// Memory bounds what is kept hot.
type Memory struct {
	Budget    Size `yaml:"budget"`     // what the process should need; 0: three quarters of what it may have
	DedupIDs  int  `yaml:"dedup_ids"`  // most event ids remembered, some 12 bytes each; 20000000
	LatePairs int  `yaml:"late_pairs"` // most closed impressions remembered for late outcomes, some 12 bytes each, two for each; 20000000
}

// Scrub says how often what lies on disk is read and checked.
type Scrub struct {
	Every       time.Duration `yaml:"every"`        // from the end of one pass to the start of the next, the first at the start; 0: never; 24h
	BytesPerSec Size          `yaml:"bytes_per_s"`  // how fast it reads; 20MiB
	BeforeReady bool          `yaml:"before_ready"` // /readyz answers 503 until the first pass has ended well; false
}

// Shutdown bounds how long an orderly end may take.
type Shutdown struct {
	Drain time.Duration `yaml:"drain"` // for requests that are being answered; 10s
}

// Log bounds the embedded log. With both retentions 0 everything is kept.
type Log struct {
	SegmentBytes Size          `yaml:"segment_bytes"` // size at which a segment file is closed; 64MiB
	RetainBytes  Size          `yaml:"retain_bytes"`  // drop the oldest segments above this; 0: keep
	RetainAge    time.Duration `yaml:"retain_age"`    // drop segments older than this; 0: keep
}

// Key lets a client in.
type Key struct {
	Name   string  `yaml:"name"`    // shown in the audit log instead of the key
	Key    string  `yaml:"key"`     // the secret itself; at least 16 characters
	KeyEnv string  `yaml:"key_env"` // or the environment variable that holds it
	Roles  Strings `yaml:"roles"`   // read, write, admin
}

// Limits bounds what a client or a backlog may cost.
type Limits struct {
	BodyBytes      Size          `yaml:"body_bytes"`      // of a request body, after decompression; 8MiB
	BatchRecords   int           `yaml:"batch_records"`   // records in one request; 10000
	RecordBytes    Size          `yaml:"record_bytes"`    // of one record; 256KiB
	PendingRecords int64         `yaml:"pending_records"` // logged but not yet applied, before writes answer 429; 500000
	ReadyLag       time.Duration `yaml:"ready_lag"`       // /readyz answers 503 while the engine is further behind; 10s
	HeaderBytes    Size          `yaml:"header_bytes"`    // of request headers; 16KiB
	DeadLetters    int           `yaml:"dead_letters"`    // kept for reading; 10000
	FreeBytes      Size          `yaml:"free_bytes"`      // of disk, below which writes answer 503; 256MiB
}

// Default returns the configuration that an empty file stands for.
func Default() *Config {
	return &Config{
		Listen:          "127.0.0.1:8080",
		Data:            "./data",
		LogLevel:        "info",
		RequestDeadline: time.Second,
		Lateness:        5 * time.Second,
		Horizon:         24 * time.Hour,
		MaxFuture:       5 * time.Minute,
		Role:            RoleAll,
		Checkpoint:      Checkpoint{Interval: 10 * time.Second, MinPause: time.Second, Timeout: 10 * time.Minute},
		Memory:          Memory{DedupIDs: 20_000_000, LatePairs: 20_000_000},
		Scrub:           Scrub{Every: 24 * time.Hour, BytesPerSec: 20 << 20},
		Shutdown:        Shutdown{Drain: 10 * time.Second},
		Log:             Log{SegmentBytes: 64 << 20},
		Kafka:           defaultKafka(),
		Limits: Limits{
			BodyBytes:      8 << 20,
			BatchRecords:   10_000,
			RecordBytes:    256 << 10,
			PendingRecords: 500_000,
			ReadyLag:       10 * time.Second,
			HeaderBytes:    16 << 10,
			DeadLetters:    10_000,
			FreeBytes:      256 << 20,
		},
		Backup:     defaultBackup(),
		OffPolicy:  defaultOffPolicy(),
		Publish:    defaultPublish(),
		Outbox:     Outbox{Timeout: 10 * time.Second, Parallel: 8, Keep: 7 * 24 * time.Hour},
		Feedback:   defaultFeedback(),
		Health:     defaultHealth(),
		Train:      defaultTrain(),
		Recall:     defaultRecall(),
		Rank:       Rank{Scenes: map[string]Scene{}},
		Validation: defaultValidation(),
	}
}
