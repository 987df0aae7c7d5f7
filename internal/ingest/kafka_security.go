package ingest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// KafkaSASL says who we are to the brokers. The zero value says nothing.
type KafkaSASL struct {
	Mechanism string // PLAIN (over TLS only: it sends the password), SCRAM-SHA-256 or SCRAM-SHA-512; "": no SASL
	User      string
	Password  string
}

// scramHashes are the mechanisms in which the password itself is never sent.
var scramHashes = map[string]scram.HashGeneratorFcn{
	sarama.SASLTypeSCRAMSHA256: scram.SHA256,
	sarama.SASLTypeSCRAMSHA512: scram.SHA512,
}

func (k KafkaSASL) check() error {
	switch {
	case k == KafkaSASL{}:
		return nil
	case k.Mechanism != sarama.SASLTypePlaintext && scramHashes[k.Mechanism] == nil:
		return fmt.Errorf("kafka: SASL.Mechanism %q: want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", k.Mechanism)
	case k.User == "" || k.Password == "":
		return errors.New("kafka: SASL needs User and Password")
	}
	return nil
}

// secure puts TLS and SASL into the client's settings.
func (o *KafkaOptions) secure(c *sarama.Config) {
	c.Net.TLS.Enable, c.Net.TLS.Config = o.TLS != nil, o.TLS
	if o.SASL.Mechanism == "" {
		return
	}
	c.Net.SASL.Enable, c.Net.SASL.Handshake, c.Net.SASL.Version = true, true, sarama.SASLHandshakeV1
	c.Net.SASL.Mechanism = sarama.SASLMechanism(o.SASL.Mechanism)
	c.Net.SASL.User, c.Net.SASL.Password = o.SASL.User, o.SASL.Password
	if hash := scramHashes[o.SASL.Mechanism]; hash != nil {
		c.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: hash} }
	}
}

// scramClient is one SCRAM conversation (RFC 5802) in sarama's terms.
type scramClient struct {
	hash         scram.HashGeneratorFcn
	conversation *scram.ClientConversation
}

// Begin implements sarama.SCRAMClient.
func (c *scramClient) Begin(user, password, authorization string) error {
	client, err := c.hash.NewClient(user, password, authorization)
	if err != nil {
		return err
	}
	c.conversation = client.NewConversation()
	return nil
}

// Step implements sarama.SCRAMClient.
func (c *scramClient) Step(challenge string) (string, error) { return c.conversation.Step(challenge) }

// Done implements sarama.SCRAMClient.
func (c *scramClient) Done() bool { return c.conversation.Done() }

// explainSecurity says what a refusal at the door probably means: many brokers only hang up, or wait in silence.
func (o *KafkaOptions) explainSecurity(err error) error {
	var garbled sarama.PacketDecodingError
	var network net.Error
	hungUp := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
	silent := errors.As(err, &network) && network.Timeout()
	switch {
	case errors.Is(err, sarama.ErrSASLAuthenticationFailed), o.SASL.Mechanism != "" && hungUp:
		return fmt.Errorf("%w (do the brokers know user %q with this password, by %s?)", err, o.SASL.User, o.SASL.Mechanism)
	case o.TLS != nil && (hungUp || silent):
		return fmt.Errorf("%w (is this a listener for TLS?)", err)
	case o.TLS == nil && (hungUp || errors.As(err, &garbled)):
		return fmt.Errorf("%w (is this a listener for TLS or SASL, which are not configured?)", err)
	}
	return err
}
