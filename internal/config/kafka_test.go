package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestKafkaSecurityIsReadFromFilesAndTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	cert, key := writePair(t, dir)
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	head := "kafka:\n  brokers: a:9092\n"
	for _, tc := range []struct{ name, sasl string }{
		{"in the file", "{mechanism: PLAIN, user: u, password: s3cret}"},
		{"in a file of its own", "{mechanism: SCRAM-SHA-256, user: u, password_file: '" + password + "'}"},
		{"in the environment", "{mechanism: SCRAM-SHA-512, user: u, password_env: SECRET}"},
	} {
		c, err := Parse("f.yaml", []byte(head+"  sasl: "+tc.sasl+"\n"), Overrides{Env: env("SECRET", "s3cret")})
		if err != nil || c.Kafka.SASL.Password != "s3cret" {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	c, err := Parse("f.yaml", []byte(head+"  sasl: {mechanism: PLAIN, user: u}\n"), Overrides{Env: env("RECSVC_KAFKA_SASL_PASSWORD", "s3cret")})
	if err != nil || c.Kafka.SASL.Password != "s3cret" {
		t.Errorf("the variable of the setting: %v", err)
	}
	c, err = Parse("f.yaml", []byte(head+"  tls: {enabled: true, ca_file: '"+cert+"', cert_file: '"+cert+"', key_file: '"+key+"', server_name: kafka}\n"), Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	tc, err := c.Kafka.TLS.TLSConfig()
	if err != nil || tc.RootCAs == nil || tc.ServerName != "kafka" || tc.InsecureSkipVerify || tc.MinVersion < tls.VersionTLS12 {
		t.Errorf("%+v, %v", tc, err)
	}
	if pair, err := tc.GetClientCertificate(nil); err != nil || len(pair.Certificate) != 1 {
		t.Errorf("our own certificate: %v", err)
	}
	if tc, err := Default().Kafka.TLS.TLSConfig(); tc != nil || err != nil {
		t.Errorf("without TLS: %v, %v", tc, err)
	}
}

func env(name, value string) func(string) (string, bool) {
	return func(n string) (string, bool) { return value, n == name }
}

func TestMistakesInKafkasSecurityAreNamedWithTheirPlace(t *testing.T) {
	dir := t.TempDir()
	cert, _ := writePair(t, dir)
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ line, want string }{
		{"on_lost_records: ignore", "f.yaml:3:20: kafka.on_lost_records: unknown word \"ignore\""},
		{"stuck_after: 1s", "f.yaml:3:16: kafka.stuck_after: must be at least 10s"},
		{"dead_letter_topic: recsvc", "f.yaml:3:22: kafka.dead_letter_topic: is the topic itself"},
		{"tls: {ca_file: x}", "kafka.tls.ca_file: has no effect without kafka.tls.enabled"},
		{"tls: {enabled: true, ca_file: /nobody/has/this}", "f.yaml:3:33: kafka.tls.ca_file: stat /nobody/has/this|f.yaml:3:33: kafka.tls.ca_file: open /nobody/has/this"},
		{"tls: {enabled: true, ca_file: " + empty + "}", "holds no certificate"},
		{"tls: {enabled: true, ca_file: " + dir + "}", "is no file"},
		{"tls: {enabled: true, cert_file: " + cert + "}", "kafka.tls.cert_file: needs kafka.tls.key_file"},
		{"tls: {enabled: true, key_file: " + cert + "}", "kafka.tls.key_file: needs kafka.tls.cert_file"},
		{"tls: {enabled: true, cert_file: " + cert + ", key_file: " + cert + "}", "kafka.tls.cert_file: tls:"},
		{"sasl: {mechanism: scram-sha-256, user: u, password: p}", "kafka.sasl.mechanism: unknown word"},
		{"sasl: {mechanism: PLAIN, password: p}", "kafka.sasl.user: is missing"},
		{"sasl: {mechanism: PLAIN, user: u}", "kafka.sasl: needs password_env"},
		{"sasl: {user: u}", "kafka.sasl.user: has no effect"},
		{"sasl: {mechanism: PLAIN, user: u, password: p, password_env: P}", "kafka.sasl: give one of"},
		{"sasl: {mechanism: PLAIN, user: u, password_env: NOBODY}", "kafka.sasl.password_env: environment variable NOBODY is not set"},
		{"sasl: {mechanism: PLAIN, user: u, password_file: /nobody/has/this}", "kafka.sasl.password_file: open /nobody/has/this"},
		{"sasl: {mechanism: PLAIN, user: u, password_file: " + empty + "}", "is empty"},
	} {
		_, err := Parse("f.yaml", []byte("kafka:\n  brokers: a:9092\n  "+tc.line+"\n"), Overrides{})
		found := false
		for want := range strings.SplitSeq(tc.want, "|") {
			found = found || err != nil && strings.Contains(err.Error(), want)
		}
		if !found {
			t.Errorf("%s: got %v, want %s", tc.line, err, tc.want)
		}
	}
}

// writePair writes a certificate and its key.
func writePair(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
