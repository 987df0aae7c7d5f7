package vault

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// partBytes is the size of the parts of a copy. Two of them are in memory while it is sent.
const partBytes = 16 << 20

// Credentials says where the keys of an object storage are found.
type Credentials string

// The places.
const (
	FromEnvironment Credentials = "env"  // AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
	FromFile        Credentials = "file" // in the form of ~/.aws/credentials
	FromInstance    Credentials = "iam"  // the role of the machine, container or pod
)

// S3Options says where a bucket is. A zero field takes the default named beside it.
type S3Options struct {
	Endpoint    string      // host or host:port; s3.amazonaws.com
	Bucket      string      // must exist
	Prefix      string      // of all names in the bucket, joined with '/'; none
	Region      string      // us-east-1, or what the bucket says
	Plain       bool        // HTTP instead of HTTPS
	CAFile      string      // PEM of who may sign the server's certificate; the system's
	Credentials Credentials // FromEnvironment
	File        string      // of FromFile; ~/.aws/credentials
	Profile     string      // in File; default

	Retries   int // of one request, before the copy fails; 3
	PartBytes int // copies are sent in parts of this size, of which there can be 10,000; 16 MiB, at least 5 MiB
}

// S3 is a Store in a bucket of S3-compatible object storage.
type S3 struct {
	client    minio.Core
	transport *http.Transport
	bucket    string
	prefix    string // empty, or ends in '/'
	part      int    // bytes
}

// OpenS3 prepares access to a bucket. It asks the server nothing: what is wrong is found with the first copy.
func OpenS3(o S3Options) (*S3, error) {
	if o.Endpoint == "" {
		o.Endpoint = "s3.amazonaws.com"
	}
	if o.Retries <= 0 {
		o.Retries = 3
	}
	if o.PartBytes == 0 {
		o.PartBytes = partBytes
	}
	transport, err := o.transport()
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	creds, err := o.credentials(transport)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	client, err := minio.NewCore(o.Endpoint, &minio.Options{
		Creds: creds, Secure: !o.Plain, Region: o.Region, Transport: patient{transport}, MaxRetries: o.Retries,
	})
	if err != nil {
		return nil, fmt.Errorf("vault: endpoint %s: %w", o.Endpoint, err)
	}
	s := &S3{client: *client, transport: transport, bucket: o.Bucket, part: o.PartBytes}
	if p := strings.Trim(o.Prefix, "/"); p != "" {
		s.prefix = p + "/"
	}
	return s, nil
}

func (o S3Options) transport() (*http.Transport, error) {
	t, err := minio.DefaultTransport(!o.Plain)
	if err != nil {
		return nil, err
	}
	t.ResponseHeaderTimeout = time.Minute
	if o.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificates: %s holds none in PEM", o.CAFile)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

func (o S3Options) credentials(t *http.Transport) (*credentials.Credentials, error) {
	switch o.Credentials {
	case "", FromEnvironment:
		return credentials.NewEnvAWS(), nil
	case FromFile:
		return credentials.NewFileAWSCredentials(o.File, o.Profile), nil
	case FromInstance:
		return credentials.New(&credentials.IAM{Client: &http.Client{Transport: t}}), nil
	}
	return nil, fmt.Errorf("no credentials %q", o.Credentials)
}

// Close implements Store.
func (s *S3) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// Put implements Store.
func (s *S3) Put(ctx context.Context, name string, r io.Reader) (Info, error) {
	if err := checkName(name); err != nil {
		return Info{}, err
	}
	info, err := s.put(ctx, name, r)
	if err != nil {
		return Info{}, fmt.Errorf("copy %s: %w", name, err)
	}
	return info, nil
}

func (s *S3) put(ctx context.Context, name string, r io.Reader) (Info, error) {
	if err := s.remove(ctx, name+sumSuffix); err != nil { // of a copy that is being replaced
		return Info{}, err
	}
	sent := measure(ctx, r)
	up, err := s.upload(ctx, name, sent)
	if err != nil {
		return Info{}, err
	}
	if err := s.compare(ctx, name, sent); err != nil {
		if errors.Is(err, ErrDamaged) {
			err = errors.Join(err, s.remove(ctx, name))
		}
		return Info{}, err
	}
	text := sumText(sent.hex(), name)
	if _, err := s.send(ctx, name+sumSuffix, strings.NewReader(text), int64(len(text)), "text/plain"); err != nil {
		return Info{}, err
	}
	return Info{Name: name, Bytes: sent.n, Modified: up.LastModified, SHA256: sent.hex()}, nil
}

// upload sends what fits into one part as it is, and more in parts. When that fails in the middle the client takes the
// parts back.
func (s *S3) upload(ctx context.Context, name string, r io.Reader) (minio.UploadInfo, error) {
	const kind = "application/octet-stream"
	first := make([]byte, s.part)
	n, err := io.ReadFull(r, first)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return s.send(ctx, name, bytes.NewReader(first[:n]), int64(n), kind)
	case err != nil:
		return minio.UploadInfo{}, err
	}
	return s.send(ctx, name, io.MultiReader(bytes.NewReader(first), r), -1, kind)
}

// send puts one object. The server compares each part with its MD5, whose header is signed: signing the bytes in chunks
// besides would only ask more of the server.
func (s *S3) send(ctx context.Context, object string, r io.Reader, size int64, kind string) (minio.UploadInfo, error) {
	return s.client.Client.PutObject(ctx, s.bucket, s.prefix+object, r, size, minio.PutObjectOptions{
		PartSize: uint64(s.part), SendContentMd5: true, DisableContentSha256: true, ContentType: kind,
	})
}

func (s *S3) compare(ctx context.Context, name string, sent *measured) error {
	content, err := s.get(ctx, name)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	return errors.Join(readBack(content, sent), content.Close())
}

func (s *S3) get(ctx context.Context, name string) (io.ReadCloser, error) {
	content, _, _, err := s.client.GetObject(ctx, s.bucket, s.prefix+name, minio.GetObjectOptions{})
	if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
		err = ErrNotFound
	}
	return content, err
}

// Open implements Store.
func (s *S3) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	sum, err := s.sum(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("copy %s: %w", name, err)
	}
	content, err := s.get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("copy %s: %w", name, err)
	}
	return &verified{measured: measure(ctx, content), name: name, want: sum, Closer: content}, nil
}

func (s *S3) sum(ctx context.Context, name string) (string, error) {
	content, err := s.get(ctx, name+sumSuffix)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(content, maxSumBytes))
	if err = errors.Join(err, content.Close()); err != nil {
		return "", err
	}
	return parseSum(text)
}

// List implements Store.
func (s *S3) List(ctx context.Context, prefix string) ([]Info, error) {
	files, err := s.files(ctx, prefix)
	if err != nil {
		return nil, err
	}
	return whole(files), nil
}

func (s *S3) files(ctx context.Context, prefix string) (map[string]Info, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing's goroutine when we return early
	files := map[string]Info{}
	for o := range s.client.Client.ListObjects(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, fmt.Errorf("list copies in bucket %s: %w", s.bucket, o.Err)
		}
		name := strings.TrimPrefix(o.Key, s.prefix)
		files[name] = Info{Name: name, Bytes: o.Size, Modified: o.LastModified}
	}
	return files, nil
}

// Remove implements Store.
func (s *S3) Remove(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	for _, object := range []string{name + sumSuffix, name} { // interrupted in between it is no copy any more
		if err := s.remove(ctx, object); err != nil {
			return fmt.Errorf("remove copy %s: %w", name, err)
		}
	}
	return nil
}

// remove removes one object; storage does not mind when there is none.
func (s *S3) remove(ctx context.Context, object string) error {
	return s.client.Client.RemoveObject(ctx, s.bucket, s.prefix+object, minio.RemoveObjectOptions{})
}

// Sweep implements Store.
func (s *S3) Sweep(ctx context.Context, prefix string, before time.Time) (int, error) {
	files, err := s.files(ctx, prefix)
	if err != nil {
		return 0, err
	}
	names := torn(files, before)
	for i, name := range names {
		if err := s.remove(ctx, name); err != nil {
			return i, fmt.Errorf("remove what is left of %s: %w", name, err)
		}
	}
	n, err := s.sweepUploads(ctx, prefix, before)
	return len(names) + n, err
}

// sweepUploads takes back parts of uploads that were neither completed nor aborted: a process that was killed left them.
func (s *S3) sweepUploads(ctx context.Context, prefix string, before time.Time) (n int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for u := range s.client.Client.ListIncompleteUploads(ctx, s.bucket, s.prefix+prefix, true) {
		if minio.ToErrorResponse(u.Err).Code == minio.NoSuchUpload { // how some say that there are none
			return n, nil
		}
		if u.Err != nil {
			return n, fmt.Errorf("list uploads that never ended: %w", u.Err)
		}
		if !u.Initiated.Before(before) {
			continue
		}
		if err := s.client.AbortMultipartUpload(ctx, s.bucket, u.Key, u.UploadID); err != nil {
			return n, fmt.Errorf("abort upload of %s: %w", path.Base(u.Key), err)
		}
		n++
	}
	return n, nil
}
