package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// exportConfig has features that are easily recounted, and label windows that a short stream leaves behind.
const exportConfig = `
listen: 127.0.0.1:0
seed: 1
request_deadline: 30s
limits: {free_bytes: 1MiB}
models:
  - name: ctr
    bits: 14
    heads:
      - {name: click, positive: [{type: click}], window: 2m, alpha: 0.3}
      - {name: long_dwell, positive: [{type: dwell, min: 30}], window: 4m, alpha: 0.3}
features:
  - {name: user, kind: attribute, field: user.id}
  - {name: color, kind: attribute, field: "item.categories[0]"}
  - {name: tags, kind: attribute, field: item.categories}
  - {name: shown, kind: count, scope: user, on: exposure}
  - {name: clicks_5m, kind: count, scope: user, on: click, window: 5m, slide: 30s}
  - {name: item_ctr, kind: rate, scope: item, of: click, over: exposure, prior: {strength: 4, mean: 0.25}}
  - {name: gap, kind: time_since, scope: user, on: exposure}
  - {name: lately, kind: last_k, scope: user, on: click, n: 2}
rank:
  scenes:
    default: {epsilon: 0, budget: 20s}
`

// exported is one row as JSON has it.
type exported map[string]any

// rowsOf reads an export.
func rowsOf(t *testing.T, path string) (rows []exported) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var r exported
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

// export runs the command and returns the path of what it has written.
func exportTo(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if _, errs, err := call(t, append([]string{"export", "-out", path}, args...)...); err != nil {
		t.Fatalf("export %v: %v: %s", args, err, errs)
	}
	return path
}

// occurrence is one event of a stream, in the order of the log.
type occurrence struct {
	kind, user, item, request string
	at                        time.Time
	value                     float64
}

func writeStream(t *testing.T, stream []occurrence) string {
	t.Helper()
	var b bytes.Buffer
	for i, o := range stream {
		f := fields{"id": fmt.Sprint("e", i), "type": o.kind, "user": o.user, "item": o.item, "request": o.request, "ts": o.at.Format(time.RFC3339Nano)}
		if o.kind == "dwell" {
			f["value"] = o.value
		}
		line, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// randomStream shows items to people who click at once, late, or too late, and whose phones hold some outcomes back for a while.
func randomStream(seed uint64, n int) (stream []occurrence) {
	rng := rand.New(rand.NewPCG(seed, 7))
	type arrival struct {
		occurrence
		at time.Duration
	}
	var arrivals []arrival
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := time.Duration(0)
	add := func(kind string, i int, after time.Duration, value float64) {
		o := occurrence{kind, fmt.Sprint("u", rng.IntN(3)), fmt.Sprint("i", rng.IntN(6)), fmt.Sprint("r", i), start.Add(now + after), value}
		if kind != "exposure" {
			shown := arrivals[slices.IndexFunc(arrivals, func(a arrival) bool { return a.request == o.request })]
			o.user, o.item = shown.user, shown.item
		}
		held := time.Duration(0)
		if kind != "exposure" && rng.IntN(3) == 0 {
			held = time.Duration(rng.IntN(20_000)) * time.Millisecond
		}
		arrivals = append(arrivals, arrival{o, now + after + held})
	}
	for i := range n {
		now += time.Duration(1+rng.IntN(20_000)) * time.Millisecond
		add("exposure", i, 0, 0)
		if rng.IntN(2) == 0 {
			add("click", i, time.Duration(rng.IntN(200))*time.Second, 0)
		}
		if rng.IntN(2) == 0 {
			add("dwell", i, time.Duration(rng.IntN(300))*time.Second, float64(rng.IntN(60)))
		}
	}
	slices.SortStableFunc(arrivals, func(a, b arrival) int { return int(a.at - b.at) })
	for _, a := range arrivals {
		stream = append(stream, a.occurrence)
	}
	return stream
}

// recount works out the row of the exposure at a place of the stream from all events before it.
func recount(stream []occurrence, at int) exported {
	x := stream[at]
	row := exported{
		"request": x.request, "user": x.user, "item": x.item, "feature_user": nil, "feature_color": color(x.item),
		"feature_tags": []any{color(x.item), "all"}, "feature_gap": nil,
	}
	var shown, clicks, itemClicks, itemShown float64
	var last time.Time
	var clicked []occurrence
	tile := x.at.Truncate(30 * time.Second)
	for _, o := range stream[:at] {
		if o.user == x.user {
			row["feature_user"] = x.user // somebody who was never heard of has no attributes
		}
		if o.user == x.user && o.kind == "exposure" {
			shown++
			if o.at.After(last) {
				last = o.at
			}
			row["feature_gap"] = max(0, x.at.Sub(last).Seconds())
		}
		if o.user == x.user && o.kind == "click" {
			clicked = append(clicked, o)
			if t := o.at.Truncate(30 * time.Second); !t.After(tile) && tile.Sub(t) < 5*time.Minute {
				clicks++
			}
		}
		if o.item == x.item && o.kind == "click" {
			itemClicks++
		}
		if o.item == x.item && o.kind == "exposure" {
			itemShown++
		}
	}
	row["feature_shown"], row["feature_clicks_5m"] = shown, clicks
	row["feature_item_ctr"] = (itemClicks + 1) / (max(itemShown, itemClicks) + 4)
	slices.SortStableFunc(clicked, func(a, b occurrence) int { return a.at.Compare(b.at) })
	lately := []any{}
	for _, o := range slices.Backward(clicked) {
		lately = append(lately, o.item)
	}
	lately = lately[:min(2, len(lately))]
	row["feature_lately"] = slices.Compact(lately) // a category counts once
	label := func(head string, window time.Duration, positive func(o occurrence) bool) {
		row["label_"+head], row["time_"+head], row["value_"+head] = false, nil, nil
		var watermark time.Time
		for _, o := range stream {
			if w := o.at.Add(-5 * time.Second); w.After(watermark) {
				watermark = w
			}
			if o.request == x.request && positive(o) && o.at.Sub(x.at) <= window && watermark.Sub(x.at) <= window {
				row["label_"+head], row["time_"+head] = true, o.at.Format(time.RFC3339Nano)
				if o.kind == "dwell" {
					row["value_"+head] = o.value
				}
			}
		}
	}
	label("click", 2*time.Minute, func(o occurrence) bool { return o.kind == "click" })
	label("long_dwell", 4*time.Minute, func(o occurrence) bool { return o.kind == "dwell" && o.value >= 30 })
	return row
}

func color(item string) string { return []string{"red", "blue"}[int(item[1]-'0')%2] }

func exportItems(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	for i := range 6 {
		fmt.Fprintf(&b, `{"item":"i%d","categories":[%q,"all"]}`+"\n", i, color(fmt.Sprint("i", i)))
	}
	path := filepath.Join(t.TempDir(), "items.jsonl")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnExportEqualsARecountOfTheStream(t *testing.T) {
	config, items := writeConfig(t, exportConfig), exportItems(t)
	for seed := range uint64(3) {
		stream := randomStream(seed, 120)
		rows := rowsOf(t, exportTo(t, "rows.ndjson", "-config", config, "-items", items, "-from", writeStream(t, stream)))
		byRequest := map[any]exported{}
		for _, r := range rows {
			byRequest[r["request"]] = r
		}
		if len(rows) != 120 || len(byRequest) != 120 {
			t.Errorf("stream %d: %d rows of %d requests, want 120", seed, len(rows), len(byRequest))
		}
		positives := 0
		for at, o := range stream {
			if o.kind != "exposure" {
				continue
			}
			got, want := byRequest[o.request], recount(stream, at)
			if want["label_click"] == true {
				positives++
			}
			for key, w := range want {
				if g := got[key]; !alike(g, w) {
					t.Errorf("stream %d, request %s: %s is %v, want %v", seed, o.request, key, g, w)
				}
			}
		}
		if positives < 20 || positives > 100 {
			t.Errorf("stream %d: %d clicks are no test", seed, positives)
		}
	}
}

// alike compares values of JSON, numbers but for the last digits.
func alike(a, b any) bool {
	x, ok := a.(float64)
	y, ok2 := b.(float64)
	if ok && ok2 {
		return math.Abs(x-y) <= 1e-9*max(1, math.Abs(y))
	}
	return reflect.DeepEqual(a, b)
}

func TestLabelsOfAnExport(t *testing.T) {
	config := writeConfig(t, exportConfig)
	for _, tc := range []struct {
		name, stream string // kind, item, seconds, value
		want         exported
	}{
		{
			"an outcome at the end of its window counts", "exposure i1 0, click i1 120",
			exported{"label_click": true, "time_click": "2026-03-01T12:02:00Z", "label_long_dwell": false, "implied": false, "captured_by": "exposure"},
		},
		{
			"one after it does not", "exposure i1 0, click i1 121",
			exported{"label_click": false, "time_click": nil},
		},
		{
			"the first one counts, with its value", "exposure i1 0, dwell i1 10 20, dwell i1 50 40, dwell i1 60 50",
			exported{"label_long_dwell": true, "time_long_dwell": "2026-03-01T12:00:50Z", "value_long_dwell": 40.0},
		},
		{
			"one that comes before its exposure waits for it", "click i1 3, exposure i1 0",
			exported{"label_click": true, "time_click": "2026-03-01T12:00:03Z", "exposed_at": "2026-03-01T12:00:00Z", "captured_by": "outcome", "captured_at": "2026-03-01T12:00:03Z", "implied": false},
		},
		{
			"one without an exposure implies it", "click i1 3, view i2 600",
			exported{"label_click": true, "exposed_at": "2026-03-01T12:00:03Z", "captured_by": "outcome", "implied": true, "label_long_dwell": false},
		},
		{
			"one that waits, and proves too late for its exposure, does not count", "click i1 130, exposure i1 0",
			exported{"label_click": false, "time_click": nil, "exposed_at": "2026-03-01T12:00:00Z"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stream []occurrence
			for line := range strings.SplitSeq(tc.stream, ", ") {
				o := occurrence{user: "u1", request: "r1"}
				var at int
				if n, _ := fmt.Sscan(line, &o.kind, &o.item, &at, &o.value); n < 3 {
					t.Fatal(line)
				}
				o.at = time.Date(2026, 3, 1, 12, 0, at, 0, time.UTC)
				stream = append(stream, o)
			}
			rows := rowsOf(t, exportTo(t, "rows.ndjson", "-config", config, "-from", writeStream(t, stream)))
			if len(rows) != 1 {
				t.Fatalf("%d rows", len(rows))
			}
			for key, want := range tc.want {
				if got := rows[0][key]; !alike(got, want) {
					t.Errorf("%s is %v, want %v", key, got, want)
				}
			}
		})
	}
}

func TestTheSameStreamExportsTheSameBytes(t *testing.T) {
	config, items := writeConfig(t, exportConfig), exportItems(t)
	events := writeStream(t, randomStream(9, 200))
	for _, name := range []string{"rows.ndjson", "rows.parquet"} {
		var files [2][]byte
		for i := range files {
			b, err := os.ReadFile(exportTo(t, name, "-config", config, "-items", items, "-from", events))
			if err != nil {
				t.Fatal(err)
			}
			files[i] = b
		}
		if !bytes.Equal(files[0], files[1]) || len(files[0]) < 5000 {
			t.Errorf("%s: %d and %d bytes", name, len(files[0]), len(files[1]))
		}
	}
}

func TestWhatComesLaterNeverChangesWhatWasCaptured(t *testing.T) {
	config, items := writeConfig(t, exportConfig), exportItems(t)
	stream := randomStream(4, 120)
	captured := func(stream []occurrence) map[string]string {
		out := map[string]string{}
		for _, r := range rowsOf(t, exportTo(t, "rows.ndjson", "-config", config, "-items", items, "-from", writeStream(t, stream))) {
			var of []string
			for key, v := range r {
				if strings.HasPrefix(key, "feature_") || strings.HasPrefix(key, "p_") || key == "captured_at" {
					of = append(of, fmt.Sprint(key, v))
				}
			}
			slices.Sort(of)
			out[fmt.Sprint(r["request"], " ", r["item"])] = strings.Join(of, " ")
		}
		return out
	}
	before := captured(stream)
	rng := rand.New(rand.NewPCG(5, 5))
	for _, cut := range []int{len(stream) / 4, len(stream) / 2, len(stream) * 3 / 4} {
		other := slices.Clone(stream)
		rest := other[cut:]
		times := make([]time.Time, len(rest)) // the times keep their places, so that the merge keeps the order
		for i := range rest {
			times[i] = rest[i].at
		}
		rng.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
		for i := range rest {
			rest[i].at = times[i]
			rest[i].item = fmt.Sprint("i", rng.IntN(6))
		}
		after := captured(other)
		same, changed := 0, 0
		for i, o := range stream {
			key := o.request + " " + o.item
			switch {
			case o.kind != "exposure":
			case i < cut && (before[key] == "" || before[key] != after[key]):
				t.Errorf("cut at %d: request and item %s at %d was captured as\n%s\nand then as\n%s", cut, key, i, before[key], after[key])
			case i < cut:
				same++
			case before[key] != after[key]:
				changed++
			}
		}
		if same == 0 || changed == 0 {
			t.Errorf("cut at %d: %d before it and %d that changed behind it are no test", cut, same, changed)
		}
	}
}

func TestAnExportMayBeAPart(t *testing.T) {
	config := writeConfig(t, exportConfig)
	stream := randomStream(2, 300)
	last := stream[len(stream)-1]
	stream = append(stream, occurrence{"exposure", "u0", "i0", "last", last.at.Add(time.Minute), 0})
	events := writeStream(t, stream)
	lines := func(args ...string) []string {
		b, err := os.ReadFile(exportTo(t, "rows.ndjson", append([]string{"-config", config, "-from", events}, args...)...))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(b)), "\n")
	}
	all := lines()
	const noon = "2026-03-01T12:20:00Z"
	early, late := lines("-until", noon), lines("-since", noon)
	if len(early) == 0 || len(late) == 0 || len(early)+len(late) != len(all) {
		t.Errorf("%d rows are %d before noon and %d after", len(all), len(early), len(late))
	}
	tenth := lines("-sample", "10")
	if len(tenth) < 10 || len(tenth) > 60 {
		t.Errorf("a tenth of %d is %d", len(all), len(tenth))
	}
	for _, part := range [][]string{early, late, tenth} {
		i := 0
		for _, line := range all { // each part has the rows of the whole, in its order
			if i < len(part) && part[i] == line {
				i++
			}
		}
		if i != len(part) {
			t.Errorf("row %d of a part is not in the whole: %s", i, part[i])
		}
	}
	if len(lines("-pending", "drop")) >= len(all) {
		t.Error("the last exposures have labels before their windows have passed")
	}
}

func TestAServedListIsExportedAsItWasServed(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := startServer(t, exportConfig, data)
	s.write("/v1/items", catalogue(3))
	s.after(s.events(fields{"type": "exposure", "user": "u1", "item": "a0", "id": "x0"}, fields{"type": "click", "user": "u1", "item": "a0", "id": "x1"}))
	l := s.recommend("user", "u1", "n", "3")
	var batch []fields
	for i := range 4 { // between the list and its exposures
		batch = append(batch, fields{"type": "click", "user": "u1", "item": l.Items[0].Item, "id": fmt.Sprint("c", i), "request": "other"})
	}
	for i, it := range l.Items[:2] {
		batch = append(batch, fields{"type": "exposure", "user": "u1", "item": it.Item, "request": l.Request, "position": i + 1, "id": fmt.Sprint("s", i)})
	}
	batch = append(batch, fields{"type": "click", "user": "u1", "item": l.Items[1].Item, "request": l.Request, "id": "k"})
	s.after(s.events(batch...))
	if _, _, err := call(t, "export", "-data", data, "-out", filepath.Join(t.TempDir(), "rows.ndjson")); err == nil || !strings.Contains(err.Error(), "running server") {
		t.Errorf("beside a running server: %v", err)
	}
	s.stop()
	before := tree(t, data)
	config := writeConfig(t, exportConfig)
	if rows := rowsOf(t, exportTo(t, "rows.ndjson", "-config", config, "-data", data)); len(rows) != 0 {
		t.Errorf("%d rows, though no label window has passed", len(rows))
	}
	rows := rowsOf(t, exportTo(t, "rows.ndjson", "-config", config, "-data", data, "-pending", "close"))
	if after := tree(t, data); !reflect.DeepEqual(before, after) {
		t.Errorf("the directory has changed:\n%v\n%v", before, after)
	}
	n := 0
	for _, r := range rows {
		if r["request"] != l.Request {
			continue
		}
		i := int(r["position"].(float64)) - 1
		want := exported{
			"captured_by": "served", "item": l.Items[i].Item, "user": "u1", "feature_shown": 1.0, "feature_clicks_5m": 1.0, "scene": "default",
			"propensity": l.Items[i].Propensity, "label_click": i == 1, "implied": false, "captured_late": false,
		}
		for key, w := range want {
			if !alike(r[key], w) {
				t.Errorf("position %d: %s is %v, want %v", i+1, key, r[key], w)
			}
		}
		if p := r["p_click"].(float64); math.Abs(p-l.Items[i].Score) > 1e-6 {
			t.Errorf("position %d: predicted %v, served with %v", i+1, p, l.Items[i].Score)
		}
		n++
	}
	if n != 2 {
		t.Errorf("%d rows of the list, want the two that were shown: %v", n, rows)
	}
}

// tree is the size and time of all files of a directory.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			out[path] = fmt.Sprint(info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAnExportWithWrongFlagsSaysSo(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"-out", "x"}, "-from"},
		{[]string{"-from", "x"}, "-out"},
		{[]string{"-from", "x", "-data", "y", "-out", "z"}, "one or the other"},
		{[]string{"-from", "x", "-out", "z", "-format", "csv"}, "ndjson or parquet"},
		{[]string{"-from", "x", "-out", "z", "-sample", "0"}, "-sample"},
		{[]string{"-from", "x", "-out", "z", "-pending", "maybe"}, "close or drop"},
		{[]string{"-from", "x", "-out", "z", "-since", "noon"}, "-since"},
		{[]string{"-data", t.TempDir(), "-out", "z"}, "holds no log"},
	} {
		_, errs, err := call(t, append([]string{"export"}, tc.args...)...)
		if err == nil || !strings.Contains(errs+err.Error(), tc.want) {
			t.Errorf("export %v: %v, %s", tc.args, err, errs)
		}
	}
}
