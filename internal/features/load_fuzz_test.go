package features

import (
	"slices"
	"testing"
	"time"

	"recsvc/internal/dirty"
)

// rowDefinitions have every sort of cell under a user, an item, their sub-rows and a group.
func rowDefinitions() (defs []Definition) {
	for i, scope := range [][]string{{"user"}, {"item"}, {"user", "context.device"}, {"item", "context.device"}, {"context.device"}} {
		name := string(rune('a' + i))
		defs = append(defs,
			Definition{Name: name + "n", Kind: "count", Scope: scope, On: On("a"), Window: time.Hour},
			Definition{Name: name + "last", Kind: "last_k", Scope: scope, On: On("a"), N: 4, As: "ids"},
			Definition{Name: name + "top", Kind: "top_k", Scope: scope, On: On("a"), N: 4, As: "ids", Window: time.Hour},
			Definition{Name: name + "distinct", Kind: "distinct", Scope: scope, On: On("a"), Precision: 4, Window: time.Hour},
			Definition{Name: name + "ses", Kind: "session_count", Scope: scope, On: On("a"), Gap: time.Minute},
		)
	}
	return defs
}

func playRows(s *Store) {
	q := s.NewQuery()
	for i := range 9 {
		do(s, q, "a", "u", "i", t0.Add(time.Duration(i)*time.Minute))
	}
}

// An entry of a checkpoint that does not have the form of one is refused when it is loaded, and never ends in a panic. What its words mean is the
// matter of its checksum.
func FuzzLoadOfARow(f *testing.F) {
	s := storeOf(f, rowDefinitions(), Options{})
	playRows(s)
	keys := map[byte][]byte{}
	for key, value := range entriesOf(s) {
		keys[key[0]] = []byte(key)
		f.Add(key[0], value)
		f.Add(key[0], value[:len(value)/2])
	}
	f.Fuzz(func(t *testing.T, prefix byte, value []byte) {
		key, ok := keys[prefix]
		if !ok {
			return
		}
		s := storeOf(t, rowDefinitions(), Options{})
		if ok, err := s.Load(key, value, dirty.SumOf(key, value)); !ok || err != nil {
			return
		}
		s.LoadDone()
	})
}

func TestEveryByteOfAnEntryMayBeWrong(t *testing.T) {
	s := storeOf(t, rowDefinitions(), Options{})
	playRows(s)
	for key, value := range entriesOf(s) {
		for i := 1; i < len(value); i += 1 + i/64 {
			for _, x := range []byte{0, 255, value[i] + 1} {
				wrong := slices.Clone(value)
				wrong[i] = x
				o := storeOf(t, rowDefinitions(), Options{})
				if ok, err := o.Load([]byte(key), wrong, dirty.SumOf([]byte(key), wrong)); !ok {
					t.Errorf("%x is nobody's: %v", key, err)
				}
			}
		}
	}
}
