package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	clickTime  = 30 * time.Second
	clickConns = 4
	clickEvery = 20 * time.Millisecond // over all connections

	// What comes in beside the clicks: 2,000 events a second.
	besideEvents = 10
	besideEvery  = 5 * time.Millisecond
	besideConns  = 16
)

// clicks takes the figures of a click and the list that it changes.
func (b *bench) clicks(ctx context.Context, data string) error {
	return b.serve(ctx, launch{config: b.config, data: data}, func(s *session) error {
		if _, err := s.clicksBeside(ctx, b.opts.long(warmUp)); err != nil {
			return err
		}
		var c *clicked
		l, err := s.measure(ctx, "clicks", func(ctx context.Context) (*load, error) {
			var err error
			if c, err = s.clicksBeside(ctx, b.opts.long(clickTime)); err != nil {
				return nil, err
			}
			return c.beside, nil
		})
		if err != nil {
			return err
		}
		s.addClicks(c, l)
		return nil
	})
}

func (s *session) addClicks(c *clicked, beside *load) {
	name := "click → changed list, 2,000 events/s beside"
	s.figures.add(name+", p50", "ms", noGoal, ms(c.whole.quantile(0.5))).cpu = append([]usage(nil), beside.usage)
	s.figures.add(name+", p99", "ms", atMost(10), ms(c.whole.quantile(0.99)))
	s.addLatency("of it: POST → 202", c.posted, noGoal)
	s.addLatency("of it: 202 → visible", c.visible, atMost(5))
	s.figures.add("of it: lists that changed", "%", noGoal, 100*float64(c.changed)/float64(len(c.whole)))
	s.figures.add("of it: clicks", "", noGoal, float64(len(c.whole)))
	s.figures.add("of it: events beside", "events/s", noGoal, beside.perSecond()*besideEvents)
	s.addLatency("of it: a request of 10 events beside, from when it was due", beside.took, noGoal)
}

// clicked is what a load of clicks has come to.
type clicked struct {
	whole, posted, visible latencies // sorted
	changed                int
	beside                 *load
}

// clicksBeside clicks at a fixed rate while a fixed rate of other events comes in.
func (s *session) clicksBeside(ctx context.Context, long time.Duration) (*clicked, error) {
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	out := &clicked{}
	people := make([]*clicker, clickConns)
	var wg sync.WaitGroup
	var besideErr error
	wg.Go(func() {
		o := openLoad{conns: besideConns, status: 202, every: besideEvery, next: s.beside.next}
		out.beside, besideErr = o.run(ctx, s.server.addr)
	})
	start := time.Now()
	for i := range people {
		people[i] = &clicker{users: s.users, n: i, start: start}
		wg.Go(func() { people[i].run(ctx, s.server.addr) })
	}
	wg.Wait()
	var whole, posted, visible []latencies
	err := besideErr
	for _, p := range people {
		whole, posted, visible = append(whole, p.whole), append(posted, p.posted), append(visible, p.visible)
		out.changed += p.changed
		err = errors.Join(err, p.err)
	}
	out.whole, out.posted, out.visible = sorted(whole...), sorted(posted...), sorted(visible...)
	return out, err
}

// clicker is one connection on which one user after the other sees a list, clicks its first item, and sees the next.
type clicker struct {
	users []string
	n     int // of its next click among those of all connections
	start time.Time
	conn  *conn

	whole, posted, visible latencies
	changed                int
	err                    error
}

func (c *clicker) run(ctx context.Context, addr string) {
	if c.conn, c.err = dial(addr); c.err != nil {
		return
	}
	defer c.conn.close()
	for ctx.Err() == nil && c.err == nil {
		c.err = c.click()
		c.n += clickConns
	}
}

// click takes one figure. A click that is due while the one before it is still on its way counts from when it was due.
func (c *clicker) click() error {
	user := c.users[c.n%len(c.users)]
	first, err := c.list(user, "")
	if err != nil {
		return err
	}
	if err := c.shown(user, first); err != nil {
		return err
	}
	body := fmt.Appendf(nil, `{"id":"click-%s","type":"click","user":"%s","item":"%s","request":"%s","position":1}`,
		first.request, user, first.item, first.request)
	request := post("/v1/events", "application/json", body)
	begin := c.start.Add(time.Duration(c.n) * clickEvery)
	if wait := time.Until(begin); wait > 0 {
		time.Sleep(wait)
		begin = time.Now()
	}
	cursor, err := c.post(request)
	if err != nil {
		return err
	}
	accepted := time.Now()
	second, err := c.list(user, cursor)
	if err != nil {
		return err
	}
	seen := time.Now()
	c.posted = append(c.posted, accepted.Sub(begin))
	c.visible = append(c.visible, seen.Sub(accepted))
	c.whole = append(c.whole, seen.Sub(begin))
	if !bytes.Equal(first.items, second.items) {
		c.changed++
	}
	return nil
}

// shown reports the first item of a list as seen; no figure is taken of it.
func (c *clicker) shown(user string, l seenList) error {
	body := fmt.Appendf(nil, `{"id":"shown-%s","type":"exposure","user":"%s","item":"%s","request":"%s","position":1}`,
		l.request, user, l.item, l.request)
	_, err := c.post(post("/v1/events", "application/json", body))
	return err
}

// post sends events and returns the cursor of the answer.
func (c *clicker) post(request []byte) (string, error) {
	if err := c.conn.do(request); err != nil {
		return "", err
	}
	if a := &c.conn.answer; a.status != 202 {
		return "", fmt.Errorf("an event was answered %d: %s", a.status, a.body)
	}
	return string(textOf(c.conn.answer.body, "cursor")), nil
}

// seenList is what a user keeps of a list.
type seenList struct {
	request, item string // item: the first one
	items         []byte // as the answer has them
}

// list asks for a list; after is the cursor that it has to include.
func (c *clicker) list(user, after string) (l seenList, err error) {
	path := "/v1/recommendations?n=10&scene=bench&context.tab=1&context.duration=30&user=" + user
	if after != "" {
		path += "&after=" + after
	}
	if err := c.conn.do(get(path)); err != nil {
		return l, err
	}
	body := c.conn.answer.body
	_, items, ok := bytes.Cut(body, []byte(`"items":[`))
	if c.conn.answer.status != 200 || !ok {
		return l, fmt.Errorf("a list was answered %d: %s", c.conn.answer.status, body)
	}
	l.request, l.item = string(textOf(body, "request")), string(textOf(items, "item"))
	if l.item == "" {
		return l, fmt.Errorf("the list of %s is empty: %s", user, body)
	}
	l.items = itemIDs(items)
	return l, nil
}

// itemIDs is the order of a list, without its scores.
func itemIDs(items []byte) (ids []byte) {
	key := []byte(`"item":"`)
	for _, at := range places(items, key) {
		id := items[at+len(key):]
		ids = append(append(ids, id[:bytes.IndexByte(id, '"')]...), ' ')
	}
	return ids
}

// textOf is the first text under key; it aliases body. Ids of the generator's own making need no unescaping.
func textOf(body []byte, key string) []byte {
	_, rest, ok := bytes.Cut(body, []byte(`"`+key+`":"`))
	end := bytes.IndexByte(rest, '"')
	if !ok || end < 0 {
		return nil
	}
	return rest[:end]
}
