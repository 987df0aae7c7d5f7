// Package config reads the server's YAML configuration.
//
// [Load] takes defaults, the file, the environment and flags, each overriding the one before, and answers with a
// checked [Config] or with every mistake it found: file, line, column, key, and what to do about it. Mistakes that only a
// later stage can see (a feature that does not compile) are addressed by the path of the key, such as
// features[3].window, and [Config.Errorf] gives them a place in the file as well.
//
// The structs are the configuration's only definition: docs/configuration.md is tested against them. Keys are the
// yaml tags; time.Duration fields take 30m, 24h or 7d, [Size] fields 64MiB.
package config
