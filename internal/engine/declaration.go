package engine

import (
	"context"
	"encoding/hex"
	"fmt"

	"recsvc/internal/state"
)

// declaration is the definitions under which the state is: the configured ones, or those of before until the configured ones take over.
type declaration struct {
	hash     [32]byte
	declared []byte // what it is the hash of; nil: not told
}

// String is the form in which control records name them.
func (d *declaration) String() string { return hex.EncodeToString(d.hash[:]) }

// root is what is kept with a checkpoint.
func (d *declaration) root() []byte {
	if len(d.declared) > state.MaxRootBytes {
		return nil
	}
	return d.declared
}

// Definitions are those under which the state is at this moment.
func (e *Engine) Definitions() [32]byte { return e.definitions.Load().hash }

// settle returns when a checkpoint under the present definitions is durable, where one under others is: a record that names them
// would be passed over by a start from the other one.
func (e *Engine) settle(d *declaration) error {
	if meta, ok := e.State.Latest(); !ok || meta.Definitions == d.hash {
		return nil
	}
	if _, err := e.Checkpoint(context.Background()); err != nil {
		return fmt.Errorf("the definitions of features have just changed, and no checkpoint says so yet: %w", err)
	}
	return nil
}
