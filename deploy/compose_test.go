package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// project loads docker-compose.yml as `docker compose` does, with nothing from this machine's environment.
func project(t *testing.T) *types.Project {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	opts, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithWorkingDirectory(root))
	if err != nil {
		t.Fatal(err)
	}
	p, err := opts.LoadProject(t.Context())
	if err != nil {
		t.Fatalf("docker-compose.yml: %v", err)
	}
	return p
}

func TestComposeHasEveryServiceAndEachIsWatched(t *testing.T) {
	p := project(t)
	var names []string
	for name, s := range p.Services {
		names = append(names, name)
		if s.Restart == "no" { // it runs once and ends
			continue
		}
		if s.HealthCheck == nil || len(s.HealthCheck.Test) == 0 {
			t.Errorf("%s has no health check", name)
		}
	}
	slices.Sort(names)
	if want := []string{"grafana", "kafka", "prometheus", "recsvc", "topic"}; !slices.Equal(names, want) {
		t.Errorf("services %v, want %v", names, want)
	}
}

func TestComposeBindsPortsToThisMachineOnly(t *testing.T) {
	taken := map[string]string{}
	for name, s := range project(t).Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s on %q, want 127.0.0.1", name, port.Published, port.HostIP)
			}
			if other := taken[port.Published]; other != "" {
				t.Errorf("%s and %s both publish port %s", name, other, port.Published)
			}
			taken[port.Published] = name
		}
	}
}

func TestComposeMountsOnlyFilesThatExist(t *testing.T) {
	p := project(t)
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			switch v.Type {
			case types.VolumeTypeBind:
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if !v.ReadOnly {
					t.Errorf("%s may write to %s", name, v.Source)
				}
			case types.VolumeTypeVolume:
				if _, ok := p.Volumes[v.Source]; !ok {
					t.Errorf("%s uses volume %s, which is not declared", name, v.Source)
				}
			}
		}
	}
}

func TestComposeWiresRecsvcToKafka(t *testing.T) {
	p := project(t)
	env := p.Services["recsvc"].Environment
	get := func(key string) string {
		if v := env[key]; v != nil {
			return *v
		}
		return ""
	}
	if len(get("RECSVC_KEY")) < 16 {
		t.Errorf("RECSVC_KEY is %q: the server refuses to leave loopback without a key of 16 characters", get("RECSVC_KEY"))
	}
	inside := *p.Services["kafka"].Environment["KAFKA_ADVERTISED_LISTENERS"]
	if brokers := get("RECSVC_KAFKA_BROKERS"); brokers == "" || !strings.Contains(inside, "//"+brokers) {
		t.Errorf("recsvc asks for %q, Kafka advertises %q", brokers, inside)
	}
	if topic := "--topic=" + get("RECSVC_KAFKA_TOPIC"); !slices.Contains(p.Services["topic"].Command, topic) {
		t.Errorf("nothing makes the topic: want %s in %v", topic, p.Services["topic"].Command)
	}
}

func TestTheImageIsBuiltWithTheToolchainOfTheModule(t *testing.T) {
	dockerfile := read(t, "../Dockerfile")
	_, rest, ok := strings.Cut(read(t, "../go.mod"), "\ngo ")
	if !ok {
		t.Fatal("go.mod has no go line")
	}
	version := strings.Join(strings.SplitN(strings.Fields(rest)[0], ".", 3)[:2], ".")
	for _, want := range []string{"FROM golang:" + version + ".", "USER 65532", "HEALTHCHECK", "FROM scratch"} {
		if !strings.Contains(dockerfile, want) {
			t.Errorf("the Dockerfile lacks %q", want)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
