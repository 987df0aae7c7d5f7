package features

import (
	"math"
	"testing"
	"time"

	"recsvc/internal/event"
)

func TestLocalTimeIsThatOfTheZone(t *testing.T) {
	at := func(s string) event.Time {
		when, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return event.FromTime(when)
	}
	as := func(form, zone string) Definition { return Definition{Kind: "local_time", As: form, TimeZone: zone} }
	evening := at("2024-07-06T16:30:00Z") // a Saturday
	const china, berlin = "Asia/Shanghai", "Europe/Berlin"
	created := Definition{Kind: "local_time", Field: "item.created", As: "month"}
	checkSaid(t, []said{
		{"the hour by default, in UTC", as("", ""), scenery{now: evening}, "16"},
		{"the hour of the zone", as("hour", china), scenery{now: evening}, "0"},
		{"summer time", as("hour", berlin), scenery{now: evening}, "18"},
		{"winter time", as("hour", berlin), scenery{now: at("2024-01-06T16:30:00Z")}, "17"},
		{"half an hour off", as("minute_of_day", "Asia/Kolkata"), scenery{now: evening}, "1320"},
		{"the hour as a number", as("hour_number", china), scenery{now: evening}, 0.0},
		{"the minute as a number", as("minute_of_day_number", ""), scenery{now: evening}, 990.0},
		{"the weekday", as("weekday", ""), scenery{now: evening}, "6"},
		{"the weekday of the zone", as("weekday", china), scenery{now: evening}, "0"},
		{"the hour of the week", as("hour_of_week_number", ""), scenery{now: evening}, 160.0},
		{"the weekend", as("weekend", china), scenery{now: evening}, "1"},
		{"no weekend", as("weekend_number", ""), scenery{now: at("2024-07-08T00:00:00Z")}, 0.0},
		{"the day", as("day_of_month_number", china), scenery{now: at("2024-07-31T16:00:00Z")}, 1.0},
		{"the month", as("month", china), scenery{now: at("2023-12-31T16:00:00Z")}, "1"},
		{"before 1970", as("hour", ""), scenery{now: -1}, "23"},
		{"a sine", as("hour_sin", ""), scenery{now: at("2024-07-06T06:00:00Z")}, 1.0},
		{"a cosine", as("hour_cos", ""), scenery{now: at("2024-07-06T12:00:00Z")}, -1.0},
		{"the cycle of months begins with January", as("month_cos", ""), scenery{now: at("2024-01-06T12:00:00Z")}, 1.0},
		{"the minute's sine", as("minute_of_day_sin", ""), scenery{now: evening}, math.Sin(2 * math.Pi * 990 / 1440)},
		{"of a field", created, scenery{item: of("created", text("2024-02-29T23:59:59Z"))}, "2"},
		{"of a field in milliseconds", created, scenery{item: of("created", num(1709251199000))}, "2"},
		{"of a field that is no time", created, scenery{item: of("created", text("yesterday"))}, nil},
		{"of a field that no clock shows", created, scenery{item: of("created", num(1e300))}, nil},
		{"of a list", created, scenery{item: of("created", list("2024-02-29T23:59:59Z"))}, nil},
		{"of nothing", created, scenery{}, nil},
	})
	checkMistakes(t, []mistaken{
		{as("hour", "Shanghai"), "time_zone", `no time zone "Shanghai": write an IANA name, such as Asia/Shanghai`},
		{as("hour", "Local"), "time_zone", `no time zone "Local": write an IANA name, such as Asia/Shanghai`},
		{as("hour", "../../etc/passwd"), "time_zone", `no time zone "../../etc/passwd": write an IANA name, such as Asia/Shanghai`},
		{Definition{Kind: "local_time", Field: "time.hour"}, "field", `"time.hour" is no field to read: write item.FIELD, user.FIELD or context.FIELD`},
	})
}

func TestItemAgeIsTheAgeOfTheItem(t *testing.T) {
	born := of("created", num(float64(t0.Time().UnixMilli())))
	checkSaid(t, []said{
		{"by itself", Definition{Kind: "item_age"}, scenery{item: born, now: t0.Add(90 * time.Second)}, 90.0},
		{"as age says", Definition{Kind: "age"}, scenery{item: born, now: t0.Add(90 * time.Second)}, 90.0},
		{"of another field", Definition{Kind: "item_age", Field: "item.updated"}, scenery{item: of("updated", text(t0.Time().Format(time.RFC3339Nano))), now: t0.Add(time.Minute)}, 60.0},
		{"not born yet", Definition{Kind: "item_age", As: "log"}, scenery{item: born, now: t0.Add(-time.Hour)}, 0.0},
		{"no time", Definition{Kind: "item_age"}, scenery{item: of("created", text("long ago, in a galaxy"))}, nil},
	})
	checkMistakes(t, []mistaken{
		{Definition{Kind: "item_age", Field: "user.created"}, "field", `"user.created" is no field of items: write item.FIELD, or kind: age`},
	})
}
