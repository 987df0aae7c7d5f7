// Package kafkabroker gives tests a real Kafka of their own, which they may stop, kill and freeze. It runs
// scripts/kafka-start.sh, which needs Java and, the first time, Maven.
package kafkabroker

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Broker is one node on loopback. Its methods fail the test. They are not safe for concurrent use.
type Broker struct {
	t       testing.TB
	scripts string
	home    string
	port    string
}

// Start starts a broker for the length of the test. Without KAFKA_BROKERS in the environment, by which somebody says that
// tests against a real Kafka are wanted, the test is skipped, and with REQUIRE_KAFKA=1 it fails.
func Start(t testing.TB) *Broker {
	t.Helper()
	if os.Getenv("KAFKA_BROKERS") == "" {
		if os.Getenv("REQUIRE_KAFKA") == "1" {
			t.Fatal("REQUIRE_KAFKA=1, and KAFKA_BROKERS names no broker")
		}
		t.Skip("KAFKA_BROKERS is not set: NOT tested against a real Kafka (make kafka-test does)")
	}
	b := &Broker{t: t, scripts: filepath.Join(root(t), "scripts"), home: t.TempDir(), port: freePorts(t)}
	t.Cleanup(func() {
		b.signal(syscall.SIGCONT)
		b.run("kafka-stop.sh", "KAFKA_WIPE=1")
	})
	b.Start()
	return b
}

// Addresses are what a client wants to know.
func (b *Broker) Addresses() []string { return []string{"127.0.0.1:" + b.port} }

// Start starts the broker, with the data that it had, and returns when it is ready.
func (b *Broker) Start() {
	b.t.Helper()
	b.run("kafka-start.sh", "KAFKA_HEAP=256m")
}

// Stop lets the broker end in order.
func (b *Broker) Stop() {
	b.t.Helper()
	b.run("kafka-stop.sh")
}

// Kill ends the broker at once, as the kernel does when memory is short, and returns when its ports are free. (Its process
// may look dead before all of its threads are.)
func (b *Broker) Kill() {
	b.t.Helper()
	b.signal(syscall.SIGKILL)
	port, err := strconv.Atoi(b.port)
	if err != nil {
		b.t.Fatal(err)
	}
	for !free(port) || !free(port+1) {
		time.Sleep(time.Millisecond)
	}
}

// Freeze stops the broker's process where it is: connections stay open, and nothing answers.
func (b *Broker) Freeze() {
	b.t.Helper()
	b.signal(syscall.SIGSTOP)
}

// Thaw lets a frozen broker go on.
func (b *Broker) Thaw() {
	b.t.Helper()
	b.signal(syscall.SIGCONT)
}

func (b *Broker) signal(s syscall.Signal) {
	b.t.Helper()
	if pid := b.pid(); pid > 0 {
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			b.t.Errorf("broker %d: %v: %v", pid, s, err)
		}
	}
}

// pid returns the broker's process, 0 when it was stopped.
func (b *Broker) pid() int {
	text, err := os.ReadFile(filepath.Join(b.home, "pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

func (b *Broker) run(script string, env ...string) {
	b.t.Helper()
	port, err := strconv.Atoi(b.port)
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(b.scripts, script))
	cmd.Env = append(append(os.Environ(), "KAFKA_PORT="+b.port, "KAFKA_CTRL_PORT="+strconv.Itoa(port+1), "KAFKA_HOME_DIR="+b.home), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// freePorts returns the first of two neighbouring ports that nobody listens on. They lie below those that the system gives to
// outgoing connections: a client that keeps trying to reach a broker that is gone would be given its port one day, and
// then be talking to itself.
func freePorts(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := 20_000 + 2*rand.IntN(6_000)
		if free(port) && free(port+1) {
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no two free ports")
	return ""
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && l.Close() == nil
}

// root finds the repository above the test's working directory.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}
