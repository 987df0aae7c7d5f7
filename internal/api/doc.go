// Package api is the HTTP interface: it decodes, calls a room, and encodes. It decides nothing of its own beside who
// may ask for what, and which status an error has.
//
// [New] takes the rooms as small interfaces ([Rooms]) and answers with an http.Handler; [API.Serve] runs it with the
// time-outs and the orderly end that a server on the open net needs. One table (routes.go) makes both the
// router and /openapi.json.
//
// Everything is open to anyone only where it must be: the page, health, metrics and the description. All else, existing
// or not, asks for a key first, so that an answer without one tells nothing. Without keys the server is for this machine
// alone: [CheckListen] refuses other addresses, and requests under another host name or from another site's page are
// refused.
//
// The hot answers (lists, 202s) are appended to a pooled buffer by hand; all others go through encoding/json. Both
// are described by the same types, and a test holds them together.
package api
