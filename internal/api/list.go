package api

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"recsvc/internal/event"
	"recsvc/internal/rank"
)

// appendList appends a [List] as JSON. This is the hot answer: nothing is reflected upon but explanations.
func appendList(dst []byte, l *rank.List, cursor event.Cursor) ([]byte, error) {
	dst = event.AppendString(append(dst, `{"request":`...), l.Request)
	dst = event.AppendString(append(dst, `,"user":`...), l.User)
	dst = event.AppendString(append(dst, `,"scene":`...), l.Scene)
	dst = event.AppendString(append(dst, `,"model":`...), l.Model)
	dst = append(dst, `,"variants":{`...)
	for i, v := range l.Variants {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = event.AppendString(append(event.AppendString(dst, v.Name), ':'), v.Arm)
	}
	dst = event.AppendString(append(dst, `},"cursor":`...), cursor.String())
	dst = appendStrings(append(dst, `,"degraded":`...), l.Degraded)
	dst, err := appendItems(append(dst, `,"items":`...), l.Items)
	return append(dst, '}', '\n'), err
}

// appendItems appends slots as an array of [ListItem].
func appendItems(dst []byte, items []rank.Ranked) ([]byte, error) {
	dst = append(dst, '[')
	for i := range items {
		it := &items[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = event.AppendString(append(dst, `{"item":`...), it.Item)
		dst = strconv.AppendInt(append(dst, `,"position":`...), int64(it.Position), 10)
		dst = appendFloat(append(dst, `,"score":`...), it.Score)
		dst = appendFloat(append(dst, `,"propensity":`...), it.Propensity)
		dst = appendStrings(append(dst, `,"channels":`...), it.Channels)
		if it.Explain != nil {
			why, err := json.Marshal(it.Explain)
			if err != nil {
				return dst, fmt.Errorf("explain item %q: %w", it.Item, err)
			}
			dst = append(append(dst, `,"explain":`...), why...)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']'), nil
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = event.AppendString(dst, s)
	}
	return append(dst, ']')
}

// appendFloat appends the shortest text that reads back as x; 0 for what JSON has no number for.
func appendFloat(dst []byte, x float64) []byte {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return append(dst, '0')
	}
	if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
		return strconv.AppendInt(dst, int64(x), 10)
	}
	return strconv.AppendFloat(dst, x, 'g', -1, 64)
}
