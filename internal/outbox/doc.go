// Package outbox sends what waits in an outbox to webhooks, until each receiver has answered well or has been given up.
//
// What waits is told by a [Box], which is also told what has been delivered: who writes that down durably sends nothing again but what
// was under way at a crash. So a message may arrive twice, always with the same id, and never less than once. Messages of one receiver are
// sent side by side, in no particular order.
package outbox
