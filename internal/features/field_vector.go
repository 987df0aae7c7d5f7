package features

// vectorField compiles a field of the item or the user that holds a vector of that size.
func (c *compiler) vectorField(key, name string, from source, size int) (int, error) {
	fl, err := parseField(name)
	if err != nil || fl.source != from || fl.index >= 0 {
		return 0, c.fail(key, "%q is not %s.FIELD with a vector", name, sourceNames[from])
	}
	fl.form, fl.n = formVector, size
	return c.field(fl), nil
}

var sourceNames = map[source]string{fromUser: "user", fromItem: "item"}
