package api

import (
	"fmt"
	"math"
	"net/http"
	"unicode/utf8"

	"go.uber.org/zap"

	"recsvc/internal/event"
	"recsvc/internal/ingest"
)

const (
	maxLetterIDs   = event.MaxPurged // of one request
	maxLetterBytes = 4 << 20         // of originals on one page
)

func (a *API) getDeadLetters(w *response, r *http.Request) error {
	q := readQuery(r)
	n, before := q.count("n", 100, 10_000), q.count("before", 0, math.MaxInt)
	if q.err != nil {
		return q.err
	}
	out := DeadLetterList{DeadLetters: []DeadLetter{}}
	if a.rooms.DeadLetters != nil {
		out.fill(a.rooms.DeadLetters.List(int64(before), n+1), n) // one more tells whether there are more
	}
	return w.json(http.StatusOK, &out)
}

// fill takes up to n letters, fewer where the originals are large.
func (l *DeadLetterList) fill(letters []ingest.Letter, n int) {
	size := 0
	for i := range letters {
		size += len(letters[i].Bytes)
		if i == n || i > 0 && size > maxLetterBytes {
			l.Next = letters[i-1].Seq
			return
		}
		l.DeadLetters = append(l.DeadLetters, deadLetter(&letters[i]))
	}
}

func deadLetter(l *ingest.Letter) DeadLetter {
	out := DeadLetter{
		ID:  letterID(event.PartitionOffset{Partition: l.Partition, Offset: l.Offset}),
		Seq: l.Seq, Source: l.Source, Partition: l.Partition, Offset: l.Offset, Place: l.Place,
		Reason: l.Reason, Detail: l.Detail, Received: l.Received, Size: l.Size,
	}
	if utf8.Valid(l.Bytes) {
		out.Text = string(l.Bytes)
	} else {
		out.Bytes = l.Bytes
	}
	return out
}

func letterID(p event.PartitionOffset) string { return event.Cursor{p}.String() }

func (a *API) retryDeadLetters(w *response, r *http.Request) error {
	var in LetterSelection
	room, sel, err := a.letters(w, r, &in)
	if err != nil {
		return err
	}
	done, err := room.Retry(r.Context(), sel)
	a.audit(w, r, zap.Int("asked", len(sel.Places)), zap.Bool("all", sel.All), zap.Int("retried", done.Letters),
		zap.Int("records", done.Records), zap.Int("rejected", len(done.Refused)), zap.Error(err))
	if err != nil {
		return logFault(err, "not all is known to be retried; what is still listed can be retried again without harm")
	}
	return w.json(http.StatusOK, LettersRetried{Retried: done.Letters, Records: done.Records, Rejected: rejections(done.Refused)})
}

// deleteDeadLetters takes the selection from the query as well: not every client sends a body with DELETE.
func (a *API) deleteDeadLetters(w *response, r *http.Request) error {
	q := readQuery(r)
	in := LetterSelection{IDs: q.values["ids"], All: q.flag("all")}
	if q.err != nil {
		return q.err
	}
	room, sel, err := a.letters(w, r, &in)
	if err != nil {
		return err
	}
	done, err := room.Purge(r.Context(), sel)
	a.audit(w, r, zap.Int("asked", len(sel.Places)), zap.Bool("all", sel.All), zap.Int("purged", done.Letters), zap.Error(err))
	if err != nil {
		return logFault(err, "not all is known to be removed; the list tells")
	}
	return w.json(http.StatusOK, LettersPurged{Purged: done.Letters, Rejected: rejections(done.Refused)})
}

// letters is what a change of dead letters begins with: the room, and what the body, over what is in the query, selects.
func (a *API) letters(w *response, r *http.Request, in *LetterSelection) (room DeadLetters, sel ingest.LetterSelection, err error) {
	if room = a.rooms.DeadLetters; room == nil {
		return nil, sel, fmt.Errorf("dead letters: %w", ErrUnavailable)
	}
	if err := a.decode(w, r, in, true); err != nil {
		return nil, sel, err
	}
	if in.All == (len(in.IDs) > 0) {
		return nil, sel, faultf(http.StatusBadRequest, `name either "ids" or "all": true`)
	}
	if len(in.IDs) > maxLetterIDs {
		return nil, sel, badParam("ids", "are %d: at most %d are allowed", len(in.IDs), maxLetterIDs)
	}
	sel.All = in.All
	for _, id := range in.IDs {
		c, err := event.ParseCursor(id)
		if err != nil || len(c) != 1 {
			return nil, sel, badParam("ids", "%.64q is no dead letter's id", id)
		}
		sel.Places = append(sel.Places, c[0])
	}
	return room, sel, a.gate()
}

func rejections(refused []ingest.LetterRefusal) []LetterRejection {
	out := make([]LetterRejection, 0, len(refused))
	for i := range refused {
		x := LetterRejection{ID: letterID(refused[i].Place), Reason: refused[i].Reason}
		if refused[i].Index >= 0 {
			x.Index = &refused[i].Index
		}
		out = append(out, x)
	}
	return out
}
