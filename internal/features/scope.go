package features

import (
	"fmt"
	"strings"

	"recsvc/internal/event"
)

// owner is the entity that a scope's rows live in.
type owner uint8

const (
	ownGroup owner = iota // an entity of its own per key
	ownUser               // in the user's entity
	ownItem               // in the item's entity
)

// scope is a compiled tuple of key parts with the layout of its rows.
type scope struct {
	name   string
	owner  owner
	direct bool  // the owner's own row: no further parts
	sub    int   // which of the owner's tables of sub-rows, when not direct
	parts  []int // indices into the program's fields: the parts beside the owner
	seed   uint64
	words  int
	life   event.Time // how long what a row holds may count after it has changed; 0: for ever
	ever   bool       // some of it counts for ever
	most   int        // words that a row may take with its variable parts
	bagged []int      // places of the row's words that name variable parts

	// cache is the place where items remember the row of a group that depends on the item alone; -1: not such a group.
	cache int

	// byItem says that the key depends on the item: such rows are found once per candidate, the others once per list.
	byItem bool
}

// parseScope splits a definition's scope into its owner and the fields beside it.
func parseScope(parts []string) (o owner, fields []field, byItem bool, err error) {
	user, item := false, false
	for _, p := range parts {
		switch p {
		case "user":
			user = true
		case "item":
			item = true
		case "session":
			fields = append(fields, field{source: fromSession, key: "session", index: -1})
		case "global":
		default:
			f, err := parseField(p)
			if err != nil || f.source == fromTime {
				return 0, nil, false, fmt.Errorf("%q is not user, item, session, item.FIELD, user.FIELD or context.FIELD", p)
			}
			fields = append(fields, f)
			byItem = byItem || f.source == fromItem
		}
	}
	switch {
	case user && item:
		return ownUser, append(fields, field{source: fromItem, key: "", index: -1}), true, nil
	case user:
		return ownUser, fields, byItem, nil
	case item:
		return ownItem, fields, true, nil
	}
	return ownGroup, fields, byItem, nil
}

func scopeName(parts []string) string {
	if len(parts) == 0 {
		return "global"
	}
	return strings.Join(parts, ", ")
}
