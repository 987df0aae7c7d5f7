package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Kafka replaces the embedded log by a topic when Brokers is set.
type Kafka struct {
	Brokers         Strings       `yaml:"brokers"`           // host:port of some brokers; empty: the embedded log
	Topic           string        `yaml:"topic"`             // events, items, users and served lists; recsvc
	Group           string        `yaml:"group"`             // consumer group whose offsets are set as a hint; empty: one of this data directory alone
	ClientID        string        `yaml:"client_id"`         // name shown to the brokers; recsvc
	DeadLetterTopic string        `yaml:"dead_letter_topic"` // dead letters go there, too; empty: nowhere
	OnLostRecords   string        `yaml:"on_lost_records"`   // stop or skip, where retention has removed what was never applied; stop
	StuckAfter      time.Duration `yaml:"stuck_after"`       // without a record although some wait, before the group is joined anew; 1m
	TLS             KafkaTLS      `yaml:"tls"`
	SASL            KafkaSASL     `yaml:"sasl"`
}

// KafkaTLS says how to speak TLS with the brokers.
type KafkaTLS struct {
	Enabled            bool   `yaml:"enabled"`
	CAFile             string `yaml:"ca_file"`              // PEM, of who signs the brokers' certificates; empty: those the system trusts
	CertFile           string `yaml:"cert_file"`            // PEM, our own certificate, where brokers ask for one
	KeyFile            string `yaml:"key_file"`             // PEM, its key; both are read anew for each connection
	ServerName         string `yaml:"server_name"`          // in the brokers' certificates; empty: the host of each broker
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify"` // accept any certificate: who answers is then not known
}

// KafkaSASL says who we are to the brokers. The password is given in one of three ways.
type KafkaSASL struct {
	Mechanism    string `yaml:"mechanism"` // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: none
	User         string `yaml:"user"`
	Password     string `yaml:"password"`      // itself; better one of the two below, or RECSVC_KAFKA_SASL_PASSWORD
	PasswordEnv  string `yaml:"password_env"`  // the environment variable that holds it
	PasswordFile string `yaml:"password_file"` // the file that holds it; white space at its end is not part of it
}

func defaultKafka() Kafka {
	return Kafka{Topic: "recsvc", ClientID: "recsvc", OnLostRecords: "stop", StuckAfter: time.Minute}
}

var (
	lostPolicies   = []string{"stop", "skip"}
	saslMechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}
)

// minStuckAfter is longer than a healthy consumer may be quiet: a rebalance, a broker that starts.
const minStuckAfter = 10 * time.Second

func (k *checker) kafka() {
	c := &k.c.Kafka
	k.word("kafka.on_lost_records", c.OnLostRecords, lostPolicies)
	k.that(c.StuckAfter >= minStuckAfter, "kafka.stuck_after", "must be at least %v", minStuckAfter)
	if len(c.Brokers) == 0 {
		return
	}
	k.that(c.Topic != "", "kafka.topic", "needs a name")
	k.that(c.DeadLetterTopic != c.Topic, "kafka.dead_letter_topic", "is the topic itself: give dead letters one of their own")
	k.kafkaTLS(&c.TLS)
	k.kafkaSASL(&c.SASL)
}

func (k *checker) kafkaTLS(t *KafkaTLS) {
	if !t.Enabled {
		for path, set := range map[string]bool{"ca_file": t.CAFile != "", "cert_file": t.CertFile != "", "key_file": t.KeyFile != "",
			"server_name": t.ServerName != "", "insecure_skip_verify": t.InsecureSkipVerify} {
			k.that(!set, "kafka.tls."+path, "has no effect without kafka.tls.enabled: true")
		}
		return
	}
	if _, err := t.roots(); err != nil {
		k.that(false, "kafka.tls.ca_file", "%v", err)
	}
	switch {
	case t.CertFile != "" && t.KeyFile == "":
		k.that(false, "kafka.tls.cert_file", "needs kafka.tls.key_file, too")
	case t.CertFile == "" && t.KeyFile != "":
		k.that(false, "kafka.tls.key_file", "needs kafka.tls.cert_file, too")
	case t.CertFile != "":
		_, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		k.that(err == nil, "kafka.tls.cert_file", "%v", err)
	}
}

func (k *checker) kafkaSASL(s *KafkaSASL) {
	if s.Mechanism == "" {
		k.that(s.User == "", "kafka.sasl.user", "has no effect without kafka.sasl.mechanism: one of %s", strings.Join(saslMechanisms, ", "))
		k.that(s.Password == "", "kafka.sasl", "a password has no effect without kafka.sasl.mechanism: one of %s", strings.Join(saslMechanisms, ", "))
		return
	}
	k.word("kafka.sasl.mechanism", s.Mechanism, saslMechanisms)
	k.that(s.User != "", "kafka.sasl.user", "is missing")
	if s.PasswordEnv == "" && s.PasswordFile == "" { // else it has been said what is wrong with those
		k.that(s.Password != "", "kafka.sasl", "needs password_env, password_file or password")
	}
}

// TLSConfig returns what a client needs; nil when TLS is off. The files were read without a fault when the configuration
// was checked.
func (t *KafkaTLS) TLSConfig() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	roots, err := t.roots()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{RootCAs: roots, ServerName: t.ServerName, InsecureSkipVerify: t.InsecureSkipVerify, MinVersion: tls.VersionTLS12}
	if t.CertFile != "" {
		certFile, keyFile := t.CertFile, t.KeyFile
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { // certificates are renewed while we run
			cert, err := tls.LoadX509KeyPair(certFile, keyFile)
			return &cert, err
		}
	}
	return c, nil
}

// roots reads who signs the brokers' certificates; nil: whom the system trusts.
func (t *KafkaTLS) roots() (*x509.CertPool, error) {
	if t.CAFile == "" {
		return nil, nil
	}
	text, err := readSmall(t.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", t.CAFile)
	}
	return roots, nil
}

// resolvePassword reads the password that the configuration file leaves to the environment or to another file.
func (c *Config) resolvePassword(over Overrides) (errs Errors) {
	s := &c.Kafka.SASL
	given := 0
	for _, v := range []string{s.Password, s.PasswordEnv, s.PasswordFile} {
		if v != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return Errors{c.Errorf("kafka.sasl", "give one of password, password_env and password_file")}
	case s.PasswordEnv != "":
		if over.Env != nil {
			s.Password, _ = over.Env(s.PasswordEnv)
		}
		if s.Password == "" {
			return Errors{c.Errorf("kafka.sasl.password_env", "environment variable %s is not set", s.PasswordEnv)}
		}
	case s.PasswordFile != "":
		text, err := readSmall(s.PasswordFile)
		if s.Password = strings.TrimRight(string(text), " \t\r\n"); err == nil && s.Password == "" {
			err = fmt.Errorf("%s is empty", s.PasswordFile)
		}
		if err != nil {
			return Errors{c.Errorf("kafka.sasl.password_file", "%v", err)}
		}
	}
	return nil
}

// readSmall reads a regular file of at most maxFileBytes.
func readSmall(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = errors.New(path + " is too large")
	}
	return text, err
}
