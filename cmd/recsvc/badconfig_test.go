package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// Whatever is wrong with a feature: where it stands, which feature it is, and what to write instead.
func TestEachSortOfWrongFeatureIsRefusedAtItsPlaceInTheFile(t *testing.T) {
	const head = `models: [{name: ctr, bits: 12, heads: [{name: click, positive: [click]}]}]
log: {retain_age: 30d}
features:
`
	long := "value > 0" + strings.Repeat(" or value > 0", 400)
	many := "value > 0" + strings.Repeat(" or value > 0", 100)
	for _, tc := range []struct{ name, features, says string }{
		{"an unknown kind", `- {name: x, kind: cuont, on: click}`, `FILE:4:19: features[0].kind: feature "x": no kind "cuont": did you mean count?`},
		{"a kind like no other", `- {name: x, kind: forecast, on: click}`, `FILE:4:19: features[0].kind: feature "x": no kind "forecast": there are count, sum, mean, rate, decay, decayed_rate, min, max, variance, trend, distinct, top_k, histogram, quantile, last, last_k, first_k, interacted_with, vector_decay, session_length, session_count, retention, presence, stay, time_since, age, item_age, local_time, attribute, number, bool, string, vector, user_agent, referer, geo_distance, word_count, field_match, keyword, sentiment, position, random, list_size, diversity, bucketize, cross, expr, scale`},
		{"an unknown key", `- {name: x, kind: count, on: click, windw: 5m}`, `FILE:4:37: features[0].windw: unknown key; did you mean "window"?`},
		{"a key that the kind does not read", `- {name: x, kind: count, on: click, quantile: 0.5}`, `FILE:4:47: features[0].quantile: feature "x": is not read by count, which reads on, scope, window, windows, slide, half_life, ttl, scale, shift, as`},
		{"an unknown field", `- {name: x, kind: attribute, field: thing.price}`, `FILE:4:37: features[0].field: feature "x": "thing.price" starts with none of item, user, context and time`},
		{"an unknown name in an expression", `- {name: x, kind: sum, on: click, value: price * 2}`, `FILE:4:42: features[0].value: feature "x": 1:1: no "price" here: an event has hour, item, position, propensity, request, session, text, type, user, value, weekday, and item.FIELD, user.FIELD and context.FIELD`},
		{"an unknown root in an expression", `- {name: x, kind: count, on: {types: click, where: thing.price > 2}}`, `FILE:4:52: features[0].on.where: feature "x": 1:1: no "thing" here: fields are written item.price, user.price or context.price`},
		{"an unknown scope", `- {name: x, kind: count, scope: planet, on: click}`, `FILE:4:33: features[0].scope: feature "x": "planet" is not user, item, session, item.FIELD, user.FIELD or context.FIELD`},
		{"itself", `- {name: x, kind: expr, expr: x + 1}`, `FILE:4:31: features[0].expr: feature "x": 1:1: "x" would be made of itself: name features declared above it`},
		{"a cycle", "- {name: x, kind: expr, expr: y + 1}\n- {name: y, kind: expr, expr: x + 1}", `FILE:4:31: features[0].expr: feature "x": 1:1: "y" is declared below: move it above what is made of it`},
		{"an input that is declared below", "- {name: x, kind: bucketize, input: y}\n- {name: y, kind: number, field: item.price}", `FILE:4:37: features[0].input: feature "x": "y" is declared below: move it above what is made of it`},
		{"an input that is not there", `- {name: x, kind: cross, inputs: [y, z]}`, `FILE:4:34: features[0].inputs: feature "x": "y" is not a feature declared above: inputs stand before what is made of them`},
		{"a type mismatch", `- {name: x, kind: count, on: {types: click, where: value > "30"}}`, `FILE:4:52: features[0].on.where: feature "x": 1:7: > compares a number with a string, which is never true: write 30 without quotes`},
		{"a number for a condition", `- {name: x, kind: count, on: {types: click, where: value + 1}}`, `FILE:4:52: features[0].on.where: feature "x": 1:7: must be true or false, not a number: compare it, as in … > 0`},
		{"a text for a number", `- {name: x, kind: sum, on: click, value: type}`, `FILE:4:42: features[0].value: feature "x": 1:1: must be a number, not a string: len(…) is its length`},
		{"a category for a number", "- {name: y, kind: attribute, field: item.brand}\n- {name: x, kind: scale, input: y, min: 0, max: 1}", `FILE:5:33: features[1].input: feature "x": "y" is not a number: name one that is, such as those of kind number`},
		{"a window of 0", `- {name: x, kind: count, on: click, window: 0s}`, `FILE:4:45: features[0].window: must be longer than 0, or be left out`},
		{"a half-life of 0", `- {name: x, kind: count, on: click, half_life: 0s}`, `FILE:4:48: features[0].half_life: must be longer than 0, or be left out`},
		{"one of several windows of 0", `- {name: x, kind: count, on: click, windows: [1h, 0s]}`, `FILE:4:46: features[0].windows: feature "x": must be longer than 0`},
		{"a negative window", `- {name: x, kind: count, on: click, window: -5m}`, `FILE:4:45: features[0].window: "-5m" is not a duration: write it like 500ms, 30m, 24h or 7d`},
		{"a negative slide", `- {name: x, kind: count, on: click, window: 5m, slide: -1m}`, `FILE:4:56: features[0].slide: "-1m" is not a duration: write it like 500ms, 30m, 24h or 7d`},
		{"a window that is no duration", `- {name: x, kind: count, on: click, window: 5 minutes}`, `FILE:4:45: features[0].window: "5 minutes" is not a duration: write it like 500ms, 30m, 24h or 7d`},
		{"a slide that does not divide", `- {name: x, kind: count, on: click, window: 5m, slide: 7s}`, `FILE:4:56: features[0].slide: feature "x": 7s does not divide the window of 5m0s: write one that does, such as 25s`},
		{"a slide without a window", `- {name: x, kind: count, on: click, slide: 7s}`, `FILE:4:44: features[0].slide: feature "x": a slide needs a window`},
		{"too many tiles", `- {name: x, kind: count, on: click, window: 1d, slide: 1s}`, `FILE:4:56: features[0].slide: feature "x": 1s makes 86400 tiles of the window of 24h0m0s: at most 1024 are allowed, that is, a slide of 1m24.375s or more`},
		{"a window and a half-life", `- {name: x, kind: count, on: click, window: 1d, half_life: 1h}`, `FILE:4:60: features[0].half_life: feature "x": window and half_life exclude each other: leave one out`},
		{"a window longer than the log", `- {name: x, kind: count, on: click, window: 31d, slide: 1d}`, `FILE:4:45: features[0].window: feature "x": 744h0m0s is longer than log.retain_age (720h0m0s): a longer log or a shorter window is needed`},
		{"one of several windows longer than the log", `- {name: x, kind: count, on: click, windows: [1h, 60d]}`, `FILE:4:46: features[0].windows: feature "x": 1440h0m0s is longer than log.retain_age (720h0m0s): a longer log or a shorter window is needed`},
		{"a window twice", `- {name: x, kind: count, on: click, windows: [1h, 60m]}`, `FILE:4:46: features[0].windows: feature "x": 1h stands there twice`},
		{"a name twice", "- {name: x, kind: number, field: item.price}\n- {name: x, kind: number, field: item.cost}", `FILE:5:10: features[1].name: "x" is defined twice`},
		{"a name that a window makes", "- {name: x_1h, kind: number, field: item.price}\n- {name: x, kind: count, on: click, windows: [1h]}", `FILE:5:10: features[1].name: feature "x": "x_1h" is defined twice`},
		{"no name", `- {kind: number, field: item.price}`, `FILE:4:4: features[0].name: needs a name`},
		{"no events", `- {name: x, kind: count}`, `FILE:4:4: features[0].on: feature "x": is missing: a count needs it, events that count`},
		{"a condition without types", `- {name: x, kind: count, on: {where: value > 3}}`, `FILE:4:31: features[0].on: feature "x": name the event types, or "*" for all`},
		{"an expression too long", `- {name: x, kind: count, on: {types: click, where: ` + long + `}}`, `FILE:4:52: features[0].on.where: feature "x": 1:1: is 5209 bytes long: at most 4096 are allowed`},
		{"an expression of too many parts", `- {name: x, kind: count, on: {types: click, where: ` + many + `}}`, `FILE:4:52: features[0].on.where: feature "x": 1:843: has more than 256 parts: leave some out, or split it`},
		{"a loop within a loop", `- {name: x, kind: count, on: {types: click, where: "any(item.tags, any(item.tags, # == \"a\"))"}}`, `FILE:4:52: features[0].on.where: feature "x": 1:16: any cannot stand inside another predicate`},
		{"a loop that is none", `- {name: x, kind: sum, on: click, value: "reduce(item.tags, #acc + 1)"}`, `FILE:4:42: features[0].value: feature "x": 1:1: reduce(…) cannot be used in an expression: there are abs, all, any, ceil, clamp, count, exp, floor, keyword, len, log, log1p, lower, max, min, none, one, round, sentiment, sigmoid, sqrt, trim, upper, words`},
		{"broken syntax", `- {name: x, kind: sum, on: click, value: "value * (2"}`, `FILE:4:42: features[0].value: feature "x": 1:10: unexpected token EOF`},
		{"a quantile out of range", `- {name: x, kind: quantile, on: dwell, quantile: 1.5, window: 1h}`, `FILE:4:50: features[0].quantile: feature "x": must lie above 0 and below 1`},
		{"buckets that do not ascend", "- {name: y, kind: number, field: item.price}\n- {name: x, kind: bucketize, input: y, buckets: [2, 1]}", `FILE:5:49: features[1].buckets: feature "x": must be finite and ascend`},
		{"a number that is none", `- {name: x, kind: number, field: item.price, default: .inf}`, `FILE:4:55: features[0].default: ".inf" is not a finite number`},
		{"an unknown form", `- {name: x, kind: count, on: click, as: cube}`, `FILE:4:41: features[0].as: feature "x": "cube" is none of raw, log, sqrt`},
		{"an unknown time zone", `- {name: x, kind: local_time, time_zone: Mars/Olympus}`, `FILE:4:42: features[0].time_zone: feature "x": no time zone "Mars/Olympus": write an IANA name, such as Asia/Shanghai`},
		{"a lexicon that is not there", `- {name: x, kind: sentiment, field: item.text, lexicon: moods.tsv}`, `FILE:4:57: features[0].lexicon: open DIR/moods.tsv: no such file or directory`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := writeConfig(t, head+tc.features+"\n")
			_, err := loadConfig(file, nil)
			if err == nil {
				t.Fatal("it was taken")
			}
			if got := strings.NewReplacer(file, "FILE", filepath.Dir(file), "DIR").Replace(err.Error()); got != tc.says {
				t.Errorf("says\n%s\nwant\n%s", got, tc.says)
			}
		})
	}
}
