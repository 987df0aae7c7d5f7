package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"recsvc/internal/event"
)

const (
	defaultRecordBytes = 256 << 10
	defaultBodyRecords = 10_000
)

// IntakeOptions bounds what one request may bring. A zero field takes the default named beside it.
type IntakeOptions struct {
	MaxRecords     int      // above it ErrTooManyRecords; 10,000
	MaxRecordBytes int      // longer records are refused one by one; 256 KiB
	Metrics        *Metrics // nil: counted, not exported
}

// Intake judges what comes over HTTP. It is safe for concurrent use.
type Intake struct {
	opts      IntakeOptions
	validator *Validator
	decoders  sync.Pool // of *event.Decoder
}

// NewIntake checks the options.
func NewIntake(v *Validator, opts IntakeOptions) (*Intake, error) {
	setDefault(&opts.MaxRecords, defaultBodyRecords)
	setDefault(&opts.MaxRecordBytes, defaultRecordBytes)
	if opts.MaxRecords < 0 || opts.MaxRecordBytes < 0 {
		return nil, fmt.Errorf("intake: MaxRecords %d and MaxRecordBytes %d must be positive", opts.MaxRecords, opts.MaxRecordBytes)
	}
	if opts.Metrics == nil {
		opts.Metrics = NewMetrics(nil)
	}
	return &Intake{opts: opts, validator: v, decoders: sync.Pool{New: func() any { return new(event.Decoder) }}}, nil
}

// Body is what a client sent, after decompression.
type Body struct {
	Kind     event.Kind // what the route takes: KindEvent, KindItem or KindUser
	Source   string     // for dead letters; "http" when empty
	Place    string     // the route, "/v1/events"; dead letters append the record's index
	NDJSON   bool       // the client says that it is NDJSON; an array or a single object is taken all the same
	Received event.Time
	Bytes    []byte // never to be written to again: the records alias it
}

// Judgement is what became of a body.
type Judgement struct {
	// Records are those that were accepted, and the dead letters of those that were not, in the order of the body. They
	// are to be appended to the log together, so that what was refused is as durable as what was accepted.
	Records  []event.Record
	Accepted int         // how many of Records are no dead letters
	Rejected []Rejection // by index

	// Malformed is set when the body is not JSON at all (for NDJSON: no line of it is). Then nothing is accepted or
	// rejected, and Records holds one dead letter with the whole body, none when the body is empty.
	Malformed error
}

// Rejection says why a record was refused, in the form of the HTTP interface.
type Rejection struct {
	Index  int    `json:"index"` // in the body, from 0
	ID     string `json:"id,omitempty"`
	Reason string `json:"reason"` // "field: what is wrong", or the bare "late"
	Hint   string `json:"hint,omitempty"`

	Pointer string `json:"-"` // JSON pointer of the field, if it is one field's fault
	Label   string `json:"-"` // the reason as a metric label
}

// lateHint tells producers of history what to do.
const lateHint = "older than the horizon; load history with recsvc replay"

// Judge decodes and validates the records of a body one by one. The only errors are ErrTooManyRecords, when nothing was
// looked at, and a Kind that no route takes.
func (in *Intake) Judge(b Body) (*Judgement, error) {
	if b.Kind != event.KindEvent && b.Kind != event.KindItem && b.Kind != event.KindUser {
		return nil, fmt.Errorf("intake: records of kind %v are not taken", b.Kind)
	}
	if b.Source == "" {
		b.Source = "http"
	}
	parts, form, err := split(b.Bytes, b.NDJSON, in.opts.MaxRecords)
	if errors.Is(err, ErrTooManyRecords) {
		return nil, err
	}
	if err != nil {
		return in.malformed(b, err), nil
	}
	j := bodyJudge{in: in, body: &b, form: form}
	if err := j.all(parts); err != nil {
		return in.malformed(b, err), nil
	}
	j.count()
	return j.out, nil
}

// Refused counts a body that was refused before it could be judged, by the reason of its dead letter.
func (in *Intake) Refused(reason string) { in.opts.Metrics.rejected.WithLabelValues(reason).Inc() }

// malformed refuses a body as a whole.
func (in *Intake) malformed(b Body, err error) *Judgement {
	in.opts.Metrics.reject(err)
	j := &Judgement{Malformed: err}
	if len(b.Bytes) > 0 {
		in.opts.Metrics.received[b.Kind].Inc()
		letter := letterRecord(b.Source, b.Place, b.Bytes, int64(len(b.Bytes)), err)
		letter.Received = b.Received
		j.Records = []event.Record{letter}
	}
	return j
}

// bodyJudge judges the records of one body.
type bodyJudge struct {
	in      *Intake
	body    *Body
	form    bodyForm
	again   *Letter // the letter that the body was kept in; nil: it comes for the first time
	decoder *event.Decoder
	out     *Judgement

	notJSON    int
	firstFault error
}

// all judges the records of a body. An error means that the body as a whole is not JSON.
func (j *bodyJudge) all(parts [][]byte) error {
	in := j.in
	j.decoder = in.decoders.Get().(*event.Decoder)
	defer in.decoders.Put(j.decoder)
	defer in.opts.Metrics.decoded(&j.decoder.Counts)
	j.out = &Judgement{Records: make([]event.Record, 0, len(parts))}
	for i, text := range parts {
		if err := j.record(i, text); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	if j.form == lines && j.notJSON == len(parts) {
		return j.firstFault
	}
	return nil
}

// record judges one record. An error means that the body as a whole is not JSON.
func (j *bodyJudge) record(i int, text []byte) error {
	j.out.Records = append(j.out.Records, event.Record{Kind: j.body.Kind, Received: j.body.Received})
	rec := &j.out.Records[len(j.out.Records)-1]
	err := j.judge(i, text, rec)
	if err == nil {
		j.out.Accepted++
		return nil
	}
	if reasonOf(err) == event.ReasonBadJSON && !isJSON(text) {
		if j.form == oneValue {
			return err
		}
		j.notJSON++
		if j.firstFault == nil {
			j.firstFault = err
		}
	}
	j.reject(i, text, rec, err)
	return nil
}

// isJSON tells what is no JSON from what is more than a record may be: nested too deeply. The one spoils a body, the other
// only itself.
func isJSON(text []byte) bool { return utf8.Valid(text) && json.Valid(text) }

func (j *bodyJudge) judge(i int, text []byte, rec *event.Record) error {
	err := j.decoder.DecodeJSON(j.body.Kind, text, rec)
	limit := j.in.opts.MaxRecordBytes
	switch {
	case len(text) > limit && (err == nil || reasonOf(err) != event.ReasonBadJSON):
		return tooLong(int64(len(text)), limit)
	case err != nil:
		return err
	}
	if j.again != nil {
		j.again.complete(i, rec)
	}
	return j.in.validator.Live(rec)
}

// reject puts a dead letter in the place of the record, the last one; nothing when it is only late: its producer knows,
// unless the record comes out of a letter.
func (j *bodyJudge) reject(i int, text []byte, rec *event.Record, err error) {
	r := Rejection{Index: i, ID: recordID(rec), Reason: err.Error(), Label: reasonOf(err)}
	var refusal *event.Error
	if errors.As(err, &refusal) {
		r.Pointer = refusal.Pointer
	}
	if r.Label == ReasonLate {
		r.Reason, r.Hint = ReasonLate, lateHint
	}
	if r.Label == ReasonLate && j.again == nil {
		j.out.Records = j.out.Records[:len(j.out.Records)-1]
	} else {
		*rec = letterRecord(j.body.Source, fmt.Sprintf("%s[%d]", j.body.Place, i), text, int64(len(text)), err)
		rec.Received = j.body.Received
	}
	j.out.Rejected = append(j.out.Rejected, r)
}

// recordID returns the id that the producer knows the record by.
func recordID(rec *event.Record) string {
	switch {
	case rec.Event != nil:
		return rec.Event.ID
	case rec.Item != nil:
		return rec.Item.ID
	case rec.User != nil:
		return rec.User.ID
	}
	return ""
}

// count counts the body once its fate is known.
func (j *bodyJudge) count() {
	m := j.in.opts.Metrics
	m.received[j.body.Kind].Add(float64(j.out.Accepted + len(j.out.Rejected)))
	for i := range j.out.Records {
		if rec := &j.out.Records[i]; rec.Kind != event.KindDeadLetter {
			m.accept(rec)
		}
	}
	for i := range j.out.Rejected {
		m.rejected.WithLabelValues(j.out.Rejected[i].Label).Inc()
	}
}
