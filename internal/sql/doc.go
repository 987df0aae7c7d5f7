// Package sql compiles aggregates written as SQL to definitions of features: the same kinds that YAML declares, with the same
// windows, in the same state. docs/sql.md tells which statements there are.
//
// The text is parsed by PostgreSQL's own parser, compiled to WebAssembly: it is instantiated when the first statement is
// compiled, which takes some seconds of one core and some tens of megabytes, and costs nothing where no SQL is used. What the
// parser takes and no kind can do is refused, with the place in the text.
//
// [Compile] may be called by several goroutines.
package sql
