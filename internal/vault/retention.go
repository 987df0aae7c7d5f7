package vault

import (
	"slices"
	"time"
)

// Retention says which copies stay.
type Retention struct {
	Newest int // so many of the newest, at least 1
	Days   int // and the newest of each of so many days, in UTC, today included
}

// Expired returns those of the copies that may go. at tells when each was made. The newest one always stays, whatever the clock
// says, and so does whatever lies in the future of now.
func (r Retention) Expired(copies []Info, at func(Info) time.Time, now time.Time) []Info {
	sorted := slices.Clone(copies)
	slices.SortStableFunc(sorted, func(a, b Info) int { return at(b).Compare(at(a)) })
	today := now.UTC().Truncate(24 * time.Hour)
	kept := map[time.Time]bool{}
	var expired []Info
	for i, c := range sorted {
		day := at(c).UTC().Truncate(24 * time.Hour)
		daily := !kept[day] && today.Sub(day) < time.Duration(r.Days)*24*time.Hour
		kept[day] = true
		if i >= max(1, r.Newest) && !daily && !at(c).After(now) {
			expired = append(expired, c)
		}
	}
	return expired
}
