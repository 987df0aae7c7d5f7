package features

import (
	"testing"
)

func TestHeadersBecomeCategories(t *testing.T) {
	const iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1"
	const robot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
	agent := func(as string) Definition { return Definition{Kind: "user_agent", As: as} }
	phone := scenery{context: of("user_agent", text(iphone))}
	referer := func(as string, own ...string) Definition { return Definition{Kind: "referer", As: as, Values: own} }
	from := func(s string) scenery { return scenery{context: of("referer", text(s))} }
	checkSaid(t, []said{
		{"the device by default", agent(""), phone, "mobile"},
		{"the browser", agent("browser"), phone, "safari"},
		{"the system", agent("os"), phone, "ios"},
		{"people are no robots", agent("bot"), phone, nil},
		{"robots are", agent(""), scenery{context: of("user_agent", text(robot))}, "bot"},
		{"in another field", Definition{Kind: "user_agent", Field: "user.agent", As: "os"}, scenery{user: of("agent", text(iphone))}, "ios"},
		{"no text", agent("browser"), scenery{context: of("user_agent", num(4))}, nil},
		{"invalid UTF-8", agent("browser"), scenery{context: of("user_agent", text("\xff\xfe"))}, nil},
		{"no header", agent("device"), scenery{}, nil},
		{"the medium by default", referer(""), from("https://www.google.com/search?q=mug"), "search"},
		{"the source", referer("source"), from("https://www.google.com/"), "google"},
		{"the domain", referer("domain"), from("https://a.b.example.co.uk/x"), "example.co.uk"},
		{"an own host", referer("", "Shop.Example.com"), from("https://www.shop.example.com/cart"), "internal"},
		{"nobody's own host", referer(""), from("https://www.shop.example.com/cart"), "referral"},
		{"an empty header", referer(""), from(""), "direct"},
		{"no address", referer(""), from("\xff::"), "direct"},
		{"an unknown site has no source", referer("source"), from("https://example.com/"), nil},
		{"no header", referer(""), scenery{}, nil},
		{"no text", referer(""), scenery{context: of("referer", list("https://example.com/"))}, nil},
	})
	checkMistakes(t, []mistaken{
		{Definition{Kind: "user_agent", As: "age"}, "as", `"age" is none of device, browser, os, bot`},
		{Definition{Kind: "user_agent", Field: "agent"}, "field", `"agent" is no field to read: write item.FIELD, user.FIELD or context.FIELD`},
		{referer("", "https://example.com/"), "values", `"https://example.com/" is no host: write its name alone, such as shop.example.com`},
		{referer("", ""), "values", `"" is no host: write its name alone, such as shop.example.com`},
	})
}

func TestDistanceIsMeasuredOnTheGlobe(t *testing.T) {
	def := Definition{Kind: "geo_distance", Fields: []string{"item.location", "context.location"}}
	between := func(a, b any) scenery {
		m := scenery{}
		if s, ok := a.(string); ok {
			m.item = of("location", text(s))
		}
		if s, ok := b.([]string); ok {
			m.context = of("location", list(s...))
		}
		return m
	}
	checkSaid(t, []said{
		{"the same place", def, between("31.23,121.47", []string{"31.23", "121.47"}), 0.0},
		{"half the equator", def, between("0,0", []string{"0", "180"}), 20015.114442035923},
		{"a place that is none", def, between("91,0", []string{"0", "180"}), nil},
		{"one number", def, between("0,0", []string{"5"}), nil},
		{"an empty list", def, between("0,0", []string{}), nil},
		{"no place", def, between(nil, []string{"0", "180"}), nil},
		{"invalid UTF-8", def, between("\xff", []string{"0", "180"}), nil},
	})
	checkMistakes(t, []mistaken{
		{Definition{Kind: "geo_distance", Fields: []string{"item.location"}}, "fields", "needs two fields, not 1"},
		{Definition{Kind: "geo_distance", Fields: []string{"item.location", "location"}}, "fields", `"location" is no field to read: write item.FIELD, user.FIELD or context.FIELD`},
		{Definition{Kind: "geo_distance", Fields: []string{"item.location[0]", "user.location"}}, "fields", `"item.location[0]" is one element: name the whole list, without [0]`},
	})
}
