// Command demoslice cuts the slice of KuaiRand that the demo ships: every event of one user in five, the whole
// catalogue, and of the profiles the fields that the shipped configuration reads.
//
//	go run ./internal/tools/demoslice -from FOLDER -to cmd/recsvc/demodata
//
// FOLDER holds events.jsonl.gz, items.jsonl.gz and users.jsonl.gz. The same input gives the same bytes.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/gzip"
	"github.com/zeebo/xxh3"
)

// profileFields are the keys of a user that configs/kuairand.yaml reads.
var profileFields = []string{
	"user", "user_active_degree", "follow_user_num_range", "fans_user_num_range", "register_days_range",
	"onehot_feat0", "onehot_feat1", "onehot_feat2", "onehot_feat3",
}

func main() {
	from := flag.String("from", "", "folder with the whole set")
	to := flag.String("to", "cmd/recsvc/demodata", "folder to write to")
	share := flag.Uint64("one-in", 5, "keep one user in this many")
	flag.Parse()
	if err := cut(*from, *to, *share); err != nil {
		fmt.Fprintln(os.Stderr, "demoslice:", err)
		os.Exit(1)
	}
}

func cut(from, to string, share uint64) error {
	chosen := func(user string) bool { return xxh3.HashString(user)%share == 0 }
	events := func(line []byte) ([]byte, error) {
		var e struct {
			User string `json:"user"`
		}
		if err := json.Unmarshal(line, &e); err != nil || !chosen(e.User) {
			return nil, err
		}
		return line, nil
	}
	users := func(line []byte) ([]byte, error) {
		var u map[string]json.RawMessage
		if err := json.Unmarshal(line, &u); err != nil {
			return nil, err
		}
		var id string
		if err := json.Unmarshal(u["user"], &id); err != nil || !chosen(id) {
			return nil, err
		}
		out := make(map[string]json.RawMessage)
		for _, k := range profileFields {
			if v, ok := u[k]; ok {
				out[k] = v
			}
		}
		return json.Marshal(out)
	}
	items := func(line []byte) ([]byte, error) { return line, nil }
	return errors.Join(
		rewrite(from, to, "events.jsonl.gz", events),
		rewrite(from, to, "items.jsonl.gz", items),
		rewrite(from, to, "users.jsonl.gz", users),
	)
}

// rewrite passes each line of a file through fn; nil drops it.
func rewrite(from, to, name string, fn func([]byte) ([]byte, error)) (err error) {
	in, err := os.Open(filepath.Join(from, name))
	if err != nil {
		return err
	}
	defer in.Close()
	unzip, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(to, name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	zip, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(unzip, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return zip.Close()
		}
		if err != nil {
			return err
		}
		kept, err := fn(line[:len(line)-1])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if kept != nil {
			if _, err := zip.Write(append(kept, '\n')); err != nil {
				return err
			}
		}
	}
}
