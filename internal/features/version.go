package features

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// meaning is raised when equal definitions come to make another state than before.
const meaning = 5

// Version identifies what a definition says, its name included: the first 12 hexadecimal digits of the SHA-256 of its canonical
// form. Fields that are zero have no part in it, so that a field that comes to be leaves the versions of others alone.
func (d Definition) Version() string { return versionOf(d) }

// Version identifies what a pattern says, as a definition's does.
func (p Pattern) Version() string { return versionOf(p) }

// Hook names the pattern and its version, as [Store.SetOutbox] is told which matches are sent.
func (p Pattern) Hook() string { return p.Name + " " + p.Version() }

func versionOf(d any) string {
	text, err := json.Marshal(d)
	var canonical map[string]any
	if err == nil {
		err = json.Unmarshal(text, &canonical)
	}
	if err == nil {
		text, err = json.Marshal(canonical) // keys ascending, in whatever order the fields stand
	}
	if err != nil { // a number that is not finite; New refuses those that matter
		text = fmt.Appendf(nil, "%+v", d)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// Declaration is all that a store's state depends on beside the log. It can be kept beside a state, as JSON, to read the state with later.
type Declaration struct {
	Meaning     int // of equal definitions; see Usable
	Definitions []Definition
	Options     Options // with their defaults, but for those that are no matter of state
}

// Declare returns the declaration that New would make a store by.
func Declare(defs []Definition, opts Options) Declaration {
	opts.setDefaults()
	return Declaration{meaning, defs, opts}
}

// Usable reports whether this version of the program makes the same of the declaration as the one that wrote it.
func (d Declaration) Usable() bool { return d.Meaning == meaning }
