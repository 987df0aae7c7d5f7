package features

// Compiled is what has become of one definition.
type Compiled struct {
	Definition Definition // with its defaults; of a definition with several windows one for each
	Version    string     // see [Definition.Version]; features of one definition have the same
	Scope      string     // that its state is kept under; "none": it has none
	Words      int        // of 8 bytes that the state takes for each key
	MostWords  int        // that it may take with what has no fixed size
	Shares     string     // an earlier feature whose state is the same; empty: it has its own
	ByItem     bool       // computed for each candidate, not once a list
	Inputs     []string   // features that it is made of
}

// Compiled returns every feature in the order of evaluation.
func (s *Store) Compiled() []Compiled {
	p := s.program
	out := make([]Compiled, len(p.feats))
	for i := range p.feats {
		f := &p.feats[i]
		out[i] = *f.compiled
		out[i].ByItem = f.byItem
		for _, in := range f.inputs {
			out[i].Inputs = append(out[i].Inputs, p.feats[in].name)
		}
	}
	return out
}
