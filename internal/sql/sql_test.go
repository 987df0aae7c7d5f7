package sql

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"recsvc/internal/features"
)

// statements and what they compile to, as JSON.
var statements = []struct{ name, sql, want string }{
	{"a sliding window", `SELECT user, COUNT(*) FROM clicks GROUP BY user, HOP(ts, INTERVAL '10' SECOND, INTERVAL '1' MINUTE)`,
		`{"name":"f","kind":"count","scope":["user"],"on":{"types":["click"]},"window":60000000000,"slide":10000000000}`},
	{"a tumbling window", `SELECT item, SUM(value) FROM purchases GROUP BY item, TUMBLE(ts, INTERVAL '1 hour 30 minutes')`,
		`{"name":"f","kind":"sum","scope":["item"],"on":{"types":["purchase"]},"value":"value","window":5400000000000,"slide":5400000000000}`},
	{"a range before each event", `SELECT user, COUNT(*) OVER (PARTITION BY user ORDER BY ts RANGE BETWEEN INTERVAL '5' MINUTE PRECEDING AND CURRENT ROW) FROM clicks`,
		`{"name":"f","kind":"count","scope":["user"],"on":{"types":["click"]},"window":300000000000}`},
	{"rows before each event", `SELECT AVG(item.price) OVER (PARTITION BY "user" ORDER BY ts ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) FROM clicks`,
		`{"name":"f","kind":"last_k","scope":["user"],"on":{"types":["click"]},"value":"item.price","as":"mean","n":11}`},
	{"everything since the beginning", `SELECT COUNT(*) OVER (PARTITION BY user, item.categories[1] ORDER BY ts) FROM exposures`,
		`{"name":"f","kind":"count","scope":["user","item.categories[0]"],"on":{"types":["exposure"]}}`},
	{"all events, chosen by type", `SELECT context.room, COUNT(DISTINCT user) FROM events WHERE type IN ('enter', 'comment') AND context.room IS NOT NULL GROUP BY context.room`,
		`{"name":"f","kind":"distinct","scope":["context.room"],"on":{"types":["enter","comment"],"where":"context.room != nil"},"value":"user.id"}`},
	{"a ratio of two counts", `SELECT item, COUNT(*) FILTER (WHERE type = 'click') * 1.0 / NULLIF(COUNT(*) FILTER (WHERE type = 'exposure'), 0) FROM events GROUP BY item, HOP(ts, INTERVAL '1' HOUR, INTERVAL '1' DAY)`,
		`{"name":"f","kind":"rate","scope":["item"],"of":{"types":["click"]},"over":{"types":["exposure"]},"window":86400000000000,"slide":3600000000000}`},
	{"a ratio with CASE", `SELECT SUM(CASE WHEN value > 30 THEN 1 ELSE 0 END)::float / COUNT(*) FROM dwells`,
		`{"name":"f","kind":"rate","of":{"types":["dwell"],"where":"value \u003e 30"},"over":{"types":["dwell"]}}`},
	{"two conditions", `SELECT user, MAX(value) FROM purchases WHERE value > 30 AND (item.price < 100 OR NOT 'sale' = ANY(item.tags)) GROUP BY user`,
		`{"name":"f","kind":"max","scope":["user"],"on":{"types":["purchase"],"where":"(value \u003e 30) \u0026\u0026 ((item.price \u003c 100) || (not (\"sale\" in item.tags)))"},"value":"value"}`},
	{"a quantile", `SELECT PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY value) FROM dwells`,
		`{"name":"f","kind":"quantile","on":{"types":["dwell"]},"value":"value","quantile":0.9}`},
	{"the most frequent value", `SELECT user, MODE() WITHIN GROUP (ORDER BY item.categories[1]) FROM clicks GROUP BY user`,
		`{"name":"f","kind":"top_k","scope":["user"],"on":{"types":["click"]},"value":"item.categories[0]","n":1}`},
	{"a computed value", `SELECT user, AVG(value / COALESCE(context.duration, 60)) FROM dwells GROUP BY user`,
		`{"name":"f","kind":"mean","scope":["user"],"on":{"types":["dwell"]},"value":"value / (context.duration ?? 60)"}`},
	{"the last value", `SELECT LAST_VALUE(context.city) OVER (PARTITION BY user ORDER BY ts) FROM events`,
		`{"name":"f","kind":"last","scope":["user"],"on":{"types":["*"]},"value":"context.city"}`},
	{"a deviation", `SELECT item, STDDEV(value) FROM ratings WHERE text LIKE '%good%' AND value BETWEEN 1 AND 5 GROUP BY item`,
		`{"name":"f","kind":"variance","scope":["item"],"on":{"types":["rating"],"where":"(text contains \"good\") \u0026\u0026 (value \u003e= 1 \u0026\u0026 value \u003c= 5)"},"value":"value","as":"deviation"}`},
	{"the last items", `SELECT ARRAY_AGG(item) OVER (PARTITION BY user ORDER BY ts ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) FROM clicks`,
		`{"name":"f","kind":"last_k","scope":["user"],"on":{"types":["click"]},"value":"item.id","as":"sequence","n":5}`},
	{"the hour and a list", `SELECT COUNT(item.price) FROM searches WHERE EXTRACT(HOUR FROM ts) >= 18 AND session <> 's0'`,
		`{"name":"f","kind":"count","on":{"types":["search"],"where":"((hour \u003e= 18) \u0026\u0026 (session != \"s0\")) \u0026\u0026 (item.price != nil)"}}`},
}

func TestStatementsCompileToTheDefinitionsThatYAMLWouldHave(t *testing.T) {
	for _, tc := range statements {
		t.Run(tc.name, func(t *testing.T) {
			defs, err := Compile("f", tc.sql)
			if err != nil || len(defs) != 1 {
				t.Fatalf("%d definitions, error %v", len(defs), err)
			}
			if got, _ := json.Marshal(defs[0]); string(got) != normal(t, tc.want) {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if _, err := features.New(defs, features.Options{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// normal writes a definition in the order of its fields.
func normal(t *testing.T, text string) string {
	t.Helper()
	var d features.Definition
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestSeveralAggregatesAreSeveralFeatures(t *testing.T) {
	defs, err := Compile("user", "SELECT user, COUNT(*) AS clicks, AVG(item.price), MAX(item.price) AS dearest FROM clicks GROUP BY user")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range defs {
		names = append(names, d.Name)
	}
	if got := strings.Join(names, " "); got != "user_clicks user_2 user_dearest" {
		t.Errorf("names %s", got)
	}
}

func TestWhatCannotBeCompiledIsRefusedWithItsPlace(t *testing.T) {
	for _, tc := range []struct {
		name, sql    string
		line, column int
		part         string
	}{
		{"nothing", ``, 1, 1, "is empty"},
		{"no SQL", `SELEC COUNT(*)`, 1, 1, "syntax error"},
		{"another statement", `DELETE FROM clicks`, 1, 1, "is no SELECT"},
		{"two statements", `SELECT COUNT(*) FROM clicks; SELECT 1`, 1, 29, "one SELECT"},
		{"no aggregate", `SELECT user FROM clicks GROUP BY user`, 1, 1, "no aggregate"},
		{"no FROM", `SELECT COUNT(*)`, 1, 16, "FROM is missing"},
		{"a join", `SELECT COUNT(*) FROM clicks JOIN items ON true`, 1, 34, "JOIN is not needed"},
		{"a second table", `SELECT COUNT(*) FROM clicks, items`, 1, 30, "second table"},
		{"a subquery", "SELECT COUNT(*)\nFROM (SELECT * FROM clicks) c", 2, 7, "subquery"},
		{"HAVING", `SELECT COUNT(*) FROM clicks HAVING COUNT(*) > 1`, 1, 36, "HAVING"},
		{"ORDER BY", `SELECT user, COUNT(*) FROM clicks GROUP BY user ORDER BY user`, 1, 1, "ORDER BY"},
		{"LIMIT", `SELECT COUNT(*) FROM clicks LIMIT 3`, 1, 35, "LIMIT"},
		{"a column that is not a key", `SELECT item, COUNT(*) FROM clicks GROUP BY user`, 1, 8, "not in GROUP BY"},
		{"an unknown column", `SELECT COUNT(*) FROM clicks WHERE price > 3`, 1, 35, "no column price"},
		{"an unknown table of a column", `SELECT AVG(items.price) FROM clicks`, 1, 12, "item.FIELD"},
		{"an unknown function", "SELECT user,\n  CORR(value, value) FROM clicks GROUP BY user", 2, 3, "there is no CORR"},
		{"a function in a formula", `SELECT AVG(SIN(value)) FROM clicks`, 1, 12, "no function SIN"},
		{"a slide that does not divide", `SELECT COUNT(*) FROM clicks GROUP BY HOP(ts, INTERVAL '7' SECOND, INTERVAL '1' MINUTE)`, 1, 38, "does not divide"},
		{"a window of months", `SELECT COUNT(*) FROM clicks GROUP BY TUMBLE(ts, INTERVAL '1' MONTH)`, 1, 58, "fixed length"},
		{"no interval", `SELECT COUNT(*) FROM clicks GROUP BY TUMBLE(ts, 60)`, 1, 49, "must be an interval"},
		{"a window over something else", `SELECT COUNT(*) FROM clicks GROUP BY TUMBLE(value, INTERVAL '1' HOUR)`, 1, 45, "over ts"},
		{"a window into the future", `SELECT COUNT(*) OVER (ORDER BY ts RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM clicks`, 1, 8, "ends with the present"},
		{"too many rows", `SELECT COUNT(*) OVER (ORDER BY ts ROWS BETWEEN 100 PRECEDING AND CURRENT ROW) FROM clicks`, 1, 48, "0 to 63"},
		{"a sum over rows", `SELECT SUM(value) OVER (ORDER BY ts ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM dwells`, 1, 8, "over ROWS"},
		{"both GROUP BY and OVER", `SELECT COUNT(*) OVER (ORDER BY ts) FROM clicks GROUP BY user`, 1, 8, "exclude each other"},
		{"an event of two types", `SELECT COUNT(*) FROM clicks WHERE type = 'like'`, 1, 35, "no event is click and like"},
		{"a comparison with NULL", `SELECT COUNT(*) FROM clicks WHERE value = NULL`, 1, 43, "IS NULL"},
		{"LIKE with a hole", `SELECT COUNT(*) FROM comments WHERE text LIKE 'a_b'`, 1, 37, "LIKE takes"},
		{"CASE without ELSE", `SELECT SUM(CASE WHEN value > 3 THEN value END) FROM dwells`, 1, 12, "ELSE"},
		{"a key that is none", `SELECT COUNT(*) FROM clicks GROUP BY value`, 1, 38, "is no key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Compile("f", tc.sql)
			var e *Error
			if !errors.As(err, &e) || e.Line != tc.line || e.Column != tc.column || !strings.Contains(e.Msg, tc.part) {
				t.Errorf("%q: error %v, want %d:%d: … %s", tc.sql, err, tc.line, tc.column, tc.part)
			}
		})
	}
}

var example = regexp.MustCompile("(?ms)^```sql\n(.*?)^```")

func TestEveryStatementOfThePageCompiles(t *testing.T) {
	page, err := os.ReadFile("../../docs/sql.md")
	if err != nil {
		t.Fatal(err)
	}
	found := example.FindAllStringSubmatch(string(page), -1)
	if len(found) < 5 {
		t.Fatalf("%d statements", len(found))
	}
	for _, m := range found {
		if _, err := Compile("f", m[1]); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, tc := range statements {
		f.Add(tc.sql)
	}
	f.Fuzz(func(t *testing.T, text string) {
		defs, err := Compile("f", text)
		var e *Error
		if err != nil && !errors.As(err, &e) || err == nil && len(defs) == 0 {
			t.Errorf("%d definitions, error %v", len(defs), err)
		}
	})
}
