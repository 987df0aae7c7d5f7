// Package configs holds the configurations that come with recsvc.
package configs

import _ "embed"

// Default is used when no configuration is named.
//
//go:embed default.yaml
var Default []byte

// KuaiRand is what the demo and the benchmarks run with.
//
//go:embed kuairand.yaml
var KuaiRand []byte

// Live is an example: a shop in live streams, with patterns.
//
//go:embed live.yaml
var Live []byte
