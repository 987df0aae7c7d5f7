package rank

import (
	"container/list"
	"fmt"
	"sync"
)

// Filters compiles filters and remembers the latest ones. It is safe for concurrent use.
type Filters struct {
	mu     sync.Mutex
	max    int
	byText map[string]*list.Element // of *Filter
	recent *list.List               // most recently used first
}

// NewFilters returns a cache of at most size filters, at least 1.
func NewFilters(size int) (*Filters, error) {
	if size < 1 {
		return nil, fmt.Errorf("filters: cache size is %d: must be at least 1", size)
	}
	return &Filters{max: size, byText: make(map[string]*list.Element, size), recent: list.New()}, nil
}

// Compile returns the filter of text, or a *FilterError. The empty text is the nil Filter, which passes
// everything. Mistakes are not remembered.
func (f *Filters) Compile(text string) (*Filter, error) {
	if text == "" {
		return nil, nil
	}
	if known := f.lookup(text); known != nil {
		return known, nil
	}
	made, err := CompileFilter(text) // beside the lock: two callers may both compile it, to the same end
	if err != nil {
		return nil, err
	}
	f.keep(made)
	return made, nil
}

// Len returns the number of filters that are remembered.
func (f *Filters) Len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.recent.Len()
}

func (f *Filters) lookup(text string) *Filter {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.byText[text]
	if !ok {
		return nil
	}
	f.recent.MoveToFront(e)
	return e.Value.(*Filter)
}

func (f *Filters) keep(made *Filter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.byText[made.text]; ok {
		return
	}
	f.byText[made.text] = f.recent.PushFront(made)
	if f.recent.Len() > f.max {
		oldest := f.recent.Back()
		f.recent.Remove(oldest)
		delete(f.byText, oldest.Value.(*Filter).text)
	}
}
