package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"recsvc/internal/features"
)

var (
	exampleName  = regexp.MustCompile(`\bname: ([A-Za-z0-9_]+)`)
	exampleInput = regexp.MustCompile(`\b(?:input|inputs|expr): (?:"[^"]*"|\[[^\]]*\]|[A-Za-z0-9_]+)`)
	exampleWord  = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
)

// everyExample is the examples of all kinds as one list of features, each named after its kind.
func everyExample() string {
	var b strings.Builder
	for _, k := range features.Kinds() {
		renamed := map[string]string{}
		for _, m := range exampleName.FindAllStringSubmatch(k.Example, -1) {
			renamed[m[1]] = k.Name + "__" + m[1]
		}
		for line := range strings.Lines(strings.Trim(k.Example, "\n") + "\n") {
			line = exampleName.ReplaceAllStringFunc(line, func(s string) string { return "name: " + renamed[strings.TrimPrefix(s, "name: ")] })
			line = exampleInput.ReplaceAllStringFunc(line, func(s string) string {
				key, value, _ := strings.Cut(s, ": ")
				return key + ": " + exampleWord.ReplaceAllStringFunc(value, func(w string) string {
					if r, ok := renamed[w]; ok {
						return r
					}
					return w
				})
			})
			b.WriteString("  " + line)
		}
	}
	return b.String()
}

// embedding is a vector of 16 numbers.
func embedding(i int) (v []float64) {
	for j := range 16 {
		v = append(v, float64(i*j%7)/7)
	}
	return v
}

// Every kind at work: a server takes events and serves lists, its captured vectors are what the log makes anew, and an export of the
// log has a column with values for each feature.
func TestEveryKindWorksLiveInReplayAndInExport(t *testing.T) {
	text := `
listen: 127.0.0.1:0
seed: 1
request_deadline: 30s
limits: {free_bytes: 1MiB}
models: [{name: ctr, bits: 14, heads: [{name: click, positive: [click], window: 10m}]}]
rank: {scenes: {default: {budget: 20s}}}
features:
` + everyExample()
	data := t.TempDir() + "/data"
	s := startServer(t, text, data)
	began := time.Now().Add(-20 * time.Minute)
	var items []fields
	for i := range 8 {
		items = append(items, fields{
			"item": fmt.Sprint("i", i), "categories": []string{fmt.Sprint("k", i%2), "all"}, "tags": []string{"sport", fmt.Sprint("t", i%3)},
			"created": "2022-04-01T00:00:00Z", "price": 10 + i, "text": "very good red boots, 多少钱", "title": "red boots",
			"location": "31.1,121.4", "embedding": embedding(i), "creator": fmt.Sprint("c", i%3),
		})
	}
	s.write("/v1/items", list2json(items))
	s.after(s.write("/v1/users", list2json([]fields{{"user": "u0", "age": 30, "vip": true, "created": "2022-01-01T00:00:00Z", "embedding": embedding(1)}})))
	everything := func(i int) fields {
		return fields{
			"device": "ios", "city": "shanghai", "channel": fmt.Sprint("c", i%2), "room": fmt.Sprint("r", i%2), "tab": i % 3, "query": "red boots",
			"location": "31.2,121.5", "session": fmt.Sprint("s", i/4), "referer": "https://www.google.com/search?q=boots",
			"user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1",
		}
	}
	types := []string{"enter", "exposure", "click", "dwell", "long_view", "like", "comment", "cart", "purchase", "rating", "view", "share", "stay", "exit", "enter"}
	for round := range 10 {
		user := fmt.Sprint("u", round%3)
		l := s.recommend("user", user, "n", "4", "context.device", "ios", "context.city", "shanghai", "context.query", "red boots", "context.location", "31.2,121.5")
		var batch []fields
		for i, it := range l.Items {
			batch = append(batch, fields{"type": "exposure", "user": user, "item": it.Item, "request": l.Request, "position": i + 1, "context": everything(round)})
		}
		for i, typ := range types {
			at := began.Add(time.Duration(round*2)*time.Minute + time.Duration(i)*7*time.Second)
			batch = append(batch, fields{
				"type": typ, "user": user, "item": fmt.Sprint("i", (round+i)%8), "ts": at.UTC().Format(time.RFC3339Nano), "value": 20 + 7*i, "position": 1 + i%5,
				"text": "主播好棒 very good, 多少钱", "context": everything(round), "id": fmt.Sprint(round, "-", i),
			})
		}
		s.after(s.events(batch...))
	}
	s.stop()

	r, err := parityOf(t, text, data)
	if err != nil || !r.Equal() || r.Compared < 40 {
		t.Errorf("parity: %v: compared %d, differing %v", err, r.Compared, differing(r))
	}
	rows := rowsOf(t, exportTo(t, "rows.ndjson", "-data", data, "-config", writeConfig(t, text), "-pending", "close"))
	filled := map[string]bool{}
	for _, row := range rows {
		for name, v := range row {
			filled[name] = filled[name] || v != nil
		}
	}
	for _, name := range slices.Sorted(maps.Keys(filled)) {
		if strings.Contains(name, "__") && !filled[name] {
			t.Errorf("%s is missing in all of %d rows", name, len(rows))
		}
	}
	for _, k := range features.Kinds() {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(filled)), func(name string) bool { return strings.HasPrefix(name, "feature_"+k.Name+"__") }) {
			t.Errorf("no column of %s", k.Name)
		}
	}
}
