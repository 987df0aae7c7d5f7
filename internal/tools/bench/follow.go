package main

import (
	"context"
	"fmt"
)

// follow waits, like a client that wants to see its own writes, until the engine has applied all but the last few
// requests of this connection. The answer to a write is still in conn.
func (w *closedWorker) follow(ctx context.Context, conn *conn, ahead int) error {
	w.cursors = append(w.cursors, string(textOf(conn.answer.body, "cursor")))
	if len(w.cursors) <= ahead {
		return nil
	}
	oldest := w.cursors[0]
	w.cursors = append(w.cursors[:0], w.cursors[1:]...)
	return conn.await(ctx, oldest)
}

// await returns when the engine has applied everything before a cursor, or when ctx ends.
func (c *conn) await(ctx context.Context, cursor string) error {
	// The cheapest question that takes a cursor: one candidate, nobody in particular, nothing logged.
	body := fmt.Appendf(nil, `{"candidates":[{"item":"v0"}],"dry_run":true,"after":"%s"}`, cursor)
	request := post("/v1/rank", "application/json", body)
	for ctx.Err() == nil {
		if err := c.do(request); err != nil {
			return fmt.Errorf("wait for the cursor %s: %w", cursor, err)
		}
		switch c.answer.status {
		case 200:
			return nil
		case 504: // further behind than a request may wait
		default:
			return fmt.Errorf("wait for the cursor %s: answered %d: %s", cursor, c.answer.status, c.answer.body)
		}
	}
	return nil
}
