package api

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"recsvc/internal/event"
	"recsvc/internal/features"
	"recsvc/internal/ingest"
	"recsvc/internal/rank"
)

// What rooms may answer with, wrapped or bare. Their text is shown to the client.
var (
	// ErrNotFound: there is no such thing. 404.
	ErrNotFound = errors.New("not found")
	// ErrBadRequest: the request cannot be served as it stands. 400.
	ErrBadRequest = errors.New("bad request")
	// ErrMisdirected: a cursor names a partition that this instance does not own. 421.
	ErrMisdirected = errors.New("another instance owns this partition")
	// ErrConflict: what is asked for contradicts what there is. 409.
	ErrConflict = errors.New("conflict")
	// ErrUnavailable: the log cannot be written, or a room is not ready. 503.
	ErrUnavailable = errors.New("unavailable")
)

// Rooms is what the handlers call. Log, Intake, Ranker, Reader and Engine must be given; a nil Gate lets everything in,
// and the routes of the others answer 503 while they are nil. All are called by many goroutines at once.
type Rooms struct {
	Log         Log
	Intake      Intake
	Gate        Gate
	Ranker      Ranker
	Reader      Reader
	Engine      Engine
	Models      Models
	Snapshots   Snapshots
	DeadLetters DeadLetters
	Backup      Backup
	Features    Features
	Evaluator   Evaluator
	Metrics     prometheus.Gatherer
}

// Log takes records in. Append gives them their place (and stamps it into them); the cursor stands just after the last.
// Wait returns once everything before the cursor is durable. Any error but the context's is answered 503.
type Log interface {
	Append(ctx context.Context, recs []event.Record) (event.Cursor, error)
	Wait(ctx context.Context, cursor event.Cursor) error
}

// Intake judges request bodies record by record; *ingest.Intake does. It may keep the body: nobody writes to it again.
// Refused is told the reason of a body that became a dead letter without being judged.
type Intake interface {
	Judge(b ingest.Body) (*ingest.Judgement, error)
	Refused(reason string)
}

// Gate holds writers back while the engine is behind or the disk is full. Admit is asked before a body is read. A wait
// above 0 is what the client is told to wait before it tries again (429). An error refuses for other reasons (503), shown to
// the client when it is ErrUnavailable; while there is one, the lists that are served are not logged either.
type Gate interface {
	Admit() (wait time.Duration, err error)
}

// Ranker makes lists. *rank.Ranker is one.
type Ranker interface {
	Rank(ctx context.Context, req rank.Request) (rank.List, error)
	Similar(item string, n int) ([]rank.Ranked, error)
	Trending(category string, window time.Duration, now event.Time, n int) []rank.Ranked
}

// Reader shows what is known of one item or user as of now; ErrNotFound when nothing is.
type Reader interface {
	Item(id string, now event.Time) (ItemView, error)
	User(id string, now event.Time) (UserView, error)
}

// ItemView is a catalogue item with its live counters and features.
type ItemView struct {
	Item     event.Item            // Attrs in full
	Live     map[string]float64    // exposures, clicks, …
	Features []features.NamedValue // those that are kept under the item
}

// Engine is the single writer, seen from outside.
type Engine interface {
	// Applied is the place up to which state includes the log. The caller may keep it.
	Applied() event.Cursor
	// Wait returns when Applied covers cursor, ErrMisdirected when it never will here, or the context's error.
	Wait(ctx context.Context, cursor event.Cursor) error
	// Ready is nil when state is loaded and the engine keeps up; otherwise it says why not.
	Ready() error
	Status() Status
	// Checkpoint forces one and returns when it is durable.
	Checkpoint(ctx context.Context) (CheckpointStatus, error)
}

// Features tells of the features that have a state.
type Features interface {
	// Features lists their definitions, live ones first.
	Features() []FeatureVersion
	// Readout chooses features by name; none: all. It is a *features.NoFeatureError when there is no feature of a name.
	Readout(names []string) (Readout, error)
	// Entity returns the features that are kept under one key of a scope: see [features.Store.Entity].
	Entity(scope, key []string, now event.Time) ([]features.EntityFeature, error)
}

// Readout reads chosen features of one entity after another; *features.Readout does. One goroutine uses it.
type Readout interface {
	Columns() []features.Column
	// Read returns a value for each column, good until the next call.
	Read(user, item string, context event.Attributes, now event.Time) ([]features.NamedValue, error)
	Close()
}

// Models are the models side by side. A name that none has is ErrNotFound.
type Models interface {
	// Models describes all, the champion first. The caller may keep them.
	Models() []ModelStatus
	// Change and Promote return when what they have put into the log is in force, with how the model stands then. What cannot be is
	// ErrBadRequest or ErrConflict, and nothing is in the log.
	Change(ctx context.Context, name string, c ModelChange) (ModelStatus, error)
	// A challenger that does not pass the gate is promoted by force only.
	Promote(ctx context.Context, name string, p Promotion) (ModelStatus, error)
	// Health tells what is watched beside the models. Quarantine are the samples that were refused lately, newest first.
	Health() Supervision
	Quarantine() []QuarantinedSample
}

// Snapshots keeps copies of the models. An id that names none, or is no id, is ErrNotFound or ErrBadRequest.
type Snapshots interface {
	List(ctx context.Context) ([]Snapshot, error)
	Create(ctx context.Context, note string) (Snapshot, error)
	Get(ctx context.Context, id string) (Snapshot, error)
	Delete(ctx context.Context, id string) error
	// Content returns a snapshot's file, which has been compared with its checksum.
	Content(ctx context.Context, id string) (Snapshot, io.ReadCloser, error)
	// Import keeps a file that is whole and could be restored here. A sha256 that is given is what it must have. created is false
	// when there was that very snapshot already.
	Import(ctx context.Context, sha256 string, content io.Reader) (s Snapshot, created bool, err error)
	// Restore rolls the models back and returns the new model version, "ctr@1841", once it is in force.
	Restore(ctx context.Context, id string) (model string, err error)
}

// DeadLetters keeps refused records. *ingest.LetterOffice does.
type DeadLetters interface {
	// List returns those with numbers below before, newest first; before 0 begins at the newest.
	List(before int64, n int) []ingest.Letter
	// Retry judges letters as if they came now, and Purge removes them. Both return once that is durable and applied.
	Retry(ctx context.Context, sel ingest.LetterSelection) (ingest.Retried, error)
	Purge(ctx context.Context, sel ingest.LetterSelection) (ingest.Purged, error)
}

// Backup writes a consistent copy of the whole state. It is called by one goroutine at a time. An error before the first
// byte is answered as any other; after it the connection is aborted, so that no client takes a part for the whole.
type Backup interface {
	Backup(ctx context.Context, w io.Writer) error
}
