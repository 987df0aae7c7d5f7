package features

// Prefixes are the first bytes of the keys of a store's entries in a checkpoint, ascending.
func Prefixes() []byte { return []byte{prefixGroup, prefixMatch, prefixItem, prefixUser, prefixType} }

// Owns reports whether entries whose keys have this first byte are a store's.
func Owns(prefix byte) bool {
	for _, p := range Prefixes() {
		if p == prefix {
			return true
		}
	}
	return false
}

// Entities are the prefixes of items and users: what is known of them follows from the log alone, whatever the definitions.
func Entities() []byte { return []byte{prefixItem, prefixUser} }

// StoredID is the id of the item or user that a value of a checkpoint is of; empty when it cannot be read.
func StoredID(value []byte) string {
	value, err := unversioned(value)
	d := decoder{b: value}
	if id := d.text(); err == nil && d.err == nil {
		return id
	}
	return ""
}
