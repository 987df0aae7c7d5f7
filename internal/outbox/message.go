package outbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Headers of a request.
const (
	HeaderID        = "Recsvc-Id"        // of the message: a receiver that has seen it ignores the rest
	HeaderSignature = "Recsvc-Signature" // see Sign
)

// Message is one thing to be sent.
type Message struct {
	ID        string
	Hook      string // to which receiver
	Partition int32  // of the log, for the box
	Made      time.Time
	Body      []byte // JSON
}

// Hook is a receiver.
type Hook struct {
	URL    string
	Secret []byte // of the signature
}

// Sign returns the value of HeaderSignature: t=SECONDS,v1=HEX, where HEX is the HMAC-SHA256 under the secret of the seconds, a dot, and the body.
// The seconds are Unix time when the request was made: a receiver refuses what is too old.
func Sign(secret, body []byte, at time.Time) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac(secret, seconds, body))
}

func mac(secret []byte, seconds string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(seconds + "."))
	h.Write(body)
	return h.Sum(nil)
}

// errAnswer reports an answer that is not 2xx.
var errAnswer = errors.New("the receiver did not accept it")

// post sends a message once.
func (h Hook) post(ctx context.Context, client *http.Client, m *Message, now time.Time) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(m.Body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "recsvc")
	req.Header.Set(HeaderID, m.ID)
	req.Header.Set(HeaderSignature, Sign(h.Secret, m.Body, now))
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %w", res.Status, errAnswer)
	}
	return nil
}
