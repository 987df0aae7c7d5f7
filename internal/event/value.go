package event

// ValueKind is the type of a Value. The numbers are part of the binary form: never reuse one.
type ValueKind uint8

// The types of value that a flat map can hold.
const (
	Null   ValueKind = 0 // in an upsert: remove the key
	Number ValueKind = 1
	Bool   ValueKind = 2
	String ValueKind = 3
	List   ValueKind = 4 // of strings; numbers in it stand as their shortest decimal texts
)

// Value is a string, a finite number, a bool, a list of strings, or null.
type Value struct {
	Kind ValueKind
	Num  float64 // Number; Bool: 0 or 1
	Str  string
	List []string
}

// Attribute is one key of a flat map.
type Attribute struct {
	Key   string
	Value Value
}

// Attributes is a flat map, sorted by key, keys unique.
type Attributes []Attribute

// Get returns the value of key. It is a linear search: the maps are small.
func (a Attributes) Get(key string) (Value, bool) {
	for i := range a {
		if a[i].Key == key {
			return a[i].Value, true
		}
	}
	return Value{}, false
}
