package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// storage is an object storage in this process. faults sees every request first and says whether it has answered it.
type storage struct {
	*httptest.Server
	requests atomic.Int64
	faults   atomic.Pointer[func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool]
}

func startStorage(t *testing.T) *storage {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
	backend := s3mem.New()
	if err := backend.CreateBucket("copies"); err != nil {
		t.Fatal(err)
	}
	handler := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	s := &storage{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if f := s.faults.Load(); f != nil && (*f)(w, r, handler) {
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *storage) fail(f func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool) {
	if f == nil {
		s.faults.Store(nil)
		return
	}
	s.faults.Store(&f)
}

func (s *storage) open(t *testing.T) *S3 {
	t.Helper()
	v, err := OpenS3(S3Options{Endpoint: s.Listener.Addr().String(), Bucket: "copies", Prefix: "/server-1/", Region: "us-east-1", Plain: true, Retries: 2, PartBytes: smallPart})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, v.Close()) })
	return v
}

func openDirectory(t *testing.T, dir string) *Directory {
	t.Helper()
	v, err := OpenDirectory(dir)
	must(t, err)
	t.Cleanup(func() { must(t, v.Close()) })
	return v
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// everyStore runs a test for each kind of store.
func everyStore(t *testing.T, test func(t *testing.T, s Store)) {
	t.Run("directory", func(t *testing.T) { test(t, openDirectory(t, t.TempDir())) })
	t.Run("s3", func(t *testing.T) { test(t, startStorage(t).open(t)) })
}

// smallPart is the least that the storage takes.
const smallPart = 5 << 20

func noise(n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(b)
	return b
}

func read(t *testing.T, s Store, name string) ([]byte, error) {
	t.Helper()
	r, err := s.Open(t.Context(), name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func names(t *testing.T, s Store, prefix string) (list []string) {
	t.Helper()
	infos, err := s.List(t.Context(), prefix)
	must(t, err)
	for _, i := range infos {
		list = append(list, i.Name)
	}
	return list
}

func TestACopyComesBackAsItWasPut(t *testing.T) {
	everyStore(t, func(t *testing.T, s Store) {
		for name, content := range map[string][]byte{
			"backups/empty": {}, "backups/small": []byte("a copy"), "long": noise(2*smallPart + 12345), "exact": noise(smallPart),
		} {
			info, err := s.Put(t.Context(), name, bytes.NewReader(content))
			must(t, err)
			sum := sha256.Sum256(content)
			if info.Name != name || info.Bytes != int64(len(content)) || info.SHA256 != hex.EncodeToString(sum[:]) {
				t.Errorf("%s: %+v", name, info)
			}
			got, err := read(t, s, name)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
		}
		if got := names(t, s, ""); fmt.Sprint(got) != "[backups/empty backups/small exact long]" {
			t.Errorf("listed: %v", got)
		}
		if got := names(t, s, "backups/s"); fmt.Sprint(got) != "[backups/small]" {
			t.Errorf("listed: %v", got)
		}
		infos, err := s.List(t.Context(), "backups/small")
		must(t, err)
		if infos[0].Bytes != 6 || time.Since(infos[0].Modified) > time.Hour {
			t.Errorf("listed: %+v", infos)
		}
		_, err = s.Put(t.Context(), "long", strings.NewReader("now short"))
		must(t, err)
		if got, err := read(t, s, "long"); err != nil || string(got) != "now short" {
			t.Errorf("replaced: %d bytes, %v", len(got), err)
		}
		must(t, s.Remove(t.Context(), "long"))
		must(t, s.Remove(t.Context(), "long"))
		if _, err := read(t, s, "long"); !errors.Is(err, ErrNotFound) {
			t.Errorf("removed: %v", err)
		}
	})
}

func TestACopyThatCouldNotBeReadToItsEndIsNone(t *testing.T) {
	everyStore(t, func(t *testing.T, s Store) {
		broken := errors.New("the state is damaged")
		for _, n := range []int{0, 100, smallPart + 100} {
			_, err := s.Put(t.Context(), "broken", io.MultiReader(bytes.NewReader(noise(n)), iotest.ErrReader(broken)))
			if !errors.Is(err, broken) {
				t.Errorf("after %d bytes: %v", n, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			_, err = s.Put(ctx, "broken", io.MultiReader(bytes.NewReader(noise(n)), readerFunc(func([]byte) (int, error) { cancel(); return 0, nil })))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("given up after %d bytes: %v", n, err)
			}
		}
		if got := names(t, s, ""); len(got) != 0 {
			t.Errorf("listed: %v", got)
		}
		if _, err := s.Open(t.Context(), "broken"); !errors.Is(err, ErrNotFound) {
			t.Errorf("opened: %v", err)
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestNamesThatLeadElsewhereAreRefused(t *testing.T) {
	everyStore(t, func(t *testing.T, s Store) {
		for _, name := range []string{
			"", ".", "..", "../up", "a/../../up", "/absolute", "a//b", "a/", ".hidden", "a/.hidden", "a\x00b", "a\nb", `a\b`, "ü",
			"taken" + sumSuffix, strings.Repeat("x", 600),
		} {
			if _, err := s.Put(t.Context(), name, strings.NewReader("x")); !errors.Is(err, ErrBadName) {
				t.Errorf("put %q: %v", name, err)
			}
			if _, err := s.Open(t.Context(), name); !errors.Is(err, ErrBadName) {
				t.Errorf("open %q: %v", name, err)
			}
			if err := s.Remove(t.Context(), name); !errors.Is(err, ErrBadName) {
				t.Errorf("remove %q: %v", name, err)
			}
		}
	})
}

func TestASymbolicLinkDoesNotLeadOutOfTheDirectory(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	s := openDirectory(t, dir)
	must(t, os.Symlink(outside, filepath.Join(dir, "backups")))
	if _, err := s.Put(t.Context(), "backups/x", strings.NewReader("x")); err == nil {
		t.Error("a copy was put through the link")
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
		t.Errorf("outside: %v, %v", entries, err)
	}
}

func TestACopyThatHasChangedIsFoundDamagedWhenItIsRead(t *testing.T) {
	dir := t.TempDir()
	d := openDirectory(t, dir)
	_, err := d.Put(t.Context(), "copy", strings.NewReader("the content"))
	must(t, err)
	for what, content := range map[string]string{"a flipped byte": "the contenu", "a cut": "the con", "a byte more": "the content!", "nothing": ""} {
		must(t, os.WriteFile(filepath.Join(dir, "copy"), []byte(content), 0o600))
		if _, err := read(t, d, "copy"); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "copy"+sumSuffix), []byte("nonsense"), 0o600))
	if _, err := d.Open(t.Context(), "copy"); !errors.Is(err, ErrDamaged) {
		t.Errorf("checksum: %v", err)
	}
}

func TestTheChecksumBesideACopyIsWhatSha256sumReads(t *testing.T) {
	dir := t.TempDir()
	_, err := openDirectory(t, dir).Put(t.Context(), "backups/one", strings.NewReader("1"))
	must(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "backups", "one"+sumSuffix))
	if want := "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b  one\n"; err != nil || string(text) != want {
		t.Errorf("%q, %v", text, err)
	}
}

// isContent says that a request is about a copy's content, not its checksum.
func isContent(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/server-1/") && !strings.HasSuffix(r.URL.Path, sumSuffix)
}

func internalError(w http.ResponseWriter) bool {
	http.Error(w, "<Error><Code>InternalError</Code><Message>injected</Message></Error>", http.StatusInternalServerError)
	return true
}

func TestAFailingStorageGetsNoWholeCopy(t *testing.T) {
	cut := func(http.ResponseWriter, *http.Request, http.Handler) bool { panic(http.ErrAbortHandler) }
	for name, fault := range map[string]func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool{
		"everything fails": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool { return internalError(w) },
		"uploads fail": func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			return r.Method == http.MethodPut && internalError(w)
		},
		"the second part is cut": func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
			return r.URL.Query().Get("partNumber") == "2" && cut(w, r, pass)
		},
		"the end is cut": func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
			return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") && cut(w, r, pass)
		},
		"a part arrives changed": func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			if r.URL.Query().Get("partNumber") == "2" {
				r.Body = &flipping{ReadCloser: r.Body, at: 5000}
			}
			return false
		},
		"it comes back changed": func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
			if r.Method != http.MethodGet || !isContent(r) {
				return false
			}
			pass.ServeHTTP(&flippingWriter{ResponseWriter: w}, r)
			return true
		},
		"it cannot be read back": func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			return r.Method == http.MethodGet && isContent(r) && internalError(w)
		},
		"the checksum cannot be put": func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			return r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, sumSuffix) && internalError(w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := startStorage(t)
			s := server.open(t)
			server.fail(fault)
			if info, err := s.Put(t.Context(), "backups/copy", bytes.NewReader(noise(2*smallPart))); err == nil {
				t.Errorf("it was put: %+v", info)
			} else {
				t.Log(err)
			}
			server.fail(nil)
			if got := names(t, s, ""); len(got) != 0 {
				t.Errorf("listed: %v", got)
			}
			if _, err := s.Open(t.Context(), "backups/copy"); !errors.Is(err, ErrNotFound) {
				t.Errorf("opened: %v", err)
			}
			if _, err := s.Sweep(t.Context(), "", time.Now().Add(time.Hour)); err != nil {
				t.Error(err)
			}
			if files, err := s.files(t.Context(), ""); err != nil || len(files) != 0 {
				t.Errorf("after a sweep there is %v, %v", files, err)
			}
			_, err := s.Put(t.Context(), "backups/copy", strings.NewReader("better"))
			must(t, err)
		})
	}
}

// flipping changes a byte of what is read.
type flipping struct {
	io.ReadCloser
	at int
}

func (f *flipping) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if f.at >= 0 && f.at < n {
		p[f.at] ^= 1
	}
	f.at -= n
	return n, err
}

type flippingWriter struct {
	http.ResponseWriter
	done bool
}

func (f *flippingWriter) Write(p []byte) (int, error) {
	if !f.done && len(p) > 0 {
		p, f.done = bytes.Clone(p), true
		p[0] ^= 1
	}
	return f.ResponseWriter.Write(p)
}

func TestAStorageThatFailsOnceIsAskedAgain(t *testing.T) {
	server := startStorage(t)
	s := server.open(t)
	seen := map[string]bool{} // requests come one after the other
	server.fail(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		key := r.Method + r.URL.String()
		if seen[key] {
			return false
		}
		seen[key] = true
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	_, err := s.Put(t.Context(), "copy", bytes.NewReader(noise(smallPart+1)))
	must(t, err)
	if got, err := read(t, s, "copy"); err != nil || len(got) != smallPart+1 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestADownloadThatIsCutIsNotTakenForTheWhole(t *testing.T) {
	server := startStorage(t)
	s := server.open(t)
	_, err := s.Put(t.Context(), "copy", bytes.NewReader(noise(1<<20)))
	must(t, err)
	server.fail(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !isContent(r) || r.Method != http.MethodGet {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(1<<20))
		w.Header().Set("ETag", `"x"`)
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		_, _ = w.Write(noise(1 << 19))
		panic(http.ErrAbortHandler)
	})
	if got, err := read(t, s, "copy"); err == nil {
		t.Errorf("%d bytes were read as the whole", len(got))
	}
	server.fail(func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
		if isContent(r) && r.Method == http.MethodGet {
			pass.ServeHTTP(&flippingWriter{ResponseWriter: w}, r)
			return true
		}
		return false
	})
	if _, err := read(t, s, "copy"); !errors.Is(err, ErrDamaged) {
		t.Errorf("changed on the way: %v", err)
	}
}

func TestSweepRemovesWhatAnInterruptedPutLeftAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	d := openDirectory(t, dir)
	for _, name := range []string{"backups/whole", "other/whole"} {
		_, err := d.Put(t.Context(), name, strings.NewReader("x"))
		must(t, err)
	}
	for _, left := range []string{"backups/.half.tmp", "backups/unverified", "backups/gone" + sumSuffix, "other/.half.tmp"} {
		must(t, os.WriteFile(filepath.Join(dir, left), nil, 0o600))
	}
	if n, err := d.Sweep(t.Context(), "backups/", time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("what is new: %d, %v", n, err)
	}
	if n, err := d.Sweep(t.Context(), "backups/", time.Now().Add(time.Hour)); n != 3 || err != nil {
		t.Errorf("what is old: %d, %v", n, err)
	}
	files, err := d.files(t.Context(), "")
	if err != nil || len(files) != 5 {
		t.Errorf("left: %v, %v", files, err)
	}
}

func TestPartsOfAnUploadThatNeverEndedAreSwept(t *testing.T) {
	s := startStorage(t).open(t)
	_, err := s.client.NewMultipartUpload(t.Context(), s.bucket, s.prefix+"backups/half", minio.PutObjectOptions{})
	must(t, err)
	if n, err := s.Sweep(t.Context(), "backups/", time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("what is new: %d, %v", n, err)
	}
	for _, want := range []int{1, 0} {
		if n, err := s.Sweep(t.Context(), "backups/", time.Now().Add(time.Hour)); n != want || err != nil {
			t.Errorf("what is old: %d, %v; want %d", n, err, want)
		}
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(noPEM, []byte("not PEM"), 0o600))
	for want, o := range map[string]S3Options{
		"bad scheme": {Endpoint: "https://bad scheme"}, "no such file": {CAFile: "/nonexistent"}, "none in PEM": {CAFile: noPEM},
		`"guess"`: {Credentials: "guess"},
	} {
		if _, err := OpenS3(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestKeysAreReadFromAFile(t *testing.T) {
	server := startStorage(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	file := filepath.Join(t.TempDir(), "credentials")
	must(t, os.WriteFile(file, []byte("[backup]\naws_access_key_id = KEYFROMFILE\naws_secret_access_key = secret\n"), 0o600))
	s, err := OpenS3(S3Options{
		Endpoint: server.Listener.Addr().String(), Bucket: "copies", Region: "us-east-1", Plain: true, Credentials: FromFile, File: file, Profile: "backup",
	})
	must(t, err)
	defer s.Close()
	var signed atomic.Bool
	server.fail(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		signed.Store(signed.Load() || strings.Contains(r.Header.Get("Authorization"), "KEYFROMFILE"))
		return false
	})
	_, err = s.Put(t.Context(), "copy", strings.NewReader("x"))
	must(t, err)
	if !signed.Load() {
		t.Error("no request was signed with the key of the file")
	}
}
