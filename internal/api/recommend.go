package api

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"recsvc/internal/event"
	"recsvc/internal/rank"
)

// maxExclude bounds the ids that one request may leave out.
const maxExclude = 10_000

func (a *API) getRecommendations(w *response, r *http.Request) error {
	in, err := readQuery(r).recommendations()
	if err != nil {
		return err
	}
	return a.recommend(w, r, &in, nil)
}

func (a *API) postRecommendations(w *response, r *http.Request) error {
	var in RecommendationsRequest
	if err := a.decode(w, r, &in, false); err != nil {
		return err
	}
	return a.recommend(w, r, &in, nil)
}

func (a *API) postRank(w *response, r *http.Request) error {
	var in RankRequest
	if err := a.decode(w, r, &in, false); err != nil {
		return err
	}
	if in.Candidates == nil {
		return badParam("candidates", "are missing")
	}
	if len(in.Candidates) > rank.MaxCandidates {
		return badParam("candidates", "are %d: at most %d are allowed", len(in.Candidates), rank.MaxCandidates)
	}
	ids := make([]string, len(in.Candidates))
	for i, c := range in.Candidates {
		if err := event.CheckID(c.Item); err != nil {
			return badParam(fmt.Sprintf("candidates/%d/item", i), "%v", err)
		}
		ids[i] = c.Item
	}
	return a.recommend(w, r, &in.RecommendationsRequest, ids)
}

// recommend makes a list, logs it as served, and answers.
func (a *API) recommend(w *response, r *http.Request, in *RecommendationsRequest, candidates []string) error {
	req, after, err := a.request(in)
	if err != nil {
		return err
	}
	req.Candidates = candidates
	ctx, cancel := context.WithTimeout(r.Context(), a.opts.Deadline)
	defer cancel()
	if err := a.catchUp(ctx, after); err != nil {
		return err
	}
	req.Now = event.FromTime(a.opts.Clock())
	applied := a.rooms.Engine.Applied() // before the read, so that the list includes at least this
	list, err := a.rooms.Ranker.Rank(ctx, req)
	if err != nil {
		return err
	}
	if !in.DryRun && len(list.Items) > 0 {
		a.served(ctx, w, &list)
	}
	if w.buf, err = appendList(w.buf[:0], &list, applied); err != nil {
		return err
	}
	w.send(http.StatusOK, headerJSON[0], w.buf)
	return nil
}

// served takes the list's place in the log, so that its features are captured as they were. It doesn't wait for the disk,
// and a log that fails, or a disk without room for it, does not keep the list from its reader.
func (a *API) served(ctx context.Context, w *response, list *rank.List) {
	if err := a.logServed(ctx, list); err != nil {
		list.Degraded = append(list.Degraded, "served")
		a.metrics.unlogged.Inc()
		if a.unloggedTold.due(a.opts.Clock()) {
			a.log.Error("served list not logged; further ones within a second are only counted",
				zap.String("request_id", w.id), zap.Error(err))
		}
	}
}

// eachSecond lets one caller a second through.
type eachSecond struct{ last atomic.Int64 }

func (e *eachSecond) due(now time.Time) bool {
	last, at := e.last.Load(), now.UnixNano()
	return (last == 0 || at-last >= int64(time.Second)) && e.last.CompareAndSwap(last, at)
}

func (a *API) logServed(ctx context.Context, list *rank.List) error {
	if a.rooms.Gate != nil {
		if _, err := a.rooms.Gate.Admit(); err != nil {
			return err // an engine that is behind takes lists all the same: they are what it learns from
		}
	}
	rec := [1]event.Record{{Kind: event.KindServed, Received: list.Time, Served: list.Served()}}
	_, err := a.rooms.Log.Append(ctx, rec[:])
	return err
}

// catchUp waits until state includes everything before the cursor.
func (a *API) catchUp(ctx context.Context, after event.Cursor) error {
	if len(after) == 0 {
		return nil
	}
	return a.rooms.Engine.Wait(ctx, after)
}

// request checks what both forms of the request share.
func (a *API) request(in *RecommendationsRequest) (req rank.Request, after event.Cursor, err error) {
	req = rank.Request{User: in.User, Scene: in.Scene, Item: in.Item, Context: in.Context, Exclude: in.Exclude, Explain: in.Explain}
	if in.User != "" {
		if err := event.CheckID(in.User); err != nil {
			return req, nil, badParam("user", "%v", err)
		}
	}
	if in.Item != "" {
		if err := event.CheckID(in.Item); err != nil {
			return req, nil, badParam("item", "%v", err)
		}
	}
	if in.N != nil {
		if req.N = *in.N; req.N < 1 || req.N > rank.MaxN {
			return req, nil, badParam("n", "must be a whole number from 1 to %d", rank.MaxN)
		}
	}
	if len(in.Exclude) > maxExclude {
		return req, nil, badParam("exclude", "holds more than %d ids", maxExclude)
	}
	if in.Filter != "" {
		if req.Filter, err = a.filters.Compile(in.Filter); err != nil {
			return req, nil, err
		}
	}
	after, err = parseCursor(in.After)
	return req, after, err
}

func parseCursor(s string) (event.Cursor, error) {
	c, err := event.ParseCursor(s)
	if err != nil {
		return nil, badParam("after", "%v", err)
	}
	return c, nil
}
