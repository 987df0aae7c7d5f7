package features

import (
	"slices"
	"time"
)

// sequenceTwins recount what is remembered in order.
func sequenceTwins() []twinKind {
	return []twinKind{{
		kind: "last_k", reads: "item",
		defs: []Definition{
			{Kind: "last_k", Scope: []string{"user"}, On: On("click"), N: 3},
			{Kind: "last_k", Scope: []string{"user"}, On: On("exposure"), Outcomes: []string{"click", "like"}, N: 5, As: "outcomes"},
			{Kind: "last_k", Scope: []string{"user", "context.room"}, On: On("exposure"), Outcomes: []string{"click"}, N: 4, As: "pattern", TTL: time.Hour},
			{Kind: "last_k", Scope: []string{"user"}, On: Selection{Types: []string{AnyType}, Where: `context.device == "ios"`}, N: 8, TTL: 10 * time.Minute},
		},
		recount: func(r *twinRead) twinValue {
			last := twinLast(r)
			var ids []uint64
			pattern := uint64(1)
			for i, e := range last {
				if r.def.As == "outcomes" {
					ids = append(ids, join(uint64(i+1), uint64(e.outcome)))
				} else {
					ids = append(ids, hashString(e.Item))
				}
				pattern = join(pattern, uint64(e.outcome)+1)
			}
			if r.def.As == "pattern" {
				ids = []uint64{pattern}
			}
			return twinCategory(ids...)
		},
	}}
}

// twinEntry is an entry of a sequence with what became of it.
type twinEntry struct {
	*twinEvent
	outcome uint32
}

// twinLast goes through the log: each entry is put in order by time, and the last n stay.
func twinLast(r *twinRead) (last []twinEntry) {
	for _, e := range r.log {
		if e.Item == "" {
			continue
		}
		if e.in(r.def.On) {
			last = append(last, twinEntry{twinEvent: e})
			slices.SortFunc(last, func(a, b twinEntry) int {
				if a.Time != b.Time {
					return int(b.Time - a.Time)
				}
				return b.place - a.place
			})
			last = last[:min(len(last), r.def.N)]
		}
		for bit, typ := range r.def.Outcomes {
			i := slices.IndexFunc(last, func(x twinEntry) bool { return x.Item == e.Item })
			if e.Type == typ && i >= 0 {
				last[i].outcome |= 1 << bit
			}
		}
	}
	return last
}
