package vault

import (
	"io"
	"net/http"
	"sync"
)

// patient is a transport that is done with a request's body when the response is closed. net/http may still be sending when
// the server has answered early; the client that we use would then send the same buffer again, or fill it with the next part.
type patient struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return p.next.RoundTrip(r)
	}
	sent := &sending{ReadCloser: r.Body, done: make(chan struct{})}
	r = r.Clone(r.Context())
	r.Body = sent
	answer, err := p.next.RoundTrip(r)
	if err != nil {
		<-sent.done // the connection is gone: it does not take long
		return nil, err
	}
	answer.Body = &answered{answer.Body, sent.done}
	return answer, nil
}

// sending is a request's body.
type sending struct {
	io.ReadCloser
	once sync.Once
	done chan struct{} // closed by Close, which net/http always calls
}

// Close implements io.Closer.
func (s *sending) Close() error {
	err := s.ReadCloser.Close()
	s.once.Do(func() { close(s.done) })
	return err
}

// answered is a response's body.
type answered struct {
	io.ReadCloser
	sent <-chan struct{}
}

// Close implements io.Closer. Closing a response to what was not sent whole closes the connection, which ends the sending.
func (a *answered) Close() error {
	err := a.ReadCloser.Close()
	<-a.sent
	return err
}
