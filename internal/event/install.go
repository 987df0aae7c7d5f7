package event

// Install is the content of an InstallControl: trained weights take the place of one model's. They are those that the model would have
// after every record before this one: a record that has come to stand elsewhere in the log than its weights were made for is passed
// over. Its parameters, all texts: model; snapshot, the id of what holds its weights alone; sha256, of that content; definitions, of the
// features and heads that it was made under.
type Install struct{ Model, Snapshot, SHA256, Definitions string }

// Control returns the content of the control record.
func (i Install) Control() *Control {
	text := func(s string) Value { return Value{Kind: String, Str: s} }
	return &Control{Type: InstallControl, Attrs: Attributes{
		{Key: "definitions", Value: text(i.Definitions)}, {Key: "model", Value: text(i.Model)},
		{Key: "sha256", Value: text(i.SHA256)}, {Key: "snapshot", Value: text(i.Snapshot)},
	}}
}

// Install reads the parameters of an InstallControl.
func (c *Control) Install() Install {
	return Install{Model: c.Text("model"), Snapshot: c.Text("snapshot"), SHA256: c.Text("sha256"), Definitions: c.Text("definitions")}
}
