package features

import (
	"cmp"
	"fmt"
	"strings"

	"recsvc/internal/event"
	"recsvc/internal/lexical"
)

// headerKinds read what a browser says about itself.
func headerKinds() []Kind {
	return []Kind{
		{
			Name: "user_agent", Group: "Context",
			Doc: "What a User-Agent header says, as a category of a small closed set; missing where it does not tell. Browsers pretend to be each other: it is what most " +
				"of them mean.",
			Keys: keys(optional("field", "where the header is; `context.user_agent`")),
			As: []Form{
				{"device", "`mobile`, `tablet`, `desktop`, `tv`, `bot` or `other`"},
				{"browser", "`chrome`, `safari`, `firefox`, `edge`, `wechat`, `uc` …"},
				{"os", "`android`, `ios`, `windows`, `macos`, `harmonyos`, `linux` …"},
				{"bot", "the name of a well-known robot, `other` for one that only says that it is one; missing for people"},
			},
			Example: `
- {name: device, kind: user_agent}
- {name: browser, kind: user_agent, field: context.user_agent, as: browser}`,
			build: compileUserAgent,
		},
		{
			Name: "referer", Group: "Context",
			Doc: "Where somebody came from, by the Referer header, as a category. A field that is there and empty, or no address, counts as `direct`; a field that is " +
				"not there is missing.",
			Keys: keys(optional("field", "where the header is; `context.referer`"),
				optional("values", "the site's own hosts, such as `example.com`; those below them are its own too")),
			As: []Form{
				{"medium", "`direct`, `internal`, `search`, `social`, `email` or `referral`"},
				{"source", "the name of a well-known site, such as `google` or `wechat`; missing for others"},
				{"domain", "the registered domain, such as `example.co.uk`"},
			},
			Example: `
- {name: came_by, kind: referer, values: [shop.example.com]}
- {name: came_from, kind: referer, values: [shop.example.com], as: source}`,
			build: compileReferer,
		},
	}
}

var agentParts = map[string]func(lexical.Agent) string{
	"device":  func(a lexical.Agent) string { return a.Device },
	"browser": func(a lexical.Agent) string { return a.Browser },
	"os":      func(a lexical.Agent) string { return a.OS },
	"bot":     func(a lexical.Agent) string { return a.Bot },
}

var refererParts = map[string]func(lexical.Ref) string{
	"medium": func(r lexical.Ref) string { return r.Medium },
	"source": func(r lexical.Ref) string { return r.Source },
	"domain": func(r lexical.Ref) string { return r.Domain },
}

func compileUserAgent(c *compiler, d *Definition, f *feature) error {
	part := agentParts[d.As]
	return c.header(f, cmp.Or(d.Field, "context.user_agent"), "agent "+d.As, func(header string) string {
		return part(lexical.UserAgent(header))
	})
}

func compileReferer(c *compiler, d *Definition, f *feature) error {
	own := make([]string, len(d.Values))
	for i, host := range d.Values {
		if host == "" || strings.ContainsAny(host, "/: ") {
			return c.fail("values", "%q is no host: write its name alone, such as shop.example.com", host)
		}
		own[i] = strings.ToLower(host)
	}
	part := refererParts[d.As]
	return c.header(f, cmp.Or(d.Field, "context.referer"), fmt.Sprintf("referer %s %q", d.As, own), func(header string) string {
		return part(lexical.Referer(header, own...))
	})
}

// header makes a feature the category that read finds in a text.
func (c *compiler) header(f *feature, name, what string, read func(string) string) error {
	fl, err := c.attribute("field", name)
	if err != nil {
		return err
	}
	text := func(v event.Value) string {
		if v.Kind != event.String {
			return ""
		}
		return read(v.Str)
	}
	f.field = c.derived(fl, what, func(v event.Value, _ *fieldValue) fieldValue {
		if s := text(v); s != "" {
			return identified(hashString(s), missing.num)
		}
		return missing
	})
	c.p.spelled[f.field] = text
	f.byItem, f.single = fl.source == fromItem, true
	f.category = func(q *Query, f *feature) category { return category{id: q.field(f.field).id} }
	return nil
}
