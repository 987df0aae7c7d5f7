package state

// step names a place at which a test can make the disk fail, or look at what is on it.
type step string

// Every step of a checkpoint and of a fold, in order.
const (
	stepCreate      step = "create delta"
	stepWrite       step = "write block"
	stepSeal        step = "write commit block"
	stepHeader      step = "write header"
	stepSync        step = "sync delta"
	stepRename      step = "rename delta"
	stepSyncDir     step = "sync directory"
	stepPublish     step = "publish checkpoint"
	stepFoldScan    step = "read delta to fold"
	stepFoldRead    step = "read entries to fold"
	stepFoldWrite   step = "write folded entries"
	stepFoldSync    step = "sync database"
	stepFoldMark    step = "mark folded checkpoint"
	stepFoldPublish step = "publish fold"
	stepFoldRemove  step = "remove folded delta"

	// When a checkpoint has failed.
	stepDiscard step = "remove failed delta"
)

var steps = []step{
	stepCreate, stepWrite, stepSeal, stepHeader, stepSync, stepRename, stepSyncDir, stepPublish,
	stepFoldScan, stepFoldRead, stepFoldWrite, stepFoldSync, stepFoldMark, stepFoldPublish, stepFoldRemove,
}

// Steps returns the names of all steps of a checkpoint and of a fold that do not fail, in their order, for
// Options.Fault. Some are taken more than once. A failed checkpoint has a further one, "remove failed delta".
func Steps() (names []string) {
	for _, p := range steps {
		names = append(names, string(p))
	}
	return names
}

// take does one step, under the eyes of Options.Fault.
func (s *Store) take(p step, do func() error) error {
	if s.fault == nil {
		return do()
	}
	if err := s.fault(string(p), false); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return s.fault(string(p), true)
}
