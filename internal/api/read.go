package api

import (
	"context"
	"net/http"
	"slices"
	"sort"

	"recsvc/internal/event"
	"recsvc/internal/rank"
)

func (a *API) getItem(w *response, r *http.Request) error {
	id, err := pathID(r, "item")
	if err != nil {
		return err
	}
	if err := a.after(r, readQuery(r)); err != nil {
		return err
	}
	view, err := a.rooms.Reader.Item(id, event.FromTime(a.opts.Clock()))
	if err != nil {
		return err
	}
	w.buf = appendItem(w.buf[:0], &view)
	w.send(http.StatusOK, headerJSON[0], w.buf)
	return nil
}

// appendItem appends the flat record with the counters and features beside it. Attributes of their names give way to them.
func appendItem(dst []byte, v *ItemView) []byte {
	item := v.Item
	item.Attrs = slices.DeleteFunc(slices.Clone(item.Attrs), func(a event.Attribute) bool { return a.Key == "live" || a.Key == "features" })
	dst = item.AppendJSON(dst)
	dst = append(dst[:len(dst)-1], `,"live":{`...)
	names := make([]string, 0, len(v.Live))
	for name := range v.Live {
		names = append(names, name)
	}
	sort.Strings(names)
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendFloat(append(event.AppendString(dst, name), ':'), v.Live[name])
	}
	dst = append(dst, `},"features":{`...)
	first := true
	for i := range v.Features {
		f := &v.Features[i]
		if f.Missing() {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendValue(append(event.AppendString(dst, f.Name), ':'), f)
	}
	return append(dst, "}}\n"...)
}

func (a *API) getUser(w *response, r *http.Request) error {
	id, err := pathID(r, "user")
	if err != nil {
		return err
	}
	if err := a.after(r, readQuery(r)); err != nil {
		return err
	}
	view, err := a.rooms.Reader.User(id, event.FromTime(a.opts.Clock()))
	if err != nil {
		return err
	}
	if view.Features == nil {
		view.Features = map[string]any{}
	}
	if view.Recent == nil {
		view.Recent = []RecentEvent{}
	}
	return w.json(http.StatusOK, &view)
}

// after lets any read wait for a write of the same client.
func (a *API) after(r *http.Request, q *query) error {
	text := q.text("after")
	if q.err != nil {
		return q.err
	}
	cursor, err := parseCursor(text)
	if err != nil || len(cursor) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.opts.Deadline)
	defer cancel()
	return a.catchUp(ctx, cursor)
}

func (a *API) getSimilar(w *response, r *http.Request) error {
	q := readQuery(r)
	n := q.count("n", 10, rank.MaxN)
	if err := a.after(r, q); err != nil {
		return err
	}
	id, err := pathID(r, "item")
	if err != nil {
		return err
	}
	items, err := a.rooms.Ranker.Similar(id, n)
	if err != nil {
		return err
	}
	return w.items(items)
}

func (a *API) getTrending(w *response, r *http.Request) error {
	q := readQuery(r)
	n, window, category := q.count("n", 10, rank.MaxN), q.duration("window"), q.text("category")
	if err := a.after(r, q); err != nil {
		return err
	}
	return w.items(a.rooms.Ranker.Trending(category, window, event.FromTime(a.opts.Clock()), n))
}

func (w *response) items(items []rank.Ranked) (err error) {
	if w.buf, err = appendItems(append(w.buf[:0], `{"items":`...), items); err != nil {
		return err
	}
	w.buf = append(w.buf, '}', '\n')
	w.send(http.StatusOK, headerJSON[0], w.buf)
	return nil
}
