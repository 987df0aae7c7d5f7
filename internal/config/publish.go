package config

import "time"

// Roles of a process. One that does everything needs no other.
const (
	RoleAll     = "all"     // learns and serves
	RoleTrainer = "trainer" // the same, and publishes its weights
	RoleServer  = "server"  // does not learn: serves by the weights that a trainer has published
)

var processRoles = []string{RoleAll, RoleTrainer, RoleServer}

// Publish says where a trainer leaves its weights for servers to take up.
type Publish struct {
	Directory string        `yaml:"directory"` // both must reach it
	Every     time.Duration `yaml:"every"`     // a trainer's time between two versions, a server's between two looks; 10s
	Keep      int           `yaml:"keep"`      // so many of the newest versions stay; 5
}

func defaultPublish() Publish { return Publish{Every: 10 * time.Second, Keep: 5} }

func (k *checker) publish() {
	p, role := k.c.Publish, k.c.Role
	k.word("role", role, processRoles)
	k.that(role == RoleAll || p.Directory != "", "publish.directory", "is missing: a %s needs to know where the weights are published", role)
	k.that(p.Every >= 100*time.Millisecond, "publish.every", "must be at least 100ms")
	k.within("publish.keep", p.Keep, 2, 10_000)
	k.that(p.Directory == "" || !inside(p.Directory, k.c.Data), "publish.directory", "lies in the data directory: give it a place of its own, which both processes reach")
}
