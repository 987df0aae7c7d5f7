package race

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// profile are the fields of people that become fields of the set.
var profile = [...]string{
	"user_active_degree", "follow_user_num_range", "fans_user_num_range", "register_days_range",
	"onehot_feat0", "onehot_feat1", "onehot_feat2", "onehot_feat3",
}

type exposure struct {
	Type, User, Item, TS, Request string
	Context                       struct {
		Tab      *json.Number
		Duration float64
	}
}

type item struct {
	Item             string
	Categories, Tags []string
}

// KuaiRand is the exposures of data/kuairand with twenty fields: ids, context, what the catalogue says, crosses and profile, and no aggregate of
// anything. An exposure is positive when its request and item were clicked at any time.
func KuaiRand(dir string) (*Set, error) {
	items, users := map[string]item{}, map[string]map[string]any{}
	clicked := map[[2]string]bool{}
	err := errors.Join(
		eachOf(dir, "items", func(i item) error { items[i.Item] = i; return nil }),
		eachOf(dir, "users", func(u map[string]any) error { users[fmt.Sprint(u["user"])] = u; return nil }),
		eachOf(dir, "events", func(e exposure) error {
			if e.Type == "click" {
				clicked[[2]string{e.Request, e.Item}] = true
			}
			return nil
		}),
	)
	if err != nil {
		return nil, err
	}
	s, ids := &Set{Name: "kuairand", Fields: 20}, map[string]uint32{}
	err = eachOf(dir, "events", func(e exposure) error {
		if e.Type != "exposure" {
			return nil
		}
		values := valuesOf(&e, items[e.Item], users[e.User])
		if len(values) != s.Fields {
			return fmt.Errorf("%d fields", len(values))
		}
		for f, v := range values {
			key := fmt.Sprint(f, " ", v)
			id, ok := ids[key]
			if !ok {
				id = uint32(len(ids))
				ids[key] = id
			}
			s.IDs = append(s.IDs, id)
		}
		s.Labels = append(s.Labels, clicked[[2]string{e.Request, e.Item}])
		return nil
	})
	return s, err
}

// valuesOf are the fields of an exposure, a dash for what is missing.
func valuesOf(e *exposure, i item, user map[string]any) []string {
	tag := func(list []string, k int) string {
		if k < len(list) {
			return list[k]
		}
		return "-"
	}
	tab := "-1"
	if e.Context.Tab != nil {
		tab = e.Context.Tab.String()
	}
	category := tag(i.Categories, 0)
	duration := fmt.Sprint(int(2 * math.Log2(e.Context.Duration+1)))
	values := []string{
		e.User, e.Item, tab, e.TS[11:13], duration, category, tag(i.Tags, 0), tag(i.Tags, 3), tag(i.Tags, 2),
		tab + "_" + duration, e.User + "_" + tab, e.User + "_" + category,
	}
	for _, key := range profile {
		v := "-"
		if user[key] != nil {
			v = fmt.Sprint(user[key])
		}
		values = append(values, v)
	}
	return values
}

// eachOf hands each line of a file of a data set to fn.
func eachOf[T any](dir, kind string, fn func(T) error) (err error) {
	f, err := os.Open(filepath.Join(dir, kind+".jsonl.gz"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var record T
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		if err := fn(record); err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return lines.Err()
}
