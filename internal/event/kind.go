package event

import "fmt"

// kindNames are the values of the Kafka header `kind`; never change one.
var kindNames = [...]string{
	KindEvent: "event", KindItem: "item", KindUser: "user", KindServed: "served",
	KindControl: "control", KindTick: "tick", KindDeadLetter: "dead_letter",
}

// String returns the name of k, as it stands in the Kafka header `kind`.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return kindNames[k]
}

// ParseKind is the inverse of String. The empty name is a behaviour event: that is what a message
// without the header holds.
func ParseKind(name string) (Kind, error) {
	if name == "" {
		return KindEvent, nil
	}
	for k, known := range kindNames {
		if known == name && k != 0 {
			return Kind(k), nil
		}
	}
	return 0, fmt.Errorf("unknown kind of record %q", name)
}

// typeNames are the behaviour types with a one-byte code in the binary form: the index is the code.
// Append only; code 0 means that the name is spelt out.
var typeNames = [...]string{
	1: "exposure", 2: "click", 3: "dwell", 4: "view", 5: "long_view", 6: "like", 7: "dislike",
	8: "share", 9: "follow", 10: "comment", 11: "cart", 12: "purchase", 13: "rating", 14: "search",
	15: "enter", 16: "exit", 17: "hide", 18: "comment_dwell", 19: "profile_dwell",
}

// typeCode returns the code of a behaviour type, 0 when it has none.
func typeCode(name string) uint8 {
	switch name { // a compiled switch: five times faster than a map
	case "exposure":
		return 1
	case "click":
		return 2
	case "dwell":
		return 3
	case "view":
		return 4
	case "long_view":
		return 5
	case "like":
		return 6
	case "dislike":
		return 7
	case "share":
		return 8
	case "follow":
		return 9
	case "comment":
		return 10
	case "cart":
		return 11
	case "purchase":
		return 12
	case "rating":
		return 13
	case "search":
		return 14
	case "enter":
		return 15
	case "exit":
		return 16
	case "hide":
		return 17
	case "comment_dwell":
		return 18
	case "profile_dwell":
		return 19
	}
	return 0
}

// sharedType returns a constant equal to name where there is one, so that the types of millions of
// records do not each hold on to a buffer.
func sharedType(name string) string {
	if code := typeCode(name); code != 0 {
		return typeNames[code]
	}
	return name
}
