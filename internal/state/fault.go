package state

// step names a place at which a test can make the disk fail, or look at what is on it.
type step string

// Every step of a checkpoint and of a fold, in order.
const (
	stepCreate     step = "create delta"
	stepWrite      step = "write block"
	stepSeal       step = "write commit block and header"
	stepSync       step = "sync delta"
	stepRename     step = "rename delta"
	stepSyncDir    step = "sync directory"
	stepPublish    step = "publish checkpoint"
	stepFoldRead   step = "read deltas to fold"
	stepFoldWrite  step = "write folded entries"
	stepFoldMark   step = "mark folded checkpoint"
	stepFoldSync   step = "sync database"
	stepFoldRemove step = "remove folded delta"
)

// at is called before each step is taken. It does nothing outside tests.
func (s *Store) at(p step) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(p)
}
