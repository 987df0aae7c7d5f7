package engine

// Step names a place in the writer's work at which a test may look on, or end the process.
type Step string

// The steps of a record, then those of a checkpoint, in order.
const (
	StepApply   Step = "apply record"
	StepJoin    Step = "join"
	StepLearn   Step = "learn"
	StepCut     Step = "cut"
	StepFlush   Step = "flush"
	StepDurable Step = "wait for the log"
	StepCommit  Step = "commit"
	StepTrim    Step = "trim the log"
	StepStored  Step = "publish checkpoint"
)

// Steps returns every step.
func Steps() []Step {
	return []Step{StepApply, StepJoin, StepLearn, StepCut, StepFlush, StepDurable, StepCommit, StepTrim, StepStored}
}

// at tells Options.Fault that a step begins or has ended.
func (e *Engine) at(s Step, after bool) {
	if e.opts.Fault != nil {
		e.opts.Fault(s, after)
	}
}
