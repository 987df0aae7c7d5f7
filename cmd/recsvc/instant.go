package main

import (
	"fmt"
	"time"

	"recsvc/internal/event"
)

// instant is a flag that holds a time: RFC 3339, or a date, whose midnight in UTC it is.
type instant struct {
	at  event.Time
	set bool
}

func (i *instant) String() string {
	if !i.set {
		return ""
	}
	return i.at.String()
}

// Set implements flag.Value.
func (i *instant) Set(text string) (err error) {
	if t, bad := time.Parse(time.DateOnly, text); bad == nil {
		text = t.Format(time.RFC3339)
	}
	if i.at, err = event.ParseTime(text); err != nil {
		return fmt.Errorf("%q is neither a date (2022-04-10) nor RFC 3339 (2022-04-10T13:00:00Z)", text)
	}
	i.set = true
	return nil
}
