// Package arrows holds no code, only the test that keeps the rooms apart: which package of this module may import
// which. When it fails, the import is wrong, not the table; a new room enters the table with the reason for it.
package arrows
