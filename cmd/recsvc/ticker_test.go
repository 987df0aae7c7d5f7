package main

import (
	"slices"
	"testing"
)

func TestAPartitionIsQuietByItself(t *testing.T) {
	for _, tc := range []struct {
		name         string
		stands, last map[int32]stand
		want         []int32
	}{
		{"the first look", map[int32]stand{0: {5, 5}}, nil, nil},
		{"nothing has moved", map[int32]stand{0: {5, 5}}, map[int32]stand{0: {5, 5}}, []int32{0}},
		{"an empty one", map[int32]stand{0: {}}, map[int32]stand{0: {}}, []int32{0}},
		{"it has moved", map[int32]stand{0: {6, 6}}, map[int32]stand{0: {5, 5}}, nil},
		{"it is behind", map[int32]stand{0: {5, 6}}, map[int32]stand{0: {5, 6}}, nil},
		{"it was behind", map[int32]stand{0: {6, 6}}, map[int32]stand{0: {5, 6}}, nil},
		{"one is behind, one moves, two are quiet",
			map[int32]stand{3: {9, 9}, 0: {5, 500}, 1: {7, 7}, 2: {4, 4}}, map[int32]stand{3: {9, 9}, 0: {3, 500}, 1: {6, 6}, 2: {4, 4}}, []int32{2, 3}},
		{"one is new", map[int32]stand{0: {5, 5}, 1: {}}, map[int32]stand{0: {5, 5}}, []int32{0}},
	} {
		if got := quiet(tc.stands, tc.last); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
