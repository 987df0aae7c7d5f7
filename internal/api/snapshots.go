package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
)

func (a *API) snapshots() (Snapshots, error) {
	if a.rooms.Snapshots == nil {
		return nil, fmt.Errorf("snapshots: %w: a process that only serves has none of its own: ask its trainer", ErrUnavailable)
	}
	return a.rooms.Snapshots, nil
}

func (a *API) getSnapshots(w *response, r *http.Request) error {
	room, err := a.snapshots()
	if err != nil {
		return err
	}
	list, err := room.List(r.Context())
	if err != nil {
		return err
	}
	for i := range list {
		list[i].complete()
	}
	return w.json(http.StatusOK, SnapshotList{Snapshots: append([]Snapshot{}, list...)})
}

func (a *API) postSnapshot(w *response, r *http.Request) error {
	room, err := a.snapshots()
	if err != nil {
		return err
	}
	var in SnapshotRequest
	if err := a.decode(w, r, &in, true); err != nil {
		return err
	}
	if utf8.RuneCountInString(in.Note) > 1000 {
		return badParam("note", "must not be longer than 1000 characters")
	}
	a.audit(w, r)
	s, err := room.Create(r.Context(), in.Note)
	if err != nil {
		return err
	}
	s.complete()
	w.Header().Set("Location", "/admin/v1/snapshots/"+s.ID)
	return w.json(http.StatusCreated, &s)
}

func (a *API) getSnapshot(w *response, r *http.Request) error {
	room, id, err := a.snapshot(r)
	if err != nil {
		return err
	}
	s, err := room.Get(r.Context(), id)
	if err != nil {
		return err
	}
	s.complete()
	return w.json(http.StatusOK, &s)
}

// getSnapshotContent sends the file itself, with its checksum.
func (a *API) getSnapshotContent(w *response, r *http.Request) error {
	room, id, err := a.snapshot(r)
	if err != nil {
		return err
	}
	s, content, err := room.Content(r.Context(), id)
	if err != nil {
		return err
	}
	defer content.Close()
	a.audit(w, r)
	h := w.Header()
	h.Set("Content-Length", strconv.FormatInt(s.Bytes, 10))
	if sum, err := hex.DecodeString(s.SHA256); err == nil {
		h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":") // RFC 9530
	}
	h.Set("X-Recsvc-Sha256", s.SHA256)
	out := &download{w: w, conn: http.NewResponseController(w), name: id + ".snapshot", patience: a.timeouts.write}
	if _, err := io.Copy(out, content); err != nil {
		if w.status == 0 {
			return err
		}
		a.log.Error("snapshot's content broken off", zap.String("request_id", w.id), zap.String("snapshot", id), zap.Error(err))
		panic(http.ErrAbortHandler) // the client must see that the end is missing
	}
	return nil
}

// maxImport bounds the content that is taken in: eight models of 2^28 weights do not come close.
const maxImport = 64 << 30

// postImport takes in a file that was made elsewhere, or here before.
func (a *API) postImport(w *response, r *http.Request) error {
	room, err := a.snapshots()
	if err != nil {
		return err
	}
	if r.Header.Get("Content-Encoding") != "" {
		return faultf(http.StatusUnsupportedMediaType, "send the content as it was downloaded, without an encoding")
	}
	sum := r.URL.Query().Get("sha256")
	if raw, err := hex.DecodeString(sum); sum != "" && (err != nil || len(raw) != sha256.Size) {
		return badParam("sha256", "must be 64 hexadecimal digits")
	}
	a.audit(w, r)
	in := &upload{
		body: http.MaxBytesReader(w.ResponseWriter, r.Body, maxImport), conn: http.NewResponseController(w), patience: a.timeouts.read,
	}
	s, created, err := room.Import(r.Context(), sum, in)
	_ = in.conn.SetWriteDeadline(time.Now().Add(a.timeouts.write))
	if err != nil {
		return err
	}
	s.complete()
	w.Header().Set("Location", "/admin/v1/snapshots/"+s.ID)
	if !created {
		return w.json(http.StatusOK, &s)
	}
	return w.json(http.StatusCreated, &s)
}

// upload reads a body of any length and duration: each piece has its own time, as in a download.
type upload struct {
	body     io.Reader
	conn     *http.ResponseController
	patience time.Duration
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	_ = u.conn.SetReadDeadline(time.Now().Add(u.patience)) // the connection's clock is the real one
	return u.body.Read(p)
}

func (a *API) deleteSnapshot(w *response, r *http.Request) error {
	room, id, err := a.snapshot(r)
	if err != nil {
		return err
	}
	a.audit(w, r)
	if err := room.Delete(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) postRestore(w *response, r *http.Request) error {
	room, id, err := a.snapshot(r)
	if err != nil {
		return err
	}
	a.audit(w, r)
	model, err := room.Restore(r.Context(), id)
	if err != nil {
		return err
	}
	return w.json(http.StatusOK, Restored{Snapshot: id, Model: model})
}

// snapshot finds the room and a snapshot's id that is safe to use in a file's name.
func (a *API) snapshot(r *http.Request) (room Snapshots, id string, err error) {
	if room, err = a.snapshots(); err != nil {
		return nil, "", err
	}
	if id, err = pathID(r, "id"); err != nil {
		return nil, "", err
	}
	fits := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
	}
	if len(id) > 128 || id[0] == '.' || strings.IndexFunc(id, func(c rune) bool { return !fits(c) }) >= 0 {
		return nil, "", badParam("id", "is no snapshot's id")
	}
	return room, id, nil
}

// complete turns absent lists into empty ones.
func (s *Snapshot) complete() {
	if s.Models == nil {
		s.Models = []string{}
	}
	if s.Metrics == nil {
		s.Metrics = map[string]map[string]Metrics{}
	}
}
