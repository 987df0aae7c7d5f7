package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"recsvc/internal/dirty"
)

// ErrRestored reports a snapshot that the log rolls back to.
var ErrRestored = errors.New("the log rolls back to this snapshot, and learning anew from the log needs it")

// restores remembers which snapshots the log has rolled back to: whoever makes the state anew from the log needs them
// again. The writer adds; anyone may hold, release and delete.
type restores struct {
	mu   sync.Mutex
	ids  []string
	held map[string]int // restores under way, and those that were ever let into the log by this process
	set  *dirty.Set

	done, passedOver prometheus.Counter
	installs         *prometheus.CounterVec // by outcome
}

// restoreV1: version u8 | id. Key: prefix | number u32, big-endian.
const (
	prefixRestore = 'r'
	restoreV1     = 1
)

var errRestores = errors.New("a remembered restore is of an unknown version")

func newRestores(reg prometheus.Registerer) *restores {
	n := promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "recsvc_engine_restores_total",
		Help: "Records of the log that roll the model back, by outcome: restored, or other_definitions, which were passed over.",
	}, []string{"outcome"})
	r := &restores{held: map[string]int{}, done: n.WithLabelValues("restored"), passedOver: n.WithLabelValues("other_definitions")}
	r.installs = promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "recsvc_engine_installs_total",
		Help: "Records of the log that put trained weights in the place of a model's, by outcome: installed, or passed_over, which did not fit.",
	}, []string{"outcome"})
	r.set = dirty.NewSet(r)
	return r
}

func (r *restores) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.ids, id) {
		r.set.Touch(uint32(len(r.ids)))
		r.ids = append(r.ids, id)
	}
}

// hold keeps a snapshot from being deleted until as many calls of release.
func (r *restores) hold(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held[id]++
}

func (r *restores) release(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held[id]--; r.held[id] == 0 {
		delete(r.held, id)
	}
}

// unless calls fn if the snapshot is neither held nor one that the log has rolled back to, and lets nobody change that
// meanwhile.
func (r *restores) unless(id string, fn func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held[id] > 0 || slices.Contains(r.ids, id) {
		return fmt.Errorf("snapshot %q: %w", id, ErrRestored)
	}
	return fn()
}

// AppendKey implements dirty.Table.
func (r *restores) AppendKey(dst []byte, i uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, prefixRestore), i)
}

// AppendValue implements dirty.Table.
func (r *restores) AppendValue(dst []byte, i uint32) []byte {
	return append(append(dst, restoreV1), r.ids[i]...)
}

func (r *restores) load(key, value []byte, sum dirty.Sum) error {
	if len(key) != 5 || len(value) < 1 || value[0] != restoreV1 {
		return errRestores
	}
	i := binary.BigEndian.Uint32(key[1:])
	for len(r.ids) <= int(i) {
		r.ids = append(r.ids, "")
	}
	r.ids[i] = string(value[1:])
	r.set.Loaded(i, sum)
	return nil
}
