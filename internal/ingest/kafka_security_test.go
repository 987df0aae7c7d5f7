package ingest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"recsvc/internal/event"
)

// certificate is a certificate for the loopback address that signs itself, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: cert}, pool
}

func TestKafkaProvesWhoItIsAndWhoTheBrokersAre(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t)
	server := &tls.Config{Certificates: []tls.Certificate{cert}}
	mutual := &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	trusting := &tls.Config{RootCAs: pool}
	users := func(mechanism string) []kfake.Opt {
		return []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(mechanism, "anna", "s3cret")}
	}
	sasl := func(mechanism, password string) KafkaSASL { return KafkaSASL{mechanism, "anna", password} }

	for _, tc := range []struct {
		name    string
		cluster []kfake.Opt
		tls     *tls.Config
		sasl    KafkaSASL
		problem string // "": none
	}{
		{"PLAIN over TLS", append(users("PLAIN"), kfake.TLS(server)), trusting, sasl("PLAIN", "s3cret"), ""},
		{"SCRAM-SHA-256", users("SCRAM-SHA-256"), nil, sasl("SCRAM-SHA-256", "s3cret"), ""},
		{"SCRAM-SHA-512", users("SCRAM-SHA-512"), nil, sasl("SCRAM-SHA-512", "s3cret"), ""},
		{"a CA of our own", []kfake.Opt{kfake.TLS(server)}, trusting, KafkaSASL{}, ""},
		{"a certificate of our own", []kfake.Opt{kfake.TLS(mutual)}, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}, KafkaSASL{}, ""},
		{"the wrong password, PLAIN", append(users("PLAIN"), kfake.TLS(server)), trusting, sasl("PLAIN", "guess"), `user "anna"`},
		{"the wrong password, SCRAM", users("SCRAM-SHA-512"), nil, sasl("SCRAM-SHA-512", "guess"), `user "anna"`},
		{"another mechanism", users("PLAIN"), nil, sasl("SCRAM-SHA-256", "s3cret"), "SCRAM-SHA-256"},
		{"no password at all", users("PLAIN"), nil, KafkaSASL{}, "listener for TLS or SASL"},
		{"no TLS", []kfake.Opt{kfake.TLS(server)}, nil, KafkaSASL{}, "listener for TLS or SASL"},
		{"TLS where there is none", nil, trusting, KafkaSASL{}, "listener for TLS"},
		{"a CA that is unknown", []kfake.Opt{kfake.TLS(server)}, &tls.Config{}, KafkaSASL{}, "certificate signed by unknown authority"},
		{"another name in the certificate", []kfake.Opt{kfake.TLS(server)}, &tls.Config{RootCAs: pool, ServerName: "kafka.example"}, KafkaSASL{}, "kafka.example"},
		{"no certificate of our own", []kfake.Opt{kfake.TLS(mutual)}, trusting, KafkaSASL{}, "certificate required"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cluster := fakeKafka(t, append(tc.cluster, kfake.SeedTopics(1, "events"))...)
			o := testOptions(cluster.ListenAddrs(), "events")
			o.TLS, o.SASL, o.Timeout, o.Rebalance = tc.tls, tc.sasl, time.Second, time.Second
			if tc.problem != "" {
				r := runKafka(t, o, nil)
				st := r.until("a problem", func(st KafkaStatus) bool { return st.Err != nil })
				if err := st.Problem(); !strings.Contains(err.Error(), tc.problem) {
					t.Errorf("the status says %v, want %q", err, tc.problem)
				}
				if strings.Contains(st.Problem().Error(), "guess") {
					t.Errorf("the status tells the password: %v", st.Problem())
				}
				return
			}
			mustAppend(t, openKafkaLog(t, o), clicks(3, 0, 10)...)
			r := runKafka(t, o, nil)
			onceEach(t, r.take(10), 10)
			r.end()
			if tc.tls == nil || tc.sasl.Mechanism == "" {
				return
			}
			produceBatch(t, o, 1, make([]byte, 70<<20), sarama.CompressionZSTD) // what is read beside the group knows the way in, too
			if rec := runKafka(t, o, event.Cursor{{Offset: 10}}).take(1)[0]; rec.DeadLetter == nil || rec.DeadLetter.Reason != reasonUnreadable {
				t.Errorf("got %v", rec.Kind)
			}
		})
	}
}

func TestKafkaPassesOnWhatTheBrokersSayAboutAPassword(t *testing.T) {
	t.Parallel()
	cluster := fakeKafka(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "anna", "s3cret"), kfake.SeedTopics(1, "events"))
	cluster.ControlKey(kmsg.SASLAuthenticate.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return answer(func(r *kmsg.SASLAuthenticateResponse) {
			said := "the account is locked"
			r.ErrorCode, r.ErrorMessage = kerr.SaslAuthenticationFailed.Code, &said
		})(req)
	})
	o := testOptions(cluster.ListenAddrs(), "events")
	o.SASL = KafkaSASL{"PLAIN", "anna", "guess"}
	r := runKafka(t, o, nil)
	err := r.until("a problem", func(st KafkaStatus) bool { return st.Err != nil }).Problem()
	if !strings.Contains(err.Error(), "the account is locked") || !strings.Contains(err.Error(), `user "anna"`) {
		t.Errorf("the status says %v", err)
	}
}

func TestKafkaLogSaysWhyTheBrokersHangUp(t *testing.T) {
	t.Parallel()
	cert, _ := certificate(t)
	cluster := fakeKafka(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	_, err := openKafkaLog(t, testOptions(cluster.ListenAddrs(), "events")).Append(t.Context(), clicks(1, 0, 1))
	if err == nil || !strings.Contains(err.Error(), "listener for TLS") {
		t.Errorf("got %v", err)
	}
}
