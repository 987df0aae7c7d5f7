// Package deploy holds what runs around the server, and tests that it is well-formed: no container engine is needed
// to find a mistyped service name, a file that is mounted but missing, or a dashboard that asks for a metric which
// does not exist.
package deploy
